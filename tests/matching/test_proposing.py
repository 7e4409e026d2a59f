"""A plan becomes a version: new, kept or moved beside what is in force, or nothing where it says the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from services.matching import jobs
from services.matching.engine import PlanningFailed
from services.matching.handlers import Handlers
from services.matching.jobs import LeasedJob, LeaseLost
from services.matching.planning.model import Proof, Session, Timetable, Unmet
from services.matching.problem import Projection, build_problem
from services.matching.projection import read_returned
from services.matching.proposing import DecidedMeanwhile, Plan, propose, sentences_of
from services.matching.worker import Worker
from shared.database import Database, service_database
from shared.envelope import new_event
from shared.events.decisions import RequestPlan, SessionPinned, SessionReturned, TimetablePublished
from shared.events.encounters import EncounterConfirmed
from shared.events.fields import AttendanceOf
from shared.outbox import Relay
from shared.settings import Settings
from tests.matching.test_problem import BEFORE_THE_YEAR, DAY, meets, small_hub


@pytest.fixture
async def database(ring_settings: Settings) -> AsyncIterator[Database]:
    database = service_database(ring_settings, "matching")
    yield database
    await database.close()


def plan_of(known: Projection, *sessions: Session) -> Plan:
    """Make a plan of these sessions by hand; all groups that none of them takes are unmet."""
    built = build_problem(known, BEFORE_THE_YEAR)
    met = {each.group: each.students for one in sessions for each in one.attendances}
    unmet = tuple(
        Unmet(group.id, group.size, "not-proven", {}) for group in built.problem.groups if group.id not in met
    )
    covered = sum(met.values())
    timetable = Timetable("0" * 64, sessions, (), Proof(covered, 60, (60 - covered) / 60, "students"), unmet)
    return Plan(
        hub=known.hub, problem=built.problem, timetable=timetable, sentences=sentences_of(built.problem, timetable),
        problem_file=b"", timetable_file=b"", changes_seen=0, lost_pins={},
    )  # fmt: skip


async def lease(database: Database, settings: Settings, hub: str, job: str, seconds: float = 30) -> LeasedJob:
    request = RequestPlan(hub=hub, decided_by="a1", job=job, seconds=5)
    async with database.transaction() as session:
        await Handlers(settings).decisions(session, [new_event("/portal", request)])
    leased = await jobs.lease(database, seconds)
    assert leased is not None
    return leased


async def proposed(database: Database, settings: Settings, plan: Plan, job: str) -> str:
    leased = await lease(database, settings, plan.hub.hub, job)
    async with database.transaction() as session:
        return await propose(session, leased, plan, settings.topic_prefix)


async def rows(database: Database, sql: str) -> list[Any]:
    async with database.transaction() as session:
        return list((await (await session.connection()).execute(text(sql))).all())


async def put_in_force(database: Database, settings: Settings, known: Projection) -> str:
    """Publish version 1 and tell its employer; returns the encounter."""
    ((encounter, session),) = await rows(database, "SELECT encounter, session FROM planned_sessions")
    talk = known.availabilities[0]
    told = EncounterConfirmed(
        encounter=encounter, party_kind="employer", party=talk.employer, sequence=0, hub=known.hub.hub,
        academic_year=known.hub.academic_year, version=1, offer=talk.availability, employer=talk.employer,
        employer_name="", mode=talk.mode, start=session["start"], end=session["end"], time_zone="Europe/London",
        school=session["school"], place="", position=known.schools[0].position,
        attendances=tuple(
            AttendanceOf(school=known.schools[0].school, year=9, **each) for each in session["attendances"]
        ),
    )  # fmt: skip
    header = TimetablePublished(
        hub=known.hub.hub, decided_by="a1", academic_year=known.hub.academic_year, version=1, sessions=1
    )
    async with database.transaction() as session:
        await Handlers(settings).decisions(session, [new_event("/portal", header)])
        await Handlers(settings).encounters(session, [new_event("/confirmations", told)])
    return str(encounter)


async def told_apart(database: Database) -> list[str]:
    """Give how the newest version's sessions compare, from the outbox."""
    found = await rows(database, "SELECT convert_from(value, 'utf8')::json ->> 'compared' FROM outbox ORDER BY id")
    return [row[0] for row in found if row[0]]


async def test_what_is_in_force_already_is_no_new_version(ring_settings: Settings, database: Database) -> None:
    known = small_hub()
    plan = plan_of(known, meets(known, groups=2).session)

    assert await proposed(database, ring_settings, plan, "job-1") == "proposed"
    encounter = await put_in_force(database, ring_settings, known)
    again = plan_of(known, meets(known, groups=2, encounter="another-id").session)
    assert await proposed(database, ring_settings, again, "job-2") == "unchanged"

    assert await rows(database, "SELECT version FROM plan_versions") == [(1,)]
    assert encounter not in {"e1", "another-id"}


@pytest.mark.parametrize(
    ("method", "certificate", "certified"), [("search", {"bound": 58}, 58), ("certificate", {"bound": 57}, 57)]
)
async def test_a_search_s_bound_is_told_beside_the_one_that_anyone_can_recount(
    ring_settings: Settings, database: Database, method: str, certificate: dict[str, Any], certified: int
) -> None:
    known = small_hub()
    plan = plan_of(known, meets(known).session)
    proof = replace(plan.timetable.proof, bound=57, method=method, certificate=certificate)
    plan = replace(plan, timetable=replace(plan.timetable, proof=proof))
    assert await proposed(database, ring_settings, plan, "job-1") == "proposed"
    ((header,),) = await rows(database, "SELECT header FROM plan_versions")
    assert (header["bound"], header["method"], header["certified_bound"]) == (57, method, certified)


async def test_a_moved_session_is_the_same_encounter(ring_settings: Settings, database: Database) -> None:
    known = small_hub()
    await proposed(database, ring_settings, plan_of(known, meets(known).session), "job-1")
    encounter = await put_in_force(database, ring_settings, known)

    moved = plan_of(known, meets(known, f"{DAY}T10:00").session)
    assert await proposed(database, ring_settings, moved, "job-2") == "proposed"

    found = await rows(database, "SELECT encounter, session ->> 'start' FROM planned_sessions WHERE version = 2")
    assert found == [(encounter, f"{DAY}T10:00")]
    assert await told_apart(database) == ["new", "moved"]


async def test_a_session_that_takes_longer_now_is_proposed_again(ring_settings: Settings, database: Database) -> None:
    known = small_hub()
    await proposed(database, ring_settings, plan_of(known, meets(known).session), "job-1")
    await put_in_force(database, ring_settings, known)
    longer = replace(
        known, availabilities=[one.model_copy(update={"duration_minutes": 90}) for one in known.availabilities]
    )

    assert await proposed(database, ring_settings, plan_of(longer, meets(longer).session), "job-2") == "proposed"
    assert await told_apart(database) == ["new", "moved"]


async def test_an_open_proposal_is_followed_even_by_what_is_in_force(
    ring_settings: Settings, database: Database
) -> None:
    known = small_hub()
    plan = plan_of(known, meets(known).session)
    await proposed(database, ring_settings, plan, "job-1")
    await put_in_force(database, ring_settings, known)
    await proposed(database, ring_settings, plan_of(known, meets(known, f"{DAY}T10:00").session), "job-2")

    assert await proposed(database, ring_settings, plan, "job-3") == "proposed"
    assert await told_apart(database) == ["new", "moved", "kept"]


@pytest.mark.parametrize("why", ["not_this_time", "not_this_match"])
async def test_what_was_returned_while_it_was_planned_is_planned_anew(
    ring_settings: Settings, database: Database, why: Any
) -> None:
    known = small_hub()
    plan = plan_of(known, meets(known).session)
    await proposed(database, ring_settings, plan, "job-1")
    ((encounter,),) = await rows(database, "SELECT encounter FROM planned_sessions")
    leased = await lease(database, ring_settings, known.hub.hub, "job-2")
    returned = SessionReturned(
        hub=known.hub.hub, decided_by="a1", version=1, encounter=encounter, why=why, reason="they met before"
    )
    async with database.transaction() as session:
        await Handlers(ring_settings).decisions(session, [new_event("/portal", returned)])

    async def propose_now(made: Plan) -> str:
        async with database.transaction() as session:
            return await propose(session, leased, made, ring_settings.topic_prefix)

    with pytest.raises(DecidedMeanwhile):
        await propose_now(plan)
    async with database.transaction() as session:
        returns = await read_returned(session, known.hub)

    assert await rows(database, "SELECT version FROM plan_versions") == [(1,)]
    assert await propose_now(replace(plan, returned=returns)) == "proposed"  # it was known, and is kept all the same


async def test_a_run_that_is_made_anew_costs_no_attempt(
    ring_settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def decided_meanwhile(*_: Any) -> str:
        raise DecidedMeanwhile("e1")

    monkeypatch.setattr(Worker, "_plan", decided_meanwhile)
    leased = await lease(database, ring_settings, "demo", "job-1")
    await Worker(database, Relay(database, ring_settings.kafka(), "matching"), ring_settings)._carry_out(leased)

    again = await jobs.lease(database, 30)
    assert again is not None
    assert (again.id, again.attempts) == ("job-1", 1)


async def test_a_failure_is_told_in_full_and_logged_without_names(
    ring_settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> str:
        raise PlanningFailed("the plan broke rules", said="Presenter Zoë Müller is at two places", lasting=True)

    monkeypatch.setattr(Worker, "_plan", fails)
    leased = await lease(database, ring_settings, "demo", "job-1")
    with capture_logs() as logs:
        relay = Relay(database, ring_settings.kafka(), "matching")
        await Worker(database, relay, ring_settings)._carry_out(leased)

    assert "Zoë" not in str(logs)
    ((told,),) = await rows(database, "SELECT convert_from(value, 'utf8')::json ->> 'message' FROM outbox")
    assert "the plan broke rules: Presenter Zoë Müller is at two places" in told


async def test_a_repair_given_back_beside_one_that_waits_is_over_for_who_watches_it(
    ring_settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def decided_meanwhile(*_: Any) -> str:
        raise DecidedMeanwhile("e1")

    known = small_hub()
    await proposed(database, ring_settings, plan_of(known, meets(known).session), "job-1")
    await put_in_force(database, ring_settings, known)
    cause = new_event("/portal", RequestPlan(hub=known.hub.hub, decided_by="a1", job="unused", seconds=5))

    async def schedule() -> None:
        async with database.transaction() as session:
            await jobs.schedule_repairs(session, [known.hub.hub], 5, 0, cause)

    await schedule()
    repair = await jobs.lease(database, 30)
    assert repair is not None
    await schedule()
    monkeypatch.setattr(Worker, "_plan", decided_meanwhile)
    await Worker(database, Relay(database, ring_settings.kafka(), "matching"), ring_settings)._carry_out(repair)

    told = "convert_from(value, 'utf8')::json"
    ends = await rows(database, f"SELECT {told} ->> 'job', {told} ->> 'outcome' FROM outbox ORDER BY id DESC LIMIT 1")  # noqa: S608 - a constant
    assert ends == [(repair.id, "cancelled")]


async def test_a_return_of_something_else_holds_no_plan_up(ring_settings: Settings, database: Database) -> None:
    known = small_hub()
    await proposed(database, ring_settings, plan_of(known, meets(known).session), "job-1")
    ((encounter,),) = await rows(database, "SELECT encounter FROM planned_sessions")
    returned = SessionReturned(
        hub=known.hub.hub, decided_by="a1", version=1, encounter=encounter, why="not_this_time", reason="a mock exam"
    )
    async with database.transaction() as session:
        await Handlers(ring_settings).decisions(session, [new_event("/portal", returned)])

    later = plan_of(known, meets(known, f"{DAY}T10:00").session)
    assert await proposed(database, ring_settings, later, "job-2") == "proposed"


async def test_who_has_lost_the_lease_proposes_nothing(ring_settings: Settings, database: Database) -> None:
    known = small_hub()
    leased = await lease(database, ring_settings, known.hub.hub, "job-1")

    with pytest.raises(LeaseLost):
        async with database.transaction() as session:
            await propose(
                session,
                replace(leased, token="another's"),
                plan_of(known, meets(known).session),
                ring_settings.topic_prefix,
            )

    assert await rows(database, "SELECT 1 FROM plan_versions UNION ALL SELECT 1 FROM outbox") == []


async def test_a_pin_is_of_the_session_as_it_was_proposed(ring_settings: Settings, database: Database) -> None:
    known = small_hub()
    await proposed(database, ring_settings, plan_of(known, meets(known).session), "job-1")
    ((encounter,),) = await rows(database, "SELECT encounter FROM planned_sessions")

    async def decide(*wanted: str) -> list[Any]:
        decisions = [
            SessionPinned(hub=known.hub.hub, decided_by="a1", version=1, encounter=encounter, pinned=what == "pin")
            for what in wanted
        ]
        async with database.transaction() as session:
            await Handlers(ring_settings).decisions(session, [new_event("/portal", one) for one in decisions])
        return await rows(database, "SELECT encounter, session ->> 'start' FROM pinned")

    assert await decide("pin") == [(encounter, f"{DAY}T09:00")]
    assert await decide("unpin", "pin") == [(encounter, f"{DAY}T09:00")]
    assert await decide("unpin") == []
