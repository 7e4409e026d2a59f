"""Timetables as matching proposes them: parts are gathered, and a version is opened for review once it is complete."""

# ruff: noqa: S608 - what is put into the queries are constants of this module, never input
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.projecting import Values, table_of
from services.portal.tables import Remedy, Row, SessionRow, Shortfall, Timetable, now
from shared.envelope import Event
from shared.events.plans import (
    OfPlanning,
    OfTimetable,
    PlanningEnded,
    PlanningProgressed,
    PlanningStarted,
    RemedyProposed,
    SessionProposed,
    ShortfallExplained,
    TimetableProposed,
)


def _key(part: OfTimetable) -> Values:
    return {"hub": part.hub, "academic_year": part.academic_year, "version": part.version}


def _header(part: TimetableProposed) -> Values:
    return {**_key(part), "complete": False, "data": part.model_dump(mode="json"), "received_at": now()}


def _session(part: SessionProposed) -> Values:
    return {
        **_key(part),
        "encounter": part.encounter,
        "employer": part.employer,
        "mode": part.mode,
        "start": part.start,
        "schools": sorted({attendance.school for attendance in part.attendances}),
        "students": sum(attendance.students for attendance in part.attendances),
        "compared": part.compared,
        "state": "proposed",
        "stands": False,
        "pinned": False,
        "data": part.model_dump(mode="json", exclude={"compared"}),
    }


def _shortfall(part: ShortfallExplained) -> Values:
    return {
        **_key(part), "group": part.group, "school": part.school, "students": part.students,
        "code": part.code, "sentence": part.sentence,
    }  # fmt: skip


def _remedy(part: RemedyProposed) -> Values:
    return {
        **_key(part), "rank": part.rank, "text": part.text, "kind": part.kind,
        "cost_minutes": part.cost_minutes, "would_cover": part.would_cover,
    }  # fmt: skip


_PARTS: dict[type[OfTimetable], tuple[type[Row], Any]] = {
    TimetableProposed: (Timetable, _header),
    SessionProposed: (SessionRow, _session),
    ShortfallExplained: (Shortfall, _shortfall),
    RemedyProposed: (Remedy, _remedy),
}


async def keep_timetables(session: AsyncSession, events: Sequence[Event[OfTimetable]]) -> None:
    """Keep parts of proposed timetables; a version whose parts are all here becomes the one under review."""
    rows: dict[type[Row], list[Values]] = {}
    for event in events:
        row, values_of = _PARTS[type(event.data)]
        rows.setdefault(row, []).append(values_of(event.data))
    connection = await session.connection()
    for row, batch in rows.items():
        await connection.execute(insert(table_of(row)).on_conflict_do_nothing(), batch)
    touched = {(event.data.hub, event.data.academic_year, event.data.version) for event in events}
    for hub, academic_year, version in sorted(touched):
        await _open_when_complete(session, {"hub": hub, "year": academic_year, "version": version})


_PART = "hub = :hub AND academic_year = :year AND version = :version"

_COMPLETE = text(
    f"UPDATE timetables SET complete = true WHERE {_PART} AND NOT complete "
    f"AND (SELECT count(*) FROM sessions WHERE {_PART}) >= CAST(data->>'sessions' AS int) "
    f"AND (SELECT count(*) FROM shortfalls WHERE {_PART}) >= CAST(data->>'shortfalls' AS int) "
    f"AND (SELECT count(*) FROM remedies WHERE {_PART}) >= CAST(data->>'remedies' AS int) RETURNING 1"
)

_LOCK_HEAD = text("SELECT academic_year, version FROM heads WHERE hub = :hub FOR UPDATE")

_NEW_HEAD = text(
    "INSERT INTO heads (hub, academic_year, version) VALUES (:hub, :year, :version) "
    "ON CONFLICT (hub) DO UPDATE SET academic_year = excluded.academic_year, version = excluded.version"
)

_REVIEWED = text(
    "SELECT encounter, start, data->>'end' AS end, data->>'offer' AS offer, data->>'school' AS school, state, why, "
    "reason, pinned, mode, data->'position' AS position, data->'attendances' AS attendances, "
    "CAST(start AS timestamp) AT TIME ZONE (data->>'time_zone') <= now() AS started "
    f"FROM sessions WHERE {_PART}"
)
_STAND = text(
    f"UPDATE sessions SET state = 'approved', stands = true WHERE {_PART} "
    "AND encounter = ANY(CAST(:encounters AS text[]))"
)
_RETURN_AGAIN = text(
    f"UPDATE sessions SET state = 'returned', why = :why, reason = :reason, pinned = false, decided_at = now() "
    f"WHERE {_PART} AND encounter = :encounter"
)
_PINNED = text(f"UPDATE sessions SET pinned = true WHERE {_PART} AND encounter = ANY(CAST(:encounters AS text[]))")


async def _open_when_complete(session: AsyncSession, version: Values) -> None:
    """Open a complete version for review; approvals stand where nothing of the session has changed.

    What was returned while the version was being planned is returned in it as well.
    """
    connection = await session.connection()
    if not (await connection.execute(_COMPLETE, version)).first():
        return
    head = (await connection.execute(_LOCK_HEAD, {"hub": version["hub"]})).first()
    if head and (head.academic_year, head.version) > (version["year"], version["version"]):
        return
    await connection.execute(_NEW_HEAD, version)
    if head and head.academic_year == version["year"]:
        before = (await connection.execute(_REVIEWED, {**version, "version": head.version})).all()
        new = (await connection.execute(_REVIEWED, version)).all()
        standing, pinned = carried_over(before, new)
        await connection.execute(_STAND, {**version, "encounters": standing})
        await connection.execute(_PINNED, {**version, "encounters": pinned})
        for one, old in returned_before(before, new):
            again = {"encounter": one.encounter, "why": old.why, "reason": old.reason}
            await connection.execute(_RETURN_AGAIN, {**version, **again})


class Reviewed(Protocol):
    """A session as far as its review goes on from version to version; times are local, `started` says that it has begun."""

    encounter: str
    start: str
    end: str
    offer: str
    school: str | None
    state: str
    why: str | None
    reason: str | None
    pinned: bool
    started: bool
    mode: str
    position: Sequence[float] | None
    attendances: Sequence[Mapping[str, Any]]


def carried_over(before: Sequence[Any], new: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Give the encounters of a new version whose approval stands, and those whose pin does; both take `Reviewed`.

    An approval stands while times, kind, place and attendances (in whatever order) are as they were; a pin while the
    encounter lives.
    """
    kept: dict[str, Reviewed] = {one.encounter: one for one in before if one.state != "returned"}
    met = [(one, kept[one.encounter]) for one in new if one.encounter in kept]
    standing = [one.encounter for one, old in met if old.state in ("approved", "published") and _same(one, old)]
    return standing, [one.encounter for one, old in met if old.pinned]


def returned_before(before: Sequence[Any], new: Sequence[Any]) -> list[tuple[Reviewed, Reviewed]]:
    """Give the sessions of a new version that were returned in the one before, each with what it repeats.

    A session that has begun is past deciding.
    """
    returned: list[Reviewed] = [one for one in before if one.state == "returned"]
    found = ((one, next((old for old in returned if _repeats(one, old)), None)) for one in new if not one.started)
    return [(one, old) for one, old in found if old]


def _repeats(one: Reviewed, returned: Reviewed) -> bool:
    shared = _groups(one) & _groups(returned)
    if returned.why == "not_this_time":
        return bool(shared) and one.start < returned.end and returned.start < one.end
    if one.offer != returned.offer:
        return False
    return one.school == returned.school if returned.school is not None else bool(shared)


def _groups(reviewed: Reviewed) -> set[str]:
    return {attendance["group"] for attendance in reviewed.attendances}


def _same(one: Reviewed, other: Reviewed) -> bool:
    def who(reviewed: Reviewed) -> list[tuple[str, int]]:
        return sorted((attendance["group"], attendance["students"]) for attendance in reviewed.attendances)

    def what(reviewed: Reviewed) -> tuple[Any, ...]:
        return reviewed.start, reviewed.end, reviewed.mode, reviewed.position

    return what(one) == what(other) and who(one) == who(other)


_RUN = text(
    "INSERT INTO planning_runs (job, hub, state, why, budget_seconds, students, groups, offers, phase, covered, bound, "
    "seconds, outcome, message, began_at, changed_at) VALUES (:job, :hub, 'running', :why, :budget_seconds, :students, "
    ":groups, :offers, '', 0, 0, 0, '', '', now(), now()) ON CONFLICT (job) DO UPDATE SET state = 'running', "
    "why = excluded.why, budget_seconds = excluded.budget_seconds, students = excluded.students, "
    "groups = excluded.groups, offers = excluded.offers, changed_at = now() WHERE planning_runs.state <> 'ended'"
)
_PROGRESS = text(
    "UPDATE planning_runs SET state = 'running', phase = :phase, covered = :covered, bound = :bound, "
    "seconds = :seconds, changed_at = now() WHERE job = :job AND state <> 'ended'"
)
_ENDED = text(
    "INSERT INTO planning_runs (job, hub, state, why, budget_seconds, students, groups, offers, phase, covered, bound, "
    "seconds, outcome, version, message, began_at, changed_at) VALUES (:job, :hub, 'ended', '', 0, 0, 0, 0, '', 0, 0, "
    "0, :outcome, :version, :message, now(), now()) ON CONFLICT (job) DO UPDATE SET state = 'ended', "
    "outcome = excluded.outcome, version = excluded.version, message = excluded.message, changed_at = now()"
)


async def keep_planning(session: AsyncSession, events: Sequence[Event[OfPlanning]]) -> None:
    """Keep how planning runs go: of each run its start, its latest progress and its end."""
    started = {event.data.job: event.data for event in events if isinstance(event.data, PlanningStarted)}
    progressed = {event.data.job: event.data for event in events if isinstance(event.data, PlanningProgressed)}
    ended = {event.data.job: event.data for event in events if isinstance(event.data, PlanningEnded)}
    connection = await session.connection()
    for statement, newest in ((_RUN, started), (_PROGRESS, progressed), (_ENDED, ended)):
        batch = [
            {**data.model_dump(exclude={"seconds"}), "seconds": getattr(data, "seconds", 0)} for data in newest.values()
        ]
        if statement is _RUN:
            batch = [{**values, "budget_seconds": values["seconds"]} for values in batch]
        if batch:
            await connection.execute(statement, batch)
