"""What the portal does with what it reads: a polled batch becomes a few statements on its read models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.projecting import keep_answers, keep_facts, keep_told
from services.portal.timetables import keep_planning, keep_timetables
from shared.envelope import Event
from shared.events.encounters import EncounterTold
from shared.events.facts import Answer, Fact
from shared.events.plans import OfPlanning, OfTimetable
from shared.service import Reads
from shared.topics import ANSWERS, ENCOUNTERS, FACTS, PLANNING, TIMETABLES

_KEPT_BY = ((Fact, keep_facts), (Answer, keep_answers), (OfPlanning, keep_planning), (OfTimetable, keep_timetables),
            (EncounterTold, keep_told))  # fmt: skip


async def handle(session: AsyncSession, events: Sequence[Event[Any]]) -> None:
    """Keep what the events say; those of no concern to the portal are passed over."""
    for kind, keep in _KEPT_BY:
        batch: list[Event[Any]] = [event for event in events if isinstance(event.data, kind)]
        if batch:
            await keep(session, batch)


READS = (Reads([FACTS, ANSWERS], handle), Reads([PLANNING, TIMETABLES], handle), Reads([ENCOUNTERS], handle))
