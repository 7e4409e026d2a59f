"""An invented area has the shapes of a real one, keeps the conventions that submissions rely on, and never varies."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import holidays
import pytest

from services.matching.planning.model import MINUTES_A_DAY, Problem
from services.matching.planning.reading import problem_from_json
from services.matching.planning.scenario import Absence, Area, fictional_area
from services.matching.planning.scenario.terms import academic_year, day_of, school_days
from services.matching.planning.writing import canonical_sha256, problem_to_json, write_json

KNOWN = "a1cf35ff747614ccf8b6424eb701b3561988ca8441c8303b72958c9dd31ded4f"


@pytest.fixture(scope="module", params=[1, 2, 7])
def area(request: pytest.FixtureRequest) -> Area:
    return fictional_area(seed=request.param)


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, again = tmp_path / "first.json.gz", tmp_path / "again.json.gz"
    write_json(first, problem_to_json(fictional_area(5, 3).problem))
    write_json(again, problem_to_json(fictional_area(5, 3).problem))
    assert first.read_bytes() == again.read_bytes()


def test_the_demo_scenario_stays_what_it_was() -> None:
    """Guards against draws that depend on the machine, the Python version, or the order of a set."""
    assert canonical_sha256(problem_to_json(fictional_area(12, 1).problem)) == KNOWN


def test_another_seed_gives_another_area() -> None:
    assert fictional_area(5, 3).problem != fictional_area(5, 4).problem


@pytest.mark.parametrize("seed", range(1, 13))
def test_twelve_schools_are_a_hub_worth_planning(seed: int) -> None:
    problem = fictional_area(12, seed).problem
    students = sum(group.size for group in problem.groups)
    seats = sum(offer.max_sessions * offer.seats for offer in problem.offers)
    assert len(problem.schools) == 12
    assert len(problem.groups) >= 500
    assert students >= 12_000
    assert max(group.size for group in problem.groups) <= 30
    assert len(problem.pledges) == 3
    assert all(pledge.schools_first for pledge in problem.pledges)
    assert sum(school.special for school in problem.schools) == 1
    assert seats == pytest.approx(1.05 * students, rel=0.01)


@pytest.mark.parametrize(("seats", "employers"), [("0.7", None), ("1.5", None), ("1.05", 10), ("1.05", 90)])
def test_seats_and_employers_are_as_asked(seats: str, employers: int | None) -> None:
    problem = fictional_area(6, 1, Decimal(seats), employers).problem
    students = sum(group.size for group in problem.groups)
    offered = sum(offer.max_sessions * offer.seats for offer in problem.offers)
    assert offered == pytest.approx(float(seats) * students, rel=0.08 if employers == 90 else 0.02)
    assert employers is None or len(problem.employers) == employers
    assert {offer.employer for offer in problem.offers} == {employer.id for employer in problem.employers}


@pytest.mark.parametrize("schools", [0, -1, 301])
def test_a_count_outside_the_range_is_refused(schools: int) -> None:
    with pytest.raises(ValueError, match="1 to 300 schools"):
        fictional_area(schools)


def test_no_employer_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 employer"):
        fictional_area(3, employers=0)


@pytest.mark.parametrize("schools", [1, 3, 60])
def test_every_size_is_a_valid_problem(schools: int) -> None:
    problem = fictional_area(schools, 2).problem
    assert problem_from_json(problem_to_json(problem)) == problem


def test_the_problem_survives_being_written_and_read(area: Area) -> None:
    assert problem_from_json(problem_to_json(area.problem)) == area.problem


def test_a_calendar_is_named_after_its_school_or_offer_and_used_by_it_alone(area: Area) -> None:
    problem = area.problem
    schools = {school.id for school in problem.schools}
    used = {name for group in problem.groups for name in group.calendars}
    for group in problem.groups:
        assert group.calendars
        assert {name.split(":")[0] for name in group.calendars} == {group.school}
        assert re.fullmatch(rf"{group.school}-Y{group.year}-\d\d", group.id)
    for offer in problem.offers:
        assert offer.calendars == (offer.id,)
        assert re.fullmatch(rf"{offer.employer}-A\d", offer.id)
        used.add(offer.id)
    assert used == set(problem.calendars)
    assert all(re.fullmatch(r"9\d{5}", school) for school in schools)
    assert all(re.fullmatch(r"E\d{4}", employer.id) for employer in problem.employers)


def test_lists_are_sorted_and_nothing_is_decided_yet(area: Area) -> None:
    problem = area.problem
    for records in (problem.schools, problem.groups, problem.employers, problem.offers):
        ids = [record.id for record in records]
        assert ids == sorted(set(ids))
    assert list(problem.calendars) == sorted(problem.calendars)
    assert [pledge.employer for pledge in problem.pledges] == sorted(pledge.employer for pledge in problem.pledges)
    assert (problem.pinned, problem.forbidden, problem.in_force) == ((), (), None)


def test_an_offer_leaves_to_its_default_what_nobody_submits(area: Area) -> None:
    problem = area.problem
    employers = {employer.id: employer for employer in problem.employers}
    for offer in problem.offers:
        assert offer.max_schools == {"in_school": 1, "workplace": 2, "virtual": None}[offer.mode]
        assert offer.position == employers[offer.employer].position
    for employer in problem.employers:
        assert employer.stem is not employer.sectors.isdisjoint(problem.policy.stem_sectors)


def test_several_presenters_are_named_only_by_employers_of_several_offers(area: Area) -> None:
    offers = area.problem.offers
    named = {offer.employer for offer in offers if offer.presenter != offer.employer}
    assert all(sum(offer.employer == employer for offer in offers) > 1 for employer in named)


def test_windows_lie_in_term_on_open_days(area: Area) -> None:
    closures = {profile.party.urn: set(profile.closures) for profile in area.schools}
    closed = holidays.country_holidays("GB", subdiv="ENG", years=[2026, 2027])
    for name, windows in area.problem.calendars.items():
        ends = [window.end for window in windows]
        assert windows
        assert list(windows) == sorted(windows)
        assert all(later.start >= end for end, later in zip(ends, windows[1:], strict=False))
        for window in windows:
            day = day_of(window.start)
            assert window.start < window.end <= (window.start // MINUTES_A_DAY + 1) * MINUTES_A_DAY
            assert any(term.start <= day <= term.end for term in area.terms)
            assert day.weekday() < 5
            assert day not in closed
            assert day not in closures.get(name.split(":")[0], set())


def test_exam_years_are_not_seen_in_their_exams(area: Area) -> None:
    absences: dict[tuple[str, int], list[Absence]] = {}
    for profile in area.schools:
        for absence in profile.absences:
            absences.setdefault((profile.party.urn, absence.year), []).append(absence)
    assert {year for _, year in absences} == {11, 13}
    for group in area.problem.groups:
        for absence in absences.get((group.school, group.year), []):
            for name in group.calendars:
                days = {day_of(window.start) for window in area.problem.calendars[name]}
                assert not any(absence.start <= day <= absence.end for day in days)


def test_closures_are_five_school_days(area: Area) -> None:
    days = set(school_days(area.terms))
    for profile in area.schools:
        assert 3 <= len(profile.closures) <= 5
        assert days.issuperset(profile.closures)


def test_every_party_stands_where_its_postcode_does(area: Area) -> None:
    problem = area.problem
    assert [profile.party.urn for profile in area.schools] == [school.id for school in problem.schools]
    assert [profile.party.id for profile in area.employers] == [employer.id for employer in problem.employers]
    for profile, school in zip(area.schools, problem.schools, strict=True):
        assert area.postcodes[profile.party.postcode] == school.position == profile.party.position
        assert profile.party.fsm_percent / 100 == school.fsm_share
        assert profile.party.name == school.name
        assert profile.party.special == school.special
    for employee, employer in zip(area.employers, problem.employers, strict=True):
        assert area.postcodes[employee.party.postcode] == employer.position
        assert set(employee.party.sectors) == employer.sectors
    assert len(set(area.postcodes.values())) == len(area.postcodes) == len(problem.schools) + len(problem.employers)


def test_identifiers_have_the_right_form_and_are_given_to_nobody(area: Area) -> None:
    assert all(re.fullmatch(r"ZZ\d{1,2} \d[A-Z]{2}", code) for code in area.postcodes)
    numbers = [profile.party.company_number for profile in area.employers if profile.party.company_number]
    assert all(re.fullmatch(r"99\d{6}", number) for number in numbers)
    assert len(set(numbers)) == len(numbers)
    mail = [school.contact_email for school in area.schools] + [employer.contact_email for employer in area.employers]
    assert all(address.endswith("@example.org") for address in mail)
    assert len({profile.party.name for profile in area.schools}) == len(area.schools)
    assert len({profile.party.name for profile in area.employers}) == len(area.employers)


def test_positions_are_written_with_six_decimals(area: Area) -> None:
    for position in area.postcodes.values():
        assert position == (round(position[0], 6), round(position[1], 6))


def test_a_group_is_of_a_year_that_its_school_teaches(area: Area) -> None:
    years = {profile.party.urn: profile.party.years for profile in area.schools}
    assert all(group.year in years[group.school] for group in area.problem.groups)


def test_the_academic_year_is_that_of_the_first_term(area: Area) -> None:
    assert area.problem.academic_year == "2026/27"
    moved = [
        replace(term, start=term.start + timedelta(days=365), end=term.end + timedelta(days=365)) for term in area.terms
    ]
    assert academic_year(moved) == "2027/28"


def test_cold_spots_have_fewer_employers_and_are_poorer() -> None:
    problem: Problem = fictional_area(60, 1).problem
    assert any(school.fsm_share >= problem.policy.disadvantaged_from for school in problem.schools)
    assert min(school.fsm_share for school in problem.schools) < Decimal("0.1")
