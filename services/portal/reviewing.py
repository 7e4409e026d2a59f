"""Review of a proposed timetable: what is decided, and when it may be. Who may decide stands in `permissions.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.permissions import Principal, check_may_coordinate
from services.portal.problems import NotFound, OutOfDate
from services.portal.submitting import SOURCE
from services.portal.tables import AuditEntry, Head, HubRow, PlanningRun, SessionRow, Timetable, now
from shared.envelope import Event, new_event, new_id
from shared.events.data import EventData
from shared.events.decisions import (
    CancelPlanning,
    Decision,
    RequestPlan,
    SessionApproved,
    SessionPinned,
    SessionPublished,
    SessionReturned,
    TimetablePublished,
)
from shared.outbox import send


class State(StrEnum):
    """Where a session of a timetable's version stands in its review."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    RETURNED = "returned"
    PUBLISHED = "published"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.APPROVED, State.RETURNED}),
    State.APPROVED: frozenset({State.PUBLISHED, State.RETURNED}),
    State.PUBLISHED: frozenset({State.RETURNED}),
    State.RETURNED: frozenset(),
}
"""A returned session is never proposed again; a published one that is returned stays told until the next version is published."""

Why = Literal["not_this_time", "not_this_match"]


def diagram() -> str:
    """Draw the states as a Mermaid diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.PROPOSED}"]
    lines += [
        f"    {before} --> {after}"
        for before, following in TRANSITIONS.items()
        for after in State
        if after in following
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision changed: how many sessions, and how many were so already."""

    version: int
    changed: int
    were_so_already: int


class Review:
    """The newest version of one hub's timetable, locked: decisions of a hub are taken one after another."""

    def __init__(self, session: AsyncSession, prefix: str, principal: Principal, head: Head) -> None:
        self._session = session
        self._prefix = prefix
        self._principal = principal
        self.hub = head.hub
        self.academic_year = head.academic_year
        self.version = head.version

    @classmethod
    async def open(cls, session: AsyncSession, prefix: str, principal: Principal, hub: str, version: int) -> Review:
        """Lock the version that the coordinator has seen. Raises NotYours, NotFound, and OutOfDate if a newer is there."""
        check_may_coordinate(principal, hub)
        head = (await session.exec(select(Head).where(Head.hub == hub).with_for_update())).first()
        if head is None:
            raise NotFound(f"The hub {hub} has no timetable yet: ask for a plan first.")
        if head.version != version:
            raise OutOfDate(
                f"You have decided about version {version}, but version {head.version} is the newest: look at it first."
            )
        return cls(session, prefix, principal, head)

    async def approve(self, encounters: Sequence[str] | None, seen: State | None = None) -> Decided:
        """Approve sessions; None approves all that are still proposed."""
        if encounters is None:
            rows = await self._rows(None, State.PROPOSED)
        else:
            rows = await self._rows(encounters)
        changing = _changing(rows, State.APPROVED, seen)
        await self._set(changing, {"state": State.APPROVED, "decided_at": now()})
        await self._record(
            changing,
            [SessionApproved(**self._about(row)) for row in changing],
            "approved",
        )
        return Decided(self.version, len(changing), len(rows) - len(changing))

    async def give_back(self, encounters: Sequence[str], why: Why, reason: str, seen: State | None = None) -> Decided:
        """Return sessions for ever, with the reason."""
        rows = await self._rows(encounters)
        changing = _changing(rows, State.RETURNED, seen)
        await self._set(
            changing,
            {"state": State.RETURNED, "decided_at": now(), "why": why, "reason": reason, "pinned": False},
        )
        await self._record(
            changing,
            [SessionReturned(**self._about(row), why=why, reason=reason) for row in changing],
            "returned",
            f"{why}: {reason}",
        )
        return Decided(self.version, len(changing), len(rows) - len(changing))

    async def pin(self, encounters: Sequence[str], *, pinned: bool) -> Decided:
        """Pin sessions, so that every plan keeps their attendances, or take the pins away."""
        rows = await self._rows(encounters)
        gone = [row.encounter for row in rows if row.state == State.RETURNED]
        if gone:
            raise OutOfDate(f"{_names(gone)} was returned, and can't be pinned.")
        changing = [row for row in rows if row.pinned != pinned]
        await self._set(changing, {"pinned": pinned})
        await self._record(
            changing,
            [SessionPinned(**self._about(row), pinned=pinned) for row in changing],
            "pinned" if pinned else "unpinned",
        )
        return Decided(self.version, len(changing), len(rows) - len(changing))

    async def publish(self) -> Decided:
        """Publish what is approved, once every session is decided; publishing twice changes nothing."""
        timetable = await self._session.get_one(Timetable, (self.hub, self.academic_year, self.version))
        if timetable.published_at is not None:
            return Decided(self.version, 0, timetable.published_sessions or 0)
        rows = await self._rows(None)
        undecided = sum(row.state == State.PROPOSED for row in rows)
        if undecided:
            raise OutOfDate(
                f"{undecided} of {len(rows)} sessions are not decided yet: approve or return them, then publish."
            )
        approved = [row for row in rows if row.state == State.APPROVED]
        await self._set(approved, {"state": State.PUBLISHED})
        timetable.published_at = now()
        timetable.published_sessions = len(approved)
        self._session.add(timetable)
        published: list[EventData] = [SessionPublished.model_validate(row.data) for row in approved]
        header = TimetablePublished(
            hub=self.hub, decided_by=self._principal.id, academic_year=self.academic_year, version=self.version,
            sessions=len(approved),
        )  # fmt: skip
        await self._send([*published, header])
        self._session.add(self._entry("published", detail=f"{len(approved)} sessions"))
        return Decided(self.version, len(approved), 0)

    async def _rows(self, encounters: Sequence[str] | None, state: State | None = None) -> list[SessionRow]:
        query = (
            select(SessionRow)
            .where(
                SessionRow.hub == self.hub, SessionRow.academic_year == self.academic_year,
                SessionRow.version == self.version,
            )
            .order_by(SessionRow.start, SessionRow.encounter)
        )  # fmt: skip
        if state is not None:
            query = query.where(SessionRow.state == state)
        if encounters is not None:
            query = query.where(col(SessionRow.encounter).in_(set(encounters)))
        rows = list(await self._session.exec(query))
        if encounters is not None:
            unknown = sorted(set(encounters) - {row.encounter for row in rows})
            if unknown:
                raise NotFound(f"{_names(unknown)} is not in version {self.version} of this timetable.")
        return rows

    async def _set(self, rows: Sequence[SessionRow], values: dict[str, Any]) -> None:
        if rows:
            await self._session.exec(
                update(SessionRow)
                .where(
                    col(SessionRow.hub) == self.hub, col(SessionRow.academic_year) == self.academic_year,
                    col(SessionRow.version) == self.version,
                    col(SessionRow.encounter).in_([row.encounter for row in rows]),
                )
                .values(**values)
                .execution_options(synchronize_session=False)
            )  # fmt: skip

    def _about(self, row: SessionRow) -> dict[str, Any]:
        return {
            "hub": self.hub, "decided_by": self._principal.id, "version": self.version, "encounter": row.encounter,
        }  # fmt: skip

    async def _record(
        self, rows: Sequence[SessionRow], decisions: Sequence[Decision], decision: str, detail: str = ""
    ) -> None:
        await self._send(decisions)
        self._session.add_all(self._entry(decision, row.encounter, detail) for row in rows)

    def _entry(self, decision: str, encounter: str | None = None, detail: str = "") -> AuditEntry:
        return AuditEntry(
            hub=self.hub, decided_by=self._principal.id, decision=decision, version=self.version, encounter=encounter,
            detail=detail,
        )  # fmt: skip

    async def _send(self, decisions: Sequence[EventData]) -> None:
        events: list[Event[Any]] = [new_event(SOURCE, decision) for decision in decisions]
        await send(self._session, events, self._prefix)


def _changing(rows: Sequence[SessionRow], to: State, seen: State | None) -> list[SessionRow]:
    """Give the rows that `to` changes. Raises OutOfDate where one can't go there, or is no longer as it was seen."""
    changing = [row for row in rows if row.state != to]
    for row in changing:
        state = State(row.state)
        if (seen is not None and state != seen) or to not in TRANSITIONS[state]:
            when = f" at {_clock(row.decided_at)}" if row.decided_at else ""
            raise OutOfDate(
                f"{row.encounter} was {state}{when}, so it can't be {to} now: look at it again. Nothing was changed."
            )
    return changing


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M UTC")


def _names(encounters: Sequence[str]) -> str:
    more = f" and {len(encounters) - 1} more" if len(encounters) > 1 else ""
    return f"Encounter {encounters[0]}{more}"


async def request_plan(
    session: AsyncSession, prefix: str, principal: Principal, hub: str, seconds: float, not_before: str | None = None
) -> str:
    """Ask matching for a plan of a hub with a budget in seconds; returns the planning run's id.

    No new session starts before `not_before`, a local time of the hub; None plans the whole year.
    """
    check_may_coordinate(principal, hub)
    if await session.get(HubRow, hub) is None:
        raise NotFound(f"The hub {hub} is not registered: register it first.")
    job = new_id()
    session.add(PlanningRun(job=job, hub=hub, state="requested", why="asked for", budget_seconds=seconds))
    session.add(AuditEntry(hub=hub, decided_by=principal.id, decision="plan requested", detail=f"{seconds:g} seconds"))
    await session.flush()
    request = RequestPlan(hub=hub, decided_by=principal.id, job=job, seconds=seconds, not_before=not_before)
    await send(session, [new_event(SOURCE, request)], prefix)
    return job


async def cancel_planning(session: AsyncSession, prefix: str, principal: Principal, hub: str, job: str) -> None:
    """Ask matching to stop a planning run. Raises NotFound, and OutOfDate when it is over."""
    check_may_coordinate(principal, hub)
    run = (await session.exec(select(PlanningRun).where(PlanningRun.job == job, PlanningRun.hub == hub))).first()
    if run is None:
        raise NotFound("There is no such planning run of this hub.")
    if run.state == "ended":
        raise OutOfDate(f"This planning run is over already: {run.outcome}.")
    session.add(AuditEntry(hub=hub, decided_by=principal.id, decision="planning cancelled", detail=job))
    await send(session, [new_event(SOURCE, CancelPlanning(hub=hub, decided_by=principal.id, job=job))], prefix)
