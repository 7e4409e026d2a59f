"""Why a placed group is where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.explanation.placed import alternatives, why_placed
from services.matching.planning.explanation.places import Places
from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import Pin
from services.matching.planning.rules import Known, Plan
from tests.matching.planning.exhaustive import Exhaustive, tiny_problem


@pytest.mark.parametrize("from_seed", range(0, 200, 50))
def test_every_alternative_is_a_plan_that_keeps_the_rules_and_costs_what_it_says(from_seed: int) -> None:
    found = 0
    for seed in range(from_seed, from_seed + 50):
        problem = tiny_problem(seed)
        plan = Plan(Known(problem), Exhaustive(problem).plan)
        places = Places(plan.known)
        before = sum(covered_by_group(plan).values())
        for group, seatings in plan.seatings_of_group.items():
            for seating in (each for each in seatings if not each.part):
                for one in alternatives(plan, places, group, seating.session):
                    assert check_sessions(problem, one.sessions) == []
                    after = sum(covered_by_group(Plan(plan.known, one.sessions)).values())
                    assert after == before - one.students_leaving
                    found += 1
    assert found > 20


def test_it_is_told_what_else_was_possible_and_who_would_make_way() -> None:
    told = []
    for seed in range(60):
        problem = tiny_problem(seed)
        sessions = Exhaustive(problem).plan
        for session in sessions:
            told += why_placed(Known(problem), sessions, session.attendances[0].group)
    text = "\n".join(told)
    assert "no other session could take it, whoever makes way" in text
    assert "there is room; the plan would be" in text
    assert "would have to make way; the plan would be worse" in text
    assert "just as good" in text


def test_a_pinned_group_stays_where_it_is() -> None:
    problem = tiny_problem(0)
    session = Exhaustive(problem).plan[0]
    seat = session.attendances[0]
    pin = Pin(session.offer, session.start, session.school, seat.group, seat.students)
    told = why_placed(Known(replace(problem, pinned=(pin,))), (session,), seat.group)
    assert len(told) == 1
    assert told[0].endswith("a coordinator has pinned it there.")


def test_a_group_that_attends_nothing_has_nothing_to_tell() -> None:
    problem = tiny_problem(0)
    assert why_placed(Known(problem), (), problem.groups[0].id) == []
