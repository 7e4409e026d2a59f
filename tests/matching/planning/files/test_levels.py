"""The levels against examples reckoned by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.matching.planning.levels import LEVELS, LEVELS_OF_A_REPAIR, reckon_levels
from services.matching.planning.model import Problem, Session
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    AT_10,
    MONDAY,
    NEAR,
    TUESDAY,
    WEDNESDAY,
    make_employer,
    make_group,
    make_offer,
    make_problem,
    make_school,
    make_session,
)


def value(problem: Problem, name: str, *sessions: Session) -> Decimal:
    """Give the value of one level."""
    return next(level.value for level in reckon_levels(problem, sessions) if level.name == name)


def test_the_levels_come_in_order_and_in_another_one_in_a_repair() -> None:
    assert tuple(level.name for level in reckon_levels(make_problem(), ())) == LEVELS
    repair = make_problem(policy={"repair": True})
    assert tuple(level.name for level in reckon_levels(repair, ())) == LEVELS_OF_A_REPAIR


@pytest.mark.parametrize(
    ("school", "weight"),
    [
        ({}, 1),
        ({"special": True}, 3),
        ({"fsm_share": 0.35}, 5),
        ({"fsm_share": 0.3499}, 1),
        ({"special": True, "fsm_share": 0.4}, 15),
    ],
)
def test_a_school_below_its_floor_falls_short_by_its_weight(school: dict[str, Any], weight: int) -> None:
    """Half of 25 and 26 students, rounded up, is 26: one student short of it with group G1 placed."""
    problem = make_problem(
        schools=[make_school(**school)],
        groups=[make_group(on=ALL_WEEK), make_group("G2", size=26, on=ALL_WEEK)],
        policy={"floor_weight_special": 3, "floor_weight_disadvantaged": 5},
    )
    assert value(problem, "floor_shortfall") == 26 * weight
    assert value(problem, "floor_shortfall", make_session(G1=25)) == 1 * weight
    assert value(problem, "floor_shortfall", make_session(G2=26)) == 0


@pytest.mark.parametrize(("share", "floor"), [(0.07, 7), (0.070001, 8), (0, 0), (1, 100)])
def test_floors_are_reckoned_with_the_decimals_as_written(share: float, floor: int) -> None:
    """In doubles 0.07 x 100 is a little more than 7, and its ceiling would be 8."""
    problem = make_problem(groups=[make_group(size=100)], policy={"floor_share": share})
    assert value(problem, "floor_shortfall") == floor


def test_covered_counts_each_student_once() -> None:
    groups = [make_group(on=ALL_WEEK, needed=3), make_group("G2", size=20, on=ALL_WEEK)]
    problem = make_problem(groups=groups)
    plan = [make_session("X1", at=AT_9), make_session("X2", at=f"{MONDAY}T09:00"), make_session("X3", at=AT_10, G2=20)]
    assert value(problem, "covered", *plan) == 45
    assert value(problem, "encounters", *plan) == 25 * 2 + 20


def test_a_group_in_parts_counts_its_parts_students_once() -> None:
    problem = make_problem(groups=[make_group(may_split=True, needed=3)], offers=[make_offer(seats=20, mode="virtual")])
    plan = [make_session("X1", school=None, G1=13), make_session("X2", at=AT_10, school=None, G1=7)]
    assert value(problem, "covered", *plan) == 20
    assert value(problem, "encounters", *plan) == 20


def test_pledges_count_students_at_each_attendance_up_to_what_was_pledged() -> None:
    problem = make_problem(
        schools=[make_school(), make_school("S2")],
        groups=[make_group(needed=2, on=ALL_WEEK), make_group("G2", school="S2", on=ALL_WEEK)],
        offers=[make_offer(mode="virtual", max_sessions=3)],
        pledges=[
            {"employer": "E1", "students": 60, "schools_first": ["S2"]},
            {"employer": "E1", "students": 1000, "schools_first": ["S1", "S2"]},
        ],
    )
    plan = [make_session("X1", school=None, G1=25, G2=25), make_session("X2", at=f"{MONDAY}T09:00", school=None)]
    assert value(problem, "pledged", *plan) == 60 + 75
    assert value(problem, "pledged_first", *plan) == 25 + 75


@pytest.mark.parametrize(
    ("group", "offer", "points"),
    [
        ({}, {}, 2 + 2),
        ({}, {"mode": "virtual"}, 2),
        ({"sectors_met": ["C"]}, {}, 2),
        ({"sectors_asked": ["C", "A"]}, {}, 3 + 2 + 2),
        ({"sectors_asked": ["A"]}, {}, 2 + 2),
        ({"stem_needed": True}, {}, 2 + 3 + 2),
        ({}, {"meaningful": {"purpose": True, "outcomes": True, "interaction": True, "reflection": True}}, 2 + 2 + 4),
        ({}, {"meaningful": {"purpose": True, "outcomes": True, "interaction": True}}, 2 + 2),
    ],
)
def test_preference_gives_each_student_the_points(group: dict[str, Any], offer: dict[str, Any], points: int) -> None:
    problem = make_problem(groups=[make_group(**group)], offers=[make_offer(**offer)])
    school = None if offer.get("mode") == "virtual" else "S1"
    assert value(problem, "preference", make_session(school=school)) == 25 * points


def test_an_employer_of_several_sectors_brings_a_new_one() -> None:
    problem = make_problem(groups=[make_group(sectors_met=["C"])], employers=[make_employer(sectors=["C", "Q"])])
    assert value(problem, "preference", make_session()) == 25 * 4


def test_stem_may_be_said_of_an_employer_whatever_its_sectors() -> None:
    problem = make_problem(
        groups=[make_group(stem_needed=True)],
        employers=[make_employer(stem=False)],
        policy={"points": {"stem": 0.1, "new_sector": 0, "in_person": 0.3}},
    )
    assert value(problem, "preference", make_session()) == Decimal("7.5")


def test_cost_is_duration_and_the_journeys_there_and_back() -> None:
    """From NEAR a journey takes 32 minutes; at one's own place none."""
    schools = [make_school(), make_school("S2", position=NEAR), make_school("S3", position=NEAR)]
    groups = [make_group(f"G{number}", school=f"S{number}", on=ALL_WEEK) for number in (1, 2, 3)]
    problem = make_problem(
        schools=schools,
        groups=groups,
        offers=[make_offer(), make_offer("O2", mode="workplace", seats=90), make_offer("O3", mode="virtual", seats=90)],
    )
    assert value(problem, "cost", make_session()) == 60
    assert value(problem, "cost", make_session(school="S2", G2=25)) == 60 + 2 * 32
    assert value(problem, "cost", make_session(offer="O2", school=None, G1=25, G2=25, G3=25)) == 60 + 2 * (0 + 32 + 32)
    assert value(problem, "cost", make_session(offer="O3", school=None, G1=25, G2=25)) == 60


def _told(at: str, **students: int) -> dict[str, Any]:
    return {
        "id": f"{at}{sorted(students)}",
        "offer": "O1",
        "start": at,
        "school": "S1",
        "attendances": [{"group": group, "students": count} for group, count in students.items()],
    }


def test_changes_are_the_told_students_who_are_not_met_as_told() -> None:
    in_force = {"sessions": [_told(AT_9, G1=25, G2=20), _told(AT_10, gone=7)]}
    groups = [make_group(on=ALL_WEEK), make_group("G2", size=20, on=ALL_WEEK)]
    problem = make_problem(groups=groups, in_force=in_force)
    assert value(problem, "changes") == 52
    assert value(problem, "changes", make_session("new id", G1=25, G2=20)) == 7
    assert value(problem, "changes", make_session(G1=25)) == 27
    assert value(problem, "changes", make_session(at=f"{TUESDAY}T09:05", G1=25)) == 52
    assert value(make_problem(), "changes", make_session()) == 0


def test_a_repair_weighs_what_is_moved_against_what_is_covered() -> None:
    problem = make_problem(
        groups=[make_group(on=ALL_WEEK)],
        in_force={"sessions": [_told(f"{WEDNESDAY}T09:00", G1=25)]},
        policy={"repair": True, "move_price": 0.3},
    )
    assert value(problem, "net_covered", make_session()) == Decimal("17.5")
    assert value(problem, "net_covered", make_session(at=f"{WEDNESDAY}T09:00")) == 25
    assert value(problem, "net_covered") == Decimal("-7.5")
