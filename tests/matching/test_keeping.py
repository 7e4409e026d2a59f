"""What matching keeps in its tables: facts by version, decisions, what is in force, and planning runs and their leases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from services.matching import jobs
from services.matching.handlers import Handlers
from services.matching.jobs import LeasedJob, LeaseLost
from services.matching.planning.scenario import Area, fictional_area
from services.matching.problem import Projection
from services.matching.projection import keep_facts, read_snapshot
from services.matching.tables import PlanVersion
from shared.database import Database, service_database
from shared.envelope import new_event
from shared.events.data import EventData
from shared.events.decisions import CancelPlanning, RequestPlan, TimetablePublished
from shared.events.encounters import EncounterCancelled, EncounterConfirmed, EncounterMoved, EncounterTold
from shared.events.facts import AvailabilityRegistered, AvailabilityWithdrawn, EmployerRegistered
from shared.events.fields import AttendanceOf
from shared.settings import Settings
from tests.matching.area_facts import facts_of

LEASE_SECONDS = 30.0


@pytest.fixture(scope="module")
def area() -> Area:
    return fictional_area(schools=1, seed=3)


@pytest.fixture
async def database(ring_settings: Settings) -> AsyncIterator[Database]:
    database = service_database(ring_settings, "matching")
    yield database
    await database.close()


@pytest.fixture
def handlers(ring_settings: Settings) -> Handlers:
    return Handlers(ring_settings)


async def keep(database: Database, *facts: EventData) -> list[str]:
    async with database.transaction() as session:
        return await keep_facts(session, [new_event("/intake", fact) for fact in facts])


async def known(database: Database, area: Area) -> Projection:
    async with database.transaction() as session:
        snapshot = await read_snapshot(session, area.problem.hub.id)
    assert snapshot is not None
    return snapshot.projection


async def count(database: Database, sql: str) -> Any:
    async with database.transaction() as session:
        return await (await session.connection()).scalar(text(sql))


def offer_of(area: Area) -> AvailabilityRegistered:
    return next(fact for fact in facts_of(area) if isinstance(fact, AvailabilityRegistered))


def employer_of(area: Area, employer: str) -> EmployerRegistered:
    return next(fact for fact in facts_of(area) if isinstance(fact, EmployerRegistered) and fact.employer == employer)


def told(area: Area, kind: type[EncounterTold] = EncounterConfirmed, sequence: int = 0, start: str = "09:00") -> Any:
    offer = offer_of(area)
    group = area.problem.groups[0]
    return kind(
        encounter="e1", party_kind="employer", party=offer.employer, sequence=sequence, hub=area.problem.hub.id,
        academic_year=area.problem.academic_year, version=1, offer=offer.availability, employer=offer.employer,
        employer_name="", mode="virtual", start=f"2027-04-20T{start}", end="2027-04-20T12:00",
        time_zone="Europe/London", school=None, place="", position=None,
        attendances=(AttendanceOf(group=group.id, school=group.school, year=group.year, students=group.size),),
    )  # fmt: skip


async def test_a_late_older_fact_changes_nothing(database: Database, area: Area) -> None:
    offer = offer_of(area)
    newer = offer.model_copy(update={"version": 3, "seats": 7})
    await keep(database, *facts_of(area), newer)

    assert await keep(database, offer.model_copy(update={"version": 2, "seats": 99})) == []
    assert await keep(database, newer) == []
    assert {
        one.seats for one in (await known(database, area)).availabilities if one.availability == offer.availability
    } == {7}


async def test_a_withdrawn_offer_is_gone_and_no_late_fact_brings_it_back(database: Database, area: Area) -> None:
    offer = offer_of(area)
    await keep(database, *facts_of(area))
    gone = AvailabilityWithdrawn(version=3, availability=offer.availability, employer=offer.employer, hub=offer.hub)

    assert await keep(database, gone) == [offer.hub]
    assert await keep(database, offer.model_copy(update={"version": 2})) == []
    projection = await known(database, area)
    assert offer.availability not in {one.availability for one in projection.availabilities}
    assert [one.availability for one in projection.withdrawn] == [offer.availability]
    assert await keep(database, offer.model_copy(update={"version": 4})) == [offer.hub]
    assert (await known(database, area)).withdrawn == []


async def test_a_withdrawal_that_comes_first_keeps_the_registration_out(database: Database, area: Area) -> None:
    offer = offer_of(area)
    await keep(
        database,
        AvailabilityWithdrawn(version=2, availability=offer.availability, employer=offer.employer, hub=offer.hub),
    )
    await keep(database, *facts_of(area))

    projection = await known(database, area)
    assert offer.availability not in {one.availability for one in [*projection.availabilities, *projection.withdrawn]}


async def test_only_changes_that_matter_to_planning_touch_a_hub(database: Database, area: Area) -> None:
    offer = offer_of(area)
    employer = employer_of(area, offer.employer)
    await keep(database, *facts_of(area))

    assert await keep(database, employer.model_copy(update={"version": 2, "contact_email": "new@example.org"})) == []
    assert await keep(database, employer.model_copy(update={"version": 3, "radius_km": 1.0})) == [offer.hub]


async def test_an_offer_that_changes_hubs_touches_both(database: Database, area: Area) -> None:
    offer = offer_of(area)
    await keep(database, *facts_of(area))

    assert await keep(database, offer.model_copy(update={"version": 2, "hub": "zz-other"})) == [offer.hub, "zz-other"]


async def test_in_force_follows_what_employers_are_told(database: Database, handlers: Handlers, area: Area) -> None:
    await keep(database, *facts_of(area))

    async def tell(*news: EncounterTold) -> list[str]:
        async with database.transaction() as session:
            await handlers.encounters(session, [new_event("/confirmations", one) for one in news])
        return [f"{one.agreed.start % 1440 // 60:02}" for one in (await known(database, area)).in_force]

    assert await tell(told(area)) == ["09"]
    assert await tell(told(area, EncounterMoved, 2, "10:00"), told(area, EncounterMoved, 1, "11:00")) == ["10"]
    assert await tell(told(area, EncounterMoved, 1, "11:00")) == ["10"]
    assert await tell(told(area, EncounterCancelled, 3)) == []


async def test_changed_facts_of_a_plan_in_force_lead_to_one_waiting_repair(
    database: Database, handlers: Handlers, area: Area
) -> None:
    offer = offer_of(area)

    async def change(version: int) -> int:
        async with database.transaction() as session:
            changed = offer.model_copy(update={"version": version, "seats": version})
            await handlers.facts(session, [new_event("/intake", changed)])
        return int(await count(database, "SELECT count(*) FROM planning_jobs WHERE status = 'queued'"))

    await keep(database, *facts_of(area))
    assert await change(2) == 0
    async with database.transaction() as session:
        await handlers.encounters(session, [new_event("/confirmations", told(area))])
    assert await change(3) == 1
    assert await change(4) == 1

    await asyncio.sleep(0.3)
    running = await leased(database)
    assert running.why == jobs.REPAIR
    assert await change(5) == 1
    await asyncio.sleep(0.3)
    assert await jobs.lease(database, LEASE_SECONDS) is None  # one run of a hub at a time
    async with database.transaction() as session:
        await jobs.give_back(session, running, after_seconds=0, counts=True)
    assert await count(database, "SELECT count(*) FROM planning_jobs WHERE status = 'queued'") == 1


async def leased(database: Database, seconds: float = LEASE_SECONDS) -> LeasedJob:
    job = await jobs.lease(database, seconds)
    assert job is not None
    return job


async def ask(database: Database, handlers: Handlers, *decisions: EventData) -> None:
    async with database.transaction() as session:
        await handlers.decisions(session, [new_event("/portal", one) for one in decisions])


def plan(job: str, hub: str = "h1") -> RequestPlan:
    return RequestPlan(hub=hub, decided_by="a1", job=job, seconds=5)


async def test_two_workers_never_hold_the_same_run(database: Database, handlers: Handlers) -> None:
    await ask(database, handlers, *(plan(f"job-{number}", f"h{number}") for number in range(4)), plan("job-0b", "h0"))

    taken = await asyncio.gather(*(jobs.lease(database, LEASE_SECONDS) for _ in range(8)))
    while another := await jobs.lease(database, LEASE_SECONDS):
        taken.append(another)

    held = [job for job in taken if job]
    assert sorted(job.hub for job in held) == ["h0", "h1", "h2", "h3"]
    assert len({job.id for job in held}) == 4


async def test_a_silent_worker_loses_its_run_and_can_end_nothing(database: Database, handlers: Handlers) -> None:
    await ask(database, handlers, plan("job-1"))
    silent = await leased(database, 0.1)
    await asyncio.sleep(0.15)

    other = await leased(database)

    assert (other.id, other.attempts) == (silent.id, 2)
    async with database.transaction() as session:
        with pytest.raises(LeaseLost):
            await jobs.heartbeat(session, silent, LEASE_SECONDS)
        with pytest.raises(LeaseLost):
            await jobs.end(session, silent, "done")
        assert await jobs.heartbeat(session, other, LEASE_SECONDS) is False
        await jobs.end(session, other, "done")
    assert await jobs.lease(database, LEASE_SECONDS) is None


async def test_a_waiting_run_is_cancelled_at_once_and_a_running_one_at_its_next_beat(
    database: Database, handlers: Handlers
) -> None:
    await ask(database, handlers, plan("job-1"), plan("job-2", "h2"))
    running = await leased(database)
    await ask(
        database,
        handlers,
        *(CancelPlanning(hub=hub, decided_by="a1", job=job) for job, hub in [("job-1", "h1"), ("job-2", "h2")]),
    )

    assert await jobs.lease(database, LEASE_SECONDS) is None
    async with database.transaction() as session:
        assert await jobs.heartbeat(session, running, LEASE_SECONDS) is True
    assert await count(database, "SELECT count(*) FROM outbox") == 1  # that the waiting one has ended


async def test_a_version_published_over_changed_facts_is_repaired_once_it_is_in_force(
    database: Database, handlers: Handlers, area: Area
) -> None:
    offer, hub, year = offer_of(area), area.problem.hub.id, area.problem.academic_year
    await keep(database, *facts_of(area))
    async with database.transaction() as session:
        for version, changes_seen in ((1, 1), (2, 2)):
            session.add(
                PlanVersion(
                    hub=hub, academic_year=year, version=version, job=f"job-{version}", changes_seen=changes_seen,
                    header={}, problem_file=b"", timetable_file=b"",
                )
            )  # fmt: skip
    assert await keep(database, offer.model_copy(update={"version": 2, "seats": 5})) == [hub]

    def publish(version: int) -> TimetablePublished:
        return TimetablePublished(hub=hub, decided_by="a1", academic_year=year, version=version, sessions=1)

    await ask(database, handlers, publish(2))
    assert await count(database, "SELECT count(*) FROM planning_jobs") == 0
    await ask(database, handlers, publish(1))
    assert await count(database, "SELECT count(*) FROM planning_jobs") == 1
    await asyncio.sleep(0.3)
    assert await jobs.lease(database, LEASE_SECONDS) is None  # nobody has been told anything yet
    async with database.transaction() as session:
        await handlers.encounters(session, [new_event("/confirmations", told(area))])
    await asyncio.sleep(0.3)
    assert (await leased(database)).why == jobs.REPAIR
