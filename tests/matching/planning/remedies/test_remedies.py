"""What would help: each remedy holds by the checker's own test, and every kind of ask is found where it is the lever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import (
    Attendance,
    Employer,
    Group,
    Hub,
    Offer,
    Policy,
    Problem,
    School,
    Session,
    Window,
)
from services.matching.planning.patches import apply_patch
from services.matching.planning.reading import ProblemFile, problem_file_from_json, problem_from_json
from services.matching.planning.remedies import best_set, find_remedies
from services.matching.planning.remedy_check import RemedyCheck
from services.matching.planning.rules import Known, Plan
from services.matching.planning.writing import problem_to_json
from tests.matching.planning.exhaustive import MONDAY, Exhaustive, tiny_problem

NINE = MONDAY + 540
HOME, TEN_KM_AWAY = (51.2, 0.5), (51.29, 0.5)


def school(**changes: Any) -> School:
    return replace(School("s", "Hartsdown", HOME, 1), **changes)


def group(id_: str, **changes: Any) -> Group:
    return replace(Group(id_, "s", 9, 20, ("mornings",), max_travel_km=Decimal(5)), **changes)


def employer(**changes: Any) -> Employer:
    return replace(Employer("e", "Joinery", HOME, frozenset("C"), Decimal(5), stem=True), **changes)


def offer(**changes: Any) -> Offer:
    given = Offer("o", "e", "in_school", ("mornings",), 60, 1, 20, frozenset([9]), 1, HOME, "e")
    return replace(given, **changes)


def file_of(
    *offers: Offer, at: School | None = None, by: Employer | None = None, groups: Sequence[Group] = ()
) -> ProblemFile:
    calendars: dict[str, tuple[Window, ...]] = {
        "mornings": (Window(NINE, NINE + 180),),
        "afternoons": (Window(NINE + 300, NINE + 480),),
    }
    problem = Problem(
        Hub("h", "Hub", "Europe/London"),
        "2026/27",
        Policy(),
        calendars,
        (at or school(),),
        tuple(groups) or (group("a"), group("b")),
        (by or employer(),),
        offers,
    )
    return problem_file_from_json(problem_to_json(problem))


def session(*seats: str, offer_id: str = "o", start: int = NINE, in_school: bool = True) -> Session:
    return Session("x", offer_id, start, "s" if in_school else None, tuple(Attendance(seat, 20) for seat in seats))


PLACED = (session("a"),)
FAR = employer(position=TEN_KM_AWAY, radius_km=Decimal(9))
LEVERS: dict[str, tuple[str, ProblemFile, tuple[Session, ...], str]] = {
    "one more session": ("session", file_of(offer()), PLACED, "/offers/0/max_sessions"),
    "an employer's total": (
        "employer-limit",
        file_of(offer(max_sessions=2), by=employer(max_sessions=1)),
        PLACED,
        "/employers/0/max_sessions",
    ),
    "an employer's day": (
        "employer-limit",
        file_of(offer(max_sessions=2), by=employer(max_sessions_per_day=1)),
        PLACED,
        "/employers/0/max_sessions_per_day",
    ),
    "a larger room": ("seats", file_of(offer()), PLACED, "/offers/0/seats"),
    "a window more": (
        "window",
        file_of(offer(seats=40), groups=[group("a"), group("b", calendars=("afternoons",))]),
        PLACED,
        "/groups/1/calendars/-",
    ),
    "a session left, at another time": (
        "window",
        file_of(offer(max_sessions=2), groups=[group("a"), group("b", calendars=("afternoons",))]),
        PLACED,
        "/groups/1/calendars/-",
    ),
    "a further radius": ("radius", file_of(offer(position=TEN_KM_AWAY), by=FAR), (), "/employers/0/radius_km"),
    "a longer journey": (
        "travel",
        file_of(
            offer(mode="workplace", position=(51.25, 0.5), duration_minutes=30),
            groups=[group("a", calendars=("mornings",))],
        ),
        (),
        "/groups/0/max_travel_km",
    ),
    "a host": (
        "hosting-limit",
        file_of(offer(duration_minutes=180), offer(id="p", presenter="p", duration_minutes=180)),
        PLACED,
        "/schools/0/hosting_limit",
    ),
    "a new offer": ("offer", file_of(offer()), PLACED, "/offers/-"),
}


@pytest.mark.parametrize("lever", LEVERS)
def test_each_lever_is_found_and_holds(lever: str) -> None:
    kind, problem_file, sessions, path = LEVERS[lever]
    assert check_sessions(problem_file.problem, sessions) == []
    found = [remedy for remedy in find_remedies(problem_file, sessions) if remedy.kind == kind]
    assert found, f"no {kind}"
    assert path in [operation["path"] for operation in found[0].patch]
    assert RemedyCheck(problem_file, sessions).faults_of(found[0]) == []
    assert found[0].would_cover >= 20
    assert found[0].text.startswith("Ask ")


def test_remedies_of_tiny_problems_hold_and_are_ranked() -> None:
    kinds: set[str] = set()
    for seed in range(80):
        problem_file = problem_file_from_json(problem_to_json(tiny_problem(seed)))
        sessions = Exhaustive(problem_file.problem).plan
        remedies = find_remedies(problem_file, sessions)
        assert list(RemedyCheck(problem_file, sessions).all_of(remedies)) == []
        rates = [Fraction(remedy.would_cover, remedy.cost_minutes) for remedy in remedies]
        assert all(first >= second for first, second in pairwise(rates))
        kinds.update(remedy.kind for remedy in remedies)
    assert {"session", "seats", "window", "offer", "employer-limit"} <= kinds


def test_a_plan_that_covers_everybody_needs_nothing() -> None:
    problem_file = file_of(offer(), groups=[group("a")])
    assert find_remedies(problem_file, PLACED) == ()


@pytest.mark.parametrize("lever", LEVERS)
def test_what_would_help_one_group_alone_places_that_group(lever: str) -> None:
    _, problem_file, sessions, _ = LEVERS[lever]
    attending = {seat.group for one in sessions for seat in one.attendances}
    for one in problem_file.problem.groups:
        found = find_remedies(problem_file, sessions, alone=one.id)
        assert bool(found) == (one.id not in attending)
        for remedy in found:
            assert RemedyCheck(problem_file, sessions).faults_of(remedy) == []
            assert {seat.group for held in remedy.sessions for seat in held.attendances} - attending == {one.id}


def test_the_same_plan_gives_the_same_remedies() -> None:
    problem_file = file_of(offer())
    assert find_remedies(problem_file, PLACED) == find_remedies(problem_file, PLACED)


def test_a_set_of_asks_adds_up_one_after_another() -> None:
    problem_file = file_of(offer(), groups=[group(name) for name in "abcde"])
    chosen = best_set(problem_file, PLACED, minutes=300)
    assert len(chosen.remedies) > 1
    assert chosen.cost_minutes == sum(remedy.cost_minutes for remedy in chosen.remedies) <= 300
    plan, raw = {one.id: one for one in PLACED}, problem_file.raw
    for remedy in chosen.remedies:
        raw = apply_patch(raw, remedy.patch)
        plan.update((one.id, one) for one in remedy.sessions)
    problem, sessions = problem_from_json(raw), list(plan.values())
    assert check_sessions(problem, sessions) == []
    assert sum(covered_by_group(Plan(Known(problem), sessions)).values()) == 20 + chosen.students


def test_no_ask_fits_into_no_minutes() -> None:
    assert best_set(file_of(offer()), PLACED, minutes=0).remedies == ()
