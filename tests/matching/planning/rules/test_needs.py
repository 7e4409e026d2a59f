"""What a group may have, whole or in parts, and what people have decided."""

from __future__ import annotations

from typing import Any

import pytest

from services.matching.planning.model import Problem
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    AT_10,
    AT_11,
    MONDAY,
    TUESDAY,
    broken,
    make_group,
    make_offer,
    make_problem,
    make_school,
    make_session,
)


def _offers(**fields: Any) -> list[dict[str, Any]]:
    return [make_offer(f"O{number}", mode="virtual", **fields) for number in (1, 2, 3)]


def test_a_group_has_at_most_one_encounter_on_a_date() -> None:
    problem = make_problem(groups=[make_group(on=ALL_WEEK, needed=2)], offers=_offers())
    first = make_session("X1", at=AT_9, school=None)
    assert broken(problem, first, make_session("X2", "O2", f"{MONDAY}T09:00", None)) == set()
    assert broken(problem, first, make_session("X2", "O2", AT_11, None)) == {"group-day"}


def test_a_group_has_no_more_encounters_than_it_needs() -> None:
    problem = make_problem(groups=[make_group(on=ALL_WEEK)], offers=_offers())
    plan = [make_session("X1", at=AT_9, school=None), make_session("X2", "O2", f"{MONDAY}T09:00", None)]
    assert broken(problem, plan[0]) == set()
    assert broken(problem, *plan) == {"needed"}


@pytest.mark.parametrize("students", [24, 26, 5, 1])
def test_a_group_attends_as_a_whole(students: int) -> None:
    assert broken(make_problem(), make_session(G1=25)) == set()
    assert "whole" in broken(make_problem(), make_session(G1=students))


def _split(**fields: Any) -> Problem:
    return make_problem(
        groups=[make_group(on=ALL_WEEK, may_split=True, **fields)], offers=_offers(seats=20), policy={"min_part": 6}
    )


@pytest.mark.parametrize(("students", "codes"), [(6, set()), (20, set()), (5, {"whole"})])
def test_a_part_has_at_least_min_part_students(students: int, codes: set[str]) -> None:
    assert broken(_split(), make_session(school=None, G1=students)) == codes


def test_a_group_is_not_split_where_it_fits_as_a_whole() -> None:
    problem = make_problem(groups=[make_group(may_split=True)], offers=[make_offer(seats=25)])
    assert broken(problem, make_session(G1=25)) == set()
    assert broken(problem, make_session(G1=20)) == {"whole"}


def test_parts_of_one_group_may_attend_on_one_date_and_sum_to_its_size() -> None:
    first = make_session("X1", "O1", AT_9, None, G1=13)
    assert broken(_split(), first, make_session("X2", "O2", AT_10, None, G1=12)) == set()
    assert broken(_split(), first, make_session("X2", "O2", AT_10, None, G1=13)) == {"needed"}


def test_parts_count_once_even_where_more_encounters_are_needed() -> None:
    plan = [
        make_session("X1", "O1", AT_9, None, G1=13),
        make_session("X2", "O2", AT_10, None, G1=12),
        make_session("X3", "O3", f"{MONDAY}T09:00", None, G1=13),
    ]
    assert broken(_split(needed=2), *plan[:2]) == set()
    assert broken(_split(needed=2), *plan) == {"needed"}


def test_a_group_is_never_both_whole_and_in_parts() -> None:
    offers = [*_offers(seats=20), make_offer("O4", mode="virtual", seats=30)]
    problem = make_problem(groups=[make_group(on=ALL_WEEK, may_split=True, needed=2)], offers=offers)
    part, whole = make_session("X1", "O1", AT_9, None, G1=13), make_session("X2", "O4", f"{MONDAY}T09:00", None)
    assert broken(problem, whole) == set()
    assert broken(problem, part, whole) == {"needed"}


def test_a_group_attends_a_session_once() -> None:
    session = make_session("X1", "O1", AT_9, None, G1=12)
    twice = type(session)("X1", "O1", session.start, None, session.attendances * 2)
    problem = make_problem(
        groups=[make_group(on=ALL_WEEK, may_split=True)], offers=_offers(seats=24), policy={"min_part": 5}
    )
    assert broken(problem, session) == set()
    assert broken(problem, twice) == {"needed"}


PIN = {"offer": "O1", "start": AT_10, "school": "S1", "group": "G1", "students": 25}


def test_a_pinned_attendance_is_in_the_plan() -> None:
    problem = make_problem(pinned=[PIN], groups=[make_group(), make_group("G2")])
    assert broken(problem, make_session(at=AT_10, G2=25, G1=25)) == set()
    assert broken(problem) == {"pinned"}
    assert broken(problem, make_session(at=AT_9)) == {"pinned"}
    assert broken(problem, make_session(at=AT_10, G2=25)) == {"pinned"}


def test_a_pinned_part_has_the_same_students() -> None:
    pin = {"offer": "O1", "start": AT_10, "group": "G1", "students": 12}
    problem = make_problem(groups=[make_group(may_split=True)], offers=_offers(seats=20), pinned=[pin])
    assert broken(problem, make_session(at=AT_10, school=None, G1=12)) == set()
    assert broken(problem, make_session(at=AT_10, school=None, G1=13)) == {"pinned"}


@pytest.mark.parametrize("ban", [{"offer": "O1", "group": "G1"}, {"offer": "O1", "school": "S1"}])
@pytest.mark.parametrize("mode", ["in_school", "virtual", "workplace"])
def test_a_forbidden_meeting_is_not_in_the_plan_in_any_mode(ban: dict[str, str], mode: str) -> None:
    problem = make_problem(forbidden=[ban], offers=[make_offer(mode=mode), make_offer("O2", mode=mode)])
    school = "S1" if mode == "in_school" else None
    assert broken(problem, make_session(offer="O2", school=school)) == set()
    assert broken(problem, make_session(school=school)) == {"forbidden"}


def test_a_session_at_a_forbidden_school_is_not_in_the_plan_whoever_attends_it() -> None:
    problem = make_problem(
        schools=[make_school(), make_school("S2")],
        groups=[make_group(), make_group("G2", school="S2")],
        forbidden=[{"offer": "O1", "school": "S2"}],
    )
    assert broken(problem, make_session(school="S1")) == set()
    assert broken(problem, make_session(school="S2")) == {"schools", "forbidden"}


def test_a_ban_of_one_group_leaves_the_others_of_its_school() -> None:
    problem = make_problem(
        schools=[make_school()],
        groups=[make_group(), make_group("G2")],
        forbidden=[{"offer": "O1", "group": "G1"}],
    )
    assert broken(problem, make_session(G2=25)) == set()
    assert broken(problem, make_session(at=f"{TUESDAY}T09:00", G1=25, G2=25)) == {"forbidden"}
