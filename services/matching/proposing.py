"""A checked plan becomes a version of the hub's timetable, all of it in one transaction, or nothing where nothing changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.matching import jobs
from services.matching.agreed import Agreed, ReturnedSession, Told, agreed_from_json, agreed_to_json, repeats
from services.matching.encounters import as_encounter, compared, name_encounters
from services.matching.handlers import SOURCE
from services.matching.jobs import LeasedJob
from services.matching.planning.clock import Clock, local_time
from services.matching.planning.model import Offer, Position, Problem, Session, Timetable
from services.matching.planning.rules import Known
from services.matching.planning.telling import reason_sentence
from services.matching.planning.writing import json_number
from services.matching.projection import read_in_force, read_returned
from services.matching.tables import InForce, PlannedSession, PlanVersion
from shared.envelope import new_event, new_id
from shared.events.data import EventData
from shared.events.facts import HubRegistered
from shared.events.fields import AttendanceOf
from shared.events.plans import (
    PlanningEnded,
    RemedyProposed,
    SessionProposed,
    ShortfallExplained,
    TimetableProposed,
)
from shared.outbox import send

PROPOSED, UNCHANGED = "proposed", "unchanged"
_ROWS_A_STATEMENT = 2000
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that the checker has passed: both planning files (gzip), what they say, and what the problem was built of.

    `returned` is what had been returned when its problem was built.
    """

    hub: HubRegistered
    problem: Problem
    timetable: Timetable
    sentences: Sequence[str]
    problem_file: bytes
    timetable_file: bytes
    changes_seen: int
    lost_pins: Mapping[str, str]
    returned: Sequence[ReturnedSession] = ()


class DecidedMeanwhile(Exception):
    """While the plan was made, a coordinator returned what it has again: it is to be made anew."""


def sentences_of(problem: Problem, timetable: Timetable) -> list[str]:
    """Say for each unmet group, in order, why it is left out."""
    known = Known(problem)
    return [reason_sentence(known, unmet) for unmet in timetable.unmet]


async def propose(session: AsyncSession, job: LeasedJob, plan: Plan, prefix: str) -> str:
    """End the job, and publish the plan as the hub's next version, unless it says what is in force already.

    Returns `proposed` or `unchanged`. Raises LeaseLost or DecidedMeanwhile, and then nothing is published.
    """
    await jobs.end(session, job, "done")
    _check_not_returned(plan, await read_returned(session, plan.hub))
    told = {one.agreed.encounter: one for one in await read_in_force(session, plan.hub)}
    newest = await _newest(session, plan.hub)
    known = await _sessions(session, newest, plan.hub) if newest else []
    named = name_encounters(plan.timetable.sessions, [one.agreed for one in told.values()], known, new_id)
    comparison = _comparison(plan, named, told)
    nothing_open = newest is None or newest.published
    if told and nothing_open and len(named) == len(told) and set(comparison.values()) == {"kept"}:
        await _send(session, job, [_ended(job, UNCHANGED, plan)], prefix)
        return UNCHANGED
    version = newest.version + 1 if newest else 1
    parts = list(_parts(plan, version, named, comparison))
    header = _header(plan, job, version)
    session.add(
        PlanVersion(
            hub=job.hub,
            academic_year=plan.hub.academic_year,
            version=version,
            job=job.id,
            changes_seen=plan.changes_seen,
            header=header.model_dump(mode="json"),
            problem_file=plan.problem_file,
            timetable_file=plan.timetable_file,
        )
    )
    await session.flush()
    rows = _rows(plan, version, named)
    for first in range(0, len(rows), _ROWS_A_STATEMENT):
        await (await session.connection()).execute(insert(PlannedSession), rows[first : first + _ROWS_A_STATEMENT])
    await _send(session, job, [header, *parts, _ended(job, PROPOSED, plan, version)], prefix)
    return PROPOSED


def _check_not_returned(plan: Plan, returned: Sequence[ReturnedSession]) -> None:
    """Raise DecidedMeanwhile where the plan has what was returned after its problem was built."""
    news = [one for one in returned if one not in plan.returned]
    minutes = {offer.id: offer.duration_minutes for offer in plan.problem.offers} if news else {}
    for one in plan.timetable.sessions:
        if any(repeats(one, one.start + minutes[one.offer], new) for new in news):
            raise DecidedMeanwhile(one.id)


async def _send(session: AsyncSession, job: LeasedJob, parts: Sequence[EventData], prefix: str) -> None:
    cause = job.cause()
    await send(session, [new_event(SOURCE, part, cause=cause) for part in parts], prefix)


async def _newest(session: AsyncSession, hub: HubRegistered) -> PlanVersion | None:
    rows = await session.exec(
        select(PlanVersion)
        .where(col(PlanVersion.hub) == hub.hub, col(PlanVersion.academic_year) == hub.academic_year)
        .order_by(col(PlanVersion.version).desc())
        .limit(1)
    )
    return rows.first()


async def _sessions(session: AsyncSession, version: PlanVersion, hub: HubRegistered) -> list[Agreed]:
    """Read a version's sessions, but for those that people have been told are off: they are not taken up again."""
    clock = Clock(hub.time_zone)
    cancelled = select(InForce.encounter).where(col(InForce.hub) == version.hub, col(InForce.cancelled))
    rows = await session.exec(
        select(PlannedSession).where(
            col(PlannedSession.hub) == version.hub,
            col(PlannedSession.academic_year) == version.academic_year,
            col(PlannedSession.version) == version.version,
            col(PlannedSession.encounter).not_in(cancelled),
        )
    )
    return [agreed_from_json(row.session, clock) for row in rows]


def _rows(plan: Plan, version: int, named: Mapping[str, str]) -> list[dict[str, Any]]:
    minutes = {offer.id: offer.duration_minutes for offer in plan.problem.offers}
    return [
        {
            "hub": plan.hub.hub,
            "academic_year": plan.hub.academic_year,
            "version": version,
            "encounter": named[one.id],
            "session": agreed_to_json(as_encounter(one, named[one.id], minutes[one.offer])),
        }
        for one in plan.timetable.sessions
    ]


def _ended(job: LeasedJob, outcome: str, plan: Plan, version: int | None = None) -> PlanningEnded:
    lost = list(plan.lost_pins.values())
    message = ""
    if lost:
        more = f" (and {len(lost) - _MOST_NAMED} more)" if len(lost) > _MOST_NAMED else ""
        message = f"{len(lost)} pinned sessions can't be kept any more: {' '.join(lost[:_MOST_NAMED])}{more}"
    return PlanningEnded(hub=job.hub, job=job.id, outcome=outcome, version=version, message=message)


def _header(plan: Plan, job: LeasedJob, version: int) -> TimetableProposed:
    timetable, proof = plan.timetable, plan.timetable.proof
    changes = next((int(level.value) for level in timetable.levels if level.name == "changes"), 0)
    return TimetableProposed(
        hub=plan.hub.hub,
        academic_year=plan.hub.academic_year,
        version=version,
        job=job.id,
        problem_sha256=timetable.problem_sha256,
        repair=plan.problem.policy.repair,
        sessions=len(timetable.sessions),
        shortfalls=len(timetable.unmet),
        remedies=len(timetable.remedies),
        students=sum(group.size for group in plan.problem.groups),
        covered=proof.covered,
        bound=proof.bound,
        gap=proof.gap,
        method=proof.method,
        certified_bound=proof.certified_bound,
        changes=changes,
        levels=tuple(
            {
                "name": level.name,
                "value": json_number(level.value),
                "bound": None if level.bound is None else json_number(level.bound),
            }
            for level in timetable.levels
        ),
        seconds=float(timetable.stats.get("seconds", 0)),
    )


def _parts(plan: Plan, version: int, named: Mapping[str, str], comparison: Mapping[str, str]) -> Iterator[EventData]:
    """Give what follows the header: sessions in order of start, shortfalls, remedies from the best on."""
    of = {"hub": plan.hub.hub, "academic_year": plan.hub.academic_year, "version": version}
    offers = {offer.id: offer for offer in plan.problem.offers}
    schools = {school.id: school.position for school in plan.problem.schools}
    groups = {group.id: group for group in plan.problem.groups}
    for one in sorted(plan.timetable.sessions, key=lambda session: (session.start, session.id)):
        offer = offers[one.offer]
        yield SessionProposed(
            **of,
            encounter=named[one.id],
            session=one.id,
            offer=one.offer,
            employer=offer.employer,
            mode=offer.mode,
            start=local_time(one.start),
            end=local_time(one.start + offer.duration_minutes),
            time_zone=plan.hub.time_zone,
            school=one.school,
            position=_place(one, offer, schools),
            attendances=tuple(
                AttendanceOf(
                    group=each.group,
                    school=groups[each.group].school,
                    year=groups[each.group].year,
                    students=each.students,
                )
                for each in one.attendances
            ),
            compared=comparison[one.id],
        )
    for unmet, sentence in zip(plan.timetable.unmet, plan.sentences, strict=True):
        yield ShortfallExplained(
            **of,
            group=unmet.group,
            school=groups[unmet.group].school,
            students=unmet.students,
            code=unmet.code,
            facts=unmet.facts,
            sentence=sentence,
        )
    for rank, remedy in enumerate(plan.timetable.remedies, start=1):
        yield RemedyProposed(
            **of,
            rank=rank,
            text=remedy.text,
            kind=remedy.kind,
            cost_minutes=remedy.cost_minutes,
            would_cover=remedy.would_cover,
        )


def _comparison(plan: Plan, named: Mapping[str, str], told: Mapping[str, Told]) -> dict[str, str]:
    """Compare each session with what people have been told."""
    offers = {offer.id: offer for offer in plan.problem.offers}
    schools = {school.id: school.position for school in plan.problem.schools}
    return {
        one.id: compared(one, offers[one.offer], _place(one, offers[one.offer], schools), told.get(named[one.id]))
        for one in plan.timetable.sessions
    }


def _place(session: Session, offer: Offer, schools: Mapping[str, Position]) -> Position | None:
    if session.school is not None:
        return schools[session.school]
    return offer.position if offer.mode == "workplace" else None
