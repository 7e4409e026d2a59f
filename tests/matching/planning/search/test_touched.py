"""Whom a plan touches: all whose told plan is another one now, those that the problem no longer has among them."""

from __future__ import annotations

from dataclasses import replace

from services.matching.planning.search.touched import touched_by
from tests.matching.planning.builders import AT_10, make_group, make_problem, make_session


def test_only_parties_with_another_plan_are_touched() -> None:
    told = (make_session("X1", G1=25), make_session("X2", at=AT_10, G2=30))
    problem = replace(make_problem(groups=[make_group(), make_group("G2", size=30)]), in_force=told)
    assert touched_by(problem, told) == {"employers": {}, "schools": {}, "offers": {}, "groups": {}}
    assert touched_by(problem, told[1:]) == {
        "employers": {"E1": {"gone": 25, "new": 0}},
        "schools": {"S1": {"gone": 25, "new": 0}},
        "offers": {},
        "groups": {},
    }


def test_what_was_told_and_is_no_longer_there_is_touched_by_its_id() -> None:
    told = (
        make_session("X1", G1=25, left=20),
        make_session("X2", "withdrawn", at=AT_10),
        make_session("X3", "withdrawn", school="closed", moved=24),
        make_session("X4", "also withdrawn", school=None, moved=10),
    )
    assert touched_by(replace(make_problem(), in_force=told), [make_session(G1=25)]) == {
        "employers": {"E1": {"gone": 20, "new": 0}},
        "schools": {"S1": {"gone": 45, "new": 0}, "closed": {"gone": 24, "new": 0}},
        "offers": {"also withdrawn": {"gone": 10, "new": 0}, "withdrawn": {"gone": 49, "new": 0}},
        "groups": {"left": {"gone": 20, "new": 0}, "moved": {"gone": 34, "new": 0}},
    }


def test_the_school_that_a_group_has_left_is_touched_beside_its_new_one() -> None:
    told = (make_session(school="S9"),)
    touched = touched_by(replace(make_problem(), in_force=told), [make_session()])
    assert touched["schools"] == {"S1": {"gone": 25, "new": 25}, "S9": {"gone": 25, "new": 0}}
