"""Matching on a real Kafka and a real PostgreSQL: facts become a complete proposal, decisions bind, changes are repaired."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
from sqlmodel import select

from services.command.ring import environment_of
from services.matching.app import running
from services.matching.planning.checker import check
from services.matching.planning.reading import problem_file_from_json, read_problem, read_timetable
from services.matching.planning.scenario import Area, fictional_area
from services.matching.planning.writing import problem_to_json
from services.matching.tables import PlanningJob, PlanVersion
from shared.database import service_database
from shared.envelope import new_event
from shared.events.decisions import CancelPlanning, SessionPinned, SessionReturned
from shared.events.facts import AvailabilityWithdrawn
from shared.events.plans import (
    PlanningEnded,
    PlanningProgressed,
    PlanningStarted,
    RemedyProposed,
    SessionProposed,
    ShortfallExplained,
    TimetableProposed,
)
from shared.settings import Settings
from tests.matching.ring import ask, ended, of, publish, tell_facts, timetables
from tests.ringside import write

SECONDS = 6
"""Enough for a first plan on a busy machine; a run that finds none is tried again."""
LONG = 60.0


@pytest.fixture(scope="module")
def area() -> Area:
    return fictional_area(schools=2, seed=5)


def engines(process: psutil.Process | None = None) -> list[psutil.Process]:
    """Give the planning processes below a process (default: this one), their own workers included."""
    found = []
    for child in (process or psutil.Process()).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # gone, or about to be
            if any("services.matching.plan" in part for part in child.cmdline()):
                found.append(child)
    return found


async def stored(settings: Settings, version: int) -> PlanVersion:
    database = service_database(settings, "matching")
    try:
        async with database.transaction() as session:
            return (await session.exec(select(PlanVersion).where(PlanVersion.version == version))).one()
    finally:
        await database.close()


async def test_facts_and_a_request_become_one_complete_proposal(
    ring_settings: Settings, area: Area, tmp_path: Path
) -> None:
    async with running(ring_settings):
        await tell_facts(ring_settings, area)
        await ask(ring_settings, area, "job-1", SECONDS)
        events = await timetables(ring_settings, ended("job-1"))
        files = [tmp_path / name for name in ("now.json", "then.json", "timetable.json.gz")]
        hub = area.problem.hub.id
        await export(ring_settings, "--hub", hub, "-o", files[0])
        await export(ring_settings, "--hub", hub, "--version", 1, "-o", files[1], "--timetable", files[2])

    (header,) = of(TimetableProposed, events)
    sessions, shortfalls = of(SessionProposed, events), of(ShortfallExplained, events)
    assert header.version == 1
    counted = (len(sessions), len(shortfalls), len(of(RemedyProposed, events)))
    assert (header.sessions, header.shortfalls, header.remedies) == counted
    assert 0 < header.covered <= header.bound <= header.students
    assert header.students - header.covered == sum(one.students for one in shortfalls)
    assert len({one.encounter for one in sessions}) == len(sessions)
    assert {one.compared for one in sessions} == {"new"}
    assert all(one.sentence for one in shortfalls)
    assert of(PlanningStarted, events)
    assert of(PlanningProgressed, events)
    assert [(end.outcome, end.version) for end in of(PlanningEnded, events)] == [("proposed", 1)]
    wanted = problem_file_from_json(problem_to_json(area.problem)).sha256
    now, then = (read_problem(file) for file in files[:2])
    assert now.sha256 == then.sha256 == header.problem_sha256 == wanted
    assert check(then, read_timetable(files[2])).holds


async def test_a_run_without_time_for_a_plan_fails_and_asks_for_more(
    ring_settings: Settings, area: Area, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.matching.worker._AGAIN_SECONDS", 0.0)
    async with running(ring_settings):
        await tell_facts(ring_settings, area)
        await ask(ring_settings, area, "job-1", 0.1)
        events = await timetables(ring_settings, ended("job-1"))

    (end,) = of(PlanningEnded, events)
    assert end.outcome == "failed"
    assert "no plan was found within 0.1 seconds; give the run more of them" in end.message
    assert of(TimetableProposed, events) == []


async def export(settings: Settings, *arguments: object) -> None:
    """Run `encounters export-problem` as an operator does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.command.app", "export-problem", *map(str, arguments)),
        env=environment_of(settings),
    )
    assert await process.wait() == 0


async def test_a_cancelled_run_proposes_nothing_and_leaves_no_process(ring_settings: Settings, area: Area) -> None:
    async with running(ring_settings):
        await tell_facts(ring_settings, area)
        await ask(ring_settings, area, "job-1", LONG)
        await timetables(ring_settings, lambda events: bool(of(PlanningProgressed, events)))
        assert engines()
        cancel = CancelPlanning(hub=area.problem.hub.id, decided_by="a1", job="job-1")
        await write(ring_settings, [new_event("/portal", cancel)])
        events = await timetables(ring_settings, ended("job-1"))
        assert not engines()

    assert [end.outcome for end in of(PlanningEnded, events)] == ["cancelled"]
    assert of(TimetableProposed, events) == []


async def test_a_copy_that_is_stopped_gives_its_run_back_and_leaves_no_process(
    ring_settings: Settings, area: Area
) -> None:
    async with running(ring_settings):
        await tell_facts(ring_settings, area)
        await ask(ring_settings, area, "job-1", LONG)
        await timetables(ring_settings, lambda events: bool(of(PlanningProgressed, events)))

    assert not engines()
    database = service_database(ring_settings, "matching")
    async with database.transaction() as session:
        job = (await session.exec(select(PlanningJob))).one()
    await database.close()
    assert (job.status, job.attempts, job.token) == ("queued", 0, None)


async def test_an_unknown_hub_fails_with_a_remedy(ring_settings: Settings, area: Area) -> None:
    async with running(ring_settings):
        await ask(ring_settings, area, "job-1", SECONDS)
        events = await timetables(ring_settings, ended("job-1"))

    (end,) = of(PlanningEnded, events)
    assert end.outcome == "failed"
    assert "register it first" in end.message


@asynccontextmanager
async def matching_process(settings: Settings) -> AsyncIterator[psutil.Process]:
    """Run matching as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c"),
        "import asyncio; from services.command.ring import run_service; from shared.settings import Settings; "
        "asyncio.run(run_service(Settings(), 'matching'))",
        env=environment_of(settings),
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_a_killed_worker_s_run_is_finished_by_another_exactly_once(ring_settings: Settings, area: Area) -> None:
    settings = ring_settings.model_copy(update={"planning_lease_seconds": 2.0})
    async with matching_process(settings) as first, matching_process(settings) as second:
        await tell_facts(settings, area)
        await ask(settings, area, "job-1", SECONDS)
        await timetables(settings, lambda events: bool(of(PlanningProgressed, events)))
        planning = [copy for copy in (first, second) if engines(copy)]
        assert len(planning) == 1
        orphans = engines(planning[0])
        (folder,) = {Path(part).parent for one in orphans for part in one.cmdline() if part.endswith("problem.json.gz")}
        planning[0].kill()
        await asyncio.to_thread(psutil.wait_procs, orphans, 10)
        assert not [orphan for orphan in orphans if orphan.is_running()]
        assert not folder.exists()
        events = await timetables(settings, ended("job-1"))
        await asyncio.sleep(2)  # time enough for a second proposal, were there one
        events = await timetables(settings, lambda later: len(later) >= len(events))

    assert len(of(PlanningStarted, events)) == 2
    assert len(of(TimetableProposed, events)) == 1
    assert [end.outcome for end in of(PlanningEnded, events)] == ["proposed"]


async def test_a_withdrawn_offer_is_repaired_pins_stay_and_little_changes(ring_settings: Settings, area: Area) -> None:
    hub = area.problem.hub.id
    settings = ring_settings.model_copy(update={"planning_seconds": float(SECONDS)})
    async with running(settings):
        await tell_facts(ring_settings, area)
        await ask(ring_settings, area, "job-1", SECONDS)
        before = of(SessionProposed, await timetables(ring_settings, ended("job-1")))
        lost_offer = before[0].offer
        pinned = [one for one in before if one.offer != lost_offer][:3]
        await write(
            ring_settings,
            [
                new_event("/portal", SessionPinned(hub=hub, decided_by="a1", version=1, encounter=one.encounter))
                for one in pinned
            ],
        )
        await publish(ring_settings, area, before)
        gone = AvailabilityWithdrawn(version=2, availability=lost_offer, employer=before[0].employer, hub=hub)
        await write(ring_settings, [new_event("/intake", gone)])
        events = await timetables(ring_settings, ended(times=2))

    (header,) = [one for one in of(TimetableProposed, events) if one.version == 2]
    after = {one.encounter: one for one in of(SessionProposed, events) if one.version == 2}
    told = sum(each.students for one in before for each in one.attendances if one.offer == lost_offer)
    assert header.repair
    assert not [one for one in after.values() if one.offer == lost_offer]
    assert all(after[one.encounter].compared == "kept" for one in pinned)
    kept = await stored(ring_settings, 2)
    report = check(
        read_problem(gzip.decompress(kept.problem_file)), read_timetable(gzip.decompress(kept.timetable_file))
    )
    assert report.holds
    changes = next(level.value for level in report.levels if level.name == "changes")
    assert changes == header.changes
    # moving one who was told costs a quarter of one covered, and no more than were lost can be covered again
    assert told <= changes <= told + 4 * told


async def test_a_returned_session_is_never_proposed_again(ring_settings: Settings, area: Area) -> None:
    async with running(ring_settings):
        await tell_facts(ring_settings, area)
        await ask(ring_settings, area, "job-1", SECONDS)
        before = of(SessionProposed, await timetables(ring_settings, ended("job-1")))
        match, time = before[0], next(one for one in before if one.offer != before[0].offer)
        returns = [
            SessionReturned(
                hub=match.hub, decided_by="a1", version=1, encounter=one.encounter, why=why, reason="not for us"
            )
            for one, why in ((match, "not_this_match"), (time, "not_this_time"))
        ]
        await write(ring_settings, [new_event("/portal", one) for one in returns])
        await ask(ring_settings, area, "job-2", SECONDS)
        events = await timetables(ring_settings, ended("job-2"))

    again = [one for one in of(SessionProposed, events) if one.version == 2]
    groups, late = {each.group for each in match.attendances}, {each.group for each in time.attendances}
    assert not [one for one in again if one.offer == match.offer and groups & {each.group for each in one.attendances}]
    overlapping = [one for one in again if one.start < time.end and time.start < one.end]
    assert not [one for one in overlapping if late & {each.group for each in one.attendances}]
    assert {one.encounter for one in again} & {one.encounter for one in before}
