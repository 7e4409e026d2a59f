"""Takes submissions: a polled batch is decided in its order, in one transaction and a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from services.intake.answering import answer_wrong_shape, answers, subject_fault
from services.intake.deciding import decide
from services.intake.staging import StagedFile, batch_of, decide_together, stage, stage_wrong
from services.intake.store import load, lock, save
from shared.envelope import Event, WrongShape
from shared.events.submissions import RegisterHub, RegisterSchool, Submission
from shared.logging import get_logger
from shared.outbox import send

_ORDER = ("hub", "school", "employer")
"""Whose submissions go first in a batch: only those of one organisation have an order of their own."""


class Submissions:
    """Intake's handler of submissions; `prefix` goes before the topics it answers on."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._log = get_logger(service="intake")

    async def take(self, session: AsyncSession, events: Sequence[Event[Any]]) -> None:
        """Decide on a batch: facts for what is accepted, an answer for all else."""
        submitted: list[Event[Submission]] = [event for event in events if isinstance(event.data, Submission)]
        wrong = [(event, fault) for event in submitted if (fault := subject_fault(event))]
        unfit = {id(event) for event, _ in wrong}
        sound = [event for event in submitted if id(event) not in unfit]
        whole = [event for event in sound if event.data.batch and event.data.batch.take == "all"]
        single = [event for event in sound if not (event.data.batch and event.data.batch.take == "all")]
        connection = await session.connection()
        wide = any(isinstance(event.data, RegisterHub | RegisterSchool) for event in single)
        await lock(connection, alone=wide or bool(whole))
        staging = await stage(connection, whole)
        answered = [answer for event, refused in (*wrong, *staging.refused) for answer in answers(event, refused)]
        answered += await self._decide(session, single, staging.complete)
        await send(session, answered, self._prefix)
        self._log.info("intake.batch.decided", submissions=len(submitted), answers=len(answered))

    async def refuse(self, session: AsyncSession, faults: Sequence[WrongShape]) -> None:
        """Tell the senders of submissions of a wrong shape, where it can be told who they are."""
        told = [answer for fault in faults if (answer := answer_wrong_shape(fault))]
        rows = [(fault, batch) for fault in faults if (batch := batch_of(fault)) and batch.take == "all"]
        if rows:
            connection = await session.connection()
            await lock(connection, alone=True)
            told += await self._decide(session, [], await stage_wrong(connection, rows))
        await send(session, told, self._prefix)

    async def _decide(
        self, session: AsyncSession, single: Sequence[Event[Submission]], files: Sequence[StagedFile]
    ) -> list[Event[Any]]:
        submissions = [event.data for event in single]
        submissions += [event.data for file in files for _, event in file.events]
        if not submissions:
            return []
        connection = await session.connection()
        register = await load(connection, submissions)
        known = dict(register.entries)
        answered: list[Event[Any]] = []
        for event in sorted(single, key=_turn):
            answered += answers(event, decide(event.data, register))
        for file in files:
            outcomes, register = decide_together(file, register)
            answered += [answer for event, outcome in outcomes for answer in answers(event, outcome)]
        await save(connection, register, known)
        return answered


def _turn(event: Event[Submission]) -> int:
    return _ORDER.index(event.data.organisation().partition(":")[0])
