"""What stands of a plan that people were told: all that still keeps the rules, in its place, and every pin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.levels import reckon_levels
from services.matching.planning.model import Problem, Session
from services.matching.planning.standing import still_standing
from services.matching.planning.writing import session_to_json
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    AT_10,
    AT_11,
    MONDAY_AM,
    make_group,
    make_offer,
    make_problem,
    make_school,
    make_session,
)
from tests.matching.planning.exhaustive import Exhaustive, tiny_problem

TOLD = (make_session("X1", at=AT_9, G1=25, G2=25), make_session("X2", at=AT_10, G3=25))


def problem_of(*told: Session, **fields: object) -> Problem:
    groups = [make_group(f"G{number}") for number in (1, 2, 3)]
    in_force = {"sessions": [session_to_json(session) for session in told]}
    return make_problem(**{"groups": groups, "in_force": in_force, **fields})


def test_a_plan_that_still_keeps_the_rules_stands_as_it_is() -> None:
    assert still_standing(problem_of(*TOLD)) == TOLD


@pytest.mark.parametrize(
    ("fields", "attending"),
    [
        ({"offers": [make_offer("O2")]}, set()),
        ({"groups": [make_group("G2"), make_group("G3")]}, {"G2", "G3"}),
        ({"groups": [make_group("G1", on=MONDAY_AM), make_group("G2"), make_group("G3")]}, {"G2", "G3"}),
        ({"groups": [make_group("G1"), make_group("G2", size=26), make_group("G3")]}, {"G1", "G3"}),
        ({"offers": [make_offer(seats=30)]}, {"G1", "G3"}),
        ({"offers": [make_offer(max_sessions=1)]}, {"G1", "G2"}),
        ({"offers": [make_offer(duration_minutes=65)]}, {"G1", "G2"}),
        ({"schools": [make_school(hosting_limit=0)]}, set()),
        ({"forbidden": [{"offer": "O1", "group": "G2"}]}, {"G1", "G3"}),
    ],
)
def test_what_breaks_a_rule_now_is_left_out_and_nothing_else(fields: dict[str, object], attending: set[str]) -> None:
    problem = problem_of(*TOLD, **fields)
    standing = still_standing(problem)
    assert check_sessions(problem, standing) == []
    assert {seat.group for session in standing for seat in session.attendances} == attending
    assert {session.id for session in standing} <= {"X1", "X2"}


def test_pins_stay_and_what_they_push_out_goes() -> None:
    pins = [
        {"offer": "O1", "start": AT_11, "school": "S1", "group": "G1", "students": 25},
        {"offer": "O1", "start": AT_10, "school": "S1", "group": "G2", "students": 25},
    ]
    problem = problem_of(*TOLD, pinned=pins)
    standing = still_standing(problem)
    assert check_sessions(problem, standing) == []
    assert {(s.id, seat.group) for s in standing for seat in s.attendances} == {
        ("O1@2026-10-06T11:00", "G1"),
        ("X2", "G2"),
        ("X2", "G3"),
    }


def test_a_plan_that_breaks_every_rule_leaves_the_pins() -> None:
    crowd = [make_session(f"X{number}", at=AT_9, G1=25, G2=25, G3=25) for number in range(30)]
    problem = problem_of(*crowd, groups=[make_group(f"G{number}", on=ALL_WEEK) for number in (1, 2, 3)])
    standing = still_standing(problem)
    assert check_sessions(problem, standing) == []


@pytest.mark.parametrize("seed", range(60))
def test_it_always_keeps_the_rules_and_all_of_a_plan_of_the_same_problem(seed: int) -> None:
    problem = tiny_problem(seed)
    told = tuple(Exhaustive(problem).plan)
    same = replace(problem, in_force=told)
    assert {level.name: level.value for level in reckon_levels(same, still_standing(same))}["changes"] == 0
    other = replace(tiny_problem(seed + 1), in_force=told)
    assert check_sessions(other, still_standing(other)) == []
