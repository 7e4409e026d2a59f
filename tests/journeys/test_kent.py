"""Kent's real schools and employers, through the publishers' own tables and the whole ring, to published confirmations."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.command.coordinating import Coordinator, Told
from services.command.people import sign_ins
from services.command.reaching import local_portal
from services.command.ring import running_copies, wait_until_healthy
from services.command.submitting import submissions_of, submit
from services.intake.importing.employers import read_employers
from services.intake.importing.postcodes import read_postcodes
from services.intake.importing.schools import read_schools
from services.intake.postcodes import put_postcodes
from services.matching.exporting import version_files
from services.matching.planning.checker import check
from services.matching.planning.levels import reckon_levels
from services.matching.planning.reading import read_problem, read_timetable
from services.matching.planning.scenario import Area
from shared.database import SERVICES, service_database
from shared.events.encounters import EncounterConfirmed
from shared.events.submissions import OfEmployer, RegisterEmployer, RegisterSchool, Submission
from shared.settings import Settings
from tests import realdata
from tests.benchmarks.greedy_peers import best_fit
from tests.journeys.journey import Outcome, assert_everybody_was_told_once
from tests.ports import free_port

pytestmark = pytest.mark.skipif(not realdata.available(), reason="the real open data is not beside the repository")

PLANNING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Registered:
    """What the publishers' tables gave, and what the scenario says of the same employers."""

    schools: list[RegisterSchool]
    employers: list[RegisterEmployer]
    ids: dict[str, str]
    notes: list[str]


def read_tables(area: Area, folder: Path) -> Registered:
    """Write the trimmed tables as their publishers do, and read them as an operator's import does."""
    gias, pay_gap = folder / "edubasealldata.csv", folder / "pay_gap.csv"
    gias.write_bytes(realdata.gias_csv(realdata.raw("schools_kent.csv")))
    pay_gap.write_bytes(realdata.gender_pay_gap_csv(realdata.raw("employers_kent.csv")))
    schools, employers = read_schools(gias, 1), read_employers(pay_gap, 1)
    by_name = {(one.name, one.postcode): one.employer for one in employers.made}
    ids = {
        profile.party.id: by_name[key]
        for profile in area.employers
        if (key := (profile.party.name, profile.party.postcode)) in by_name
    }
    notes = [
        f"{what}: {len(table.made)} rows taken, {sum(map(len, table.left_out.values()))} left out "
        f"({', '.join(f'{len(rows)} {why}' for why, rows in table.left_out.items()) or 'none'})"
        for what, table in (("schools", schools), ("employers", employers))
    ]
    return Registered(schools.made, employers.made, ids, notes)


def with_imported_ids(submissions: Sequence[Submission], ids: dict[str, str]) -> list[Submission]:
    """Let the scenario's employers be those of the register: their own numbers instead of invented ones."""
    return [
        one.model_copy(update={"employer": ids[one.employer], "version": 2})
        if isinstance(one, RegisterEmployer) and one.employer in ids
        else one.model_copy(update={"employer": ids[one.employer]})
        if isinstance(one, OfEmployer) and one.employer in ids
        else one
        for one in submissions
    ]


async def test_kent_from_submissions_to_confirmations(
    ring_settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    area = realdata.area(realdata.tables())
    registered = read_tables(area, tmp_path)
    settings = ring_settings.model_copy(update={"portal_port": free_port()})
    async with running_copies([(service, settings) for service in SERVICES], restart=False):
        await wait_until_healthy(settings)
        began = time.monotonic()
        counts = await _submit_all(settings, area, registered)
        submitting = time.monotonic() - began
        outcome, publishing = await _plan_and_publish(settings, area)
        problem_bytes, timetable_bytes = await _files(settings, area, outcome)
    assert_everybody_was_told_once(outcome)
    problem_file = read_problem(problem_bytes)
    report = check(problem_file, read_timetable(timetable_bytes))
    assert report.holds, report
    students = sum(group.size for group in problem_file.problem.groups)
    rival = _covered(problem_file.problem, best_fit(problem_file.problem, PLANNING_SECONDS))
    covered, bound = outcome.timetable["covered"], outcome.timetable["bound"]
    with capsys.disabled():
        print(f"\nKent {area.problem.academic_year}: {len(area.problem.schools)} schools, {students:,} students")
        print("\n".join(f"  {note}" for note in [*registered.notes, *area.notes]))
        print(f"  submissions: {sum(counts.values()):,} in {submitting:.1f} s ({dict(counts)})")
        print(f"  covered {covered:,}, best fit {rival:,}, bound {bound:,}, gap {outcome.timetable['gap']:.2%}")
        print(
            f"  {len(outcome.sessions):,} sessions published, {len(outcome.told):,} parties told in {publishing:.1f} s"
        )
    assert rival <= covered <= bound <= students


async def _submit_all(settings: Settings, area: Area, registered: Registered) -> Counter[str]:
    database = service_database(settings, "intake")
    await put_postcodes(database, read_postcodes(realdata.DATA / "postcodes_kent_area.csv.gz", Counter()))
    await put_postcodes(database, ((code, *at) for code, at in area.postcodes.items()))
    await database.close()
    hub, parties, rest = submissions_of(area)
    known = {school.school for school in registered.schools}
    by_hand = [one for one in parties if not (isinstance(one, RegisterSchool) and one.school in known)]
    stages: list[list[Submission]] = [
        list(hub),
        [*registered.schools, *registered.employers],
        with_imported_ids(by_hand, registered.ids),
        with_imported_ids(rest, registered.ids),
    ]
    counts: Counter[str] = Counter()
    for stage in stages:
        answers = await submit(settings, "/kent", stage)
        assert answers.refused == [], [(one.about, one.reasons) for one in answers.refused[:3]]
        counts.update(type(one).__name__ for one in stage)
    return counts


async def _plan_and_publish(settings: Settings, area: Area) -> tuple[Outcome, float]:
    hub = area.problem.hub.id
    _, token = await sign_ins(settings, area)
    async with Told(settings) as told, Coordinator(local_portal(settings), hub, token) as coordinator:
        timetable: dict[str, Any] = await coordinator.plan(PLANNING_SECONDS)
        began = time.monotonic()
        await coordinator.approve_all(timetable["version"])
        sessions = await coordinator.sessions()
        await coordinator.publish(timetable["version"])
        heard = await told.wait_for(sum(1 + len(one["schools"]) for one in sessions), hub=hub)
        assert all(isinstance(event, EncounterConfirmed) for event in heard)
        return Outcome(0, await coordinator.timetable(), sessions, heard), time.monotonic() - began


async def _files(settings: Settings, area: Area, outcome: Outcome) -> tuple[bytes, bytes]:
    database = service_database(settings, "matching")
    try:
        return await version_files(database, area.problem.hub.id, outcome.timetable["version"])
    finally:
        await database.close()


def _covered(problem: Any, sessions: Any) -> int:
    return next(int(level.value) for level in reckon_levels(problem, sessions) if level.name == "covered")
