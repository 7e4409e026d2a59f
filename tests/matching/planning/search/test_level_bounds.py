"""The simple bounds of the levels are true of every plan that keeps the levels before."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.matching.planning.levels import SENSES, reckon_levels
from services.matching.planning.search.level_bounds import level_bounds
from tests.matching.planning.builders import ALL_WEEK, make_group, make_offer, make_problem, make_session
from tests.matching.planning.search.every_plan import TooMany, every_plan, tiny_problem_with_levels

ALL_TESTS = dict.fromkeys(("purpose", "outcomes", "interaction", "reflection"), True)


def test_points_of_a_virtual_offer_count_for_whom_it_can_be_whoever_stands_first() -> None:
    problem = make_problem(
        groups=[
            make_group("G1", on=ALL_WEEK, modes=["in_school"]),
            make_group("G2", on=ALL_WEEK, modes=["in_school", "virtual"]),
        ],
        offers=[make_offer(seats=25, max_sessions=1), make_offer("O2", mode="virtual", seats=25, meaningful=ALL_TESTS)],
    )
    levels = reckon_levels(problem, [make_session(offer="O2", school=None, G2=25)])
    reached = next(level.value for level in levels if level.name == "preference")
    assert level_bounds(problem, levels, 50)["preference"] >= reached


@pytest.mark.parametrize("seed", range(40))
def test_no_plan_is_better_than_the_bounds_that_any_other_as_good_before_gives(seed: int) -> None:
    problem = tiny_problem_with_levels(seed)
    try:
        plans = [reckon_levels(problem, plan) for plan in every_plan(problem)]
    except TooMany:
        pytest.skip("too many plans to try them all")
    most = max(int(level.value) for levels in plans for level in levels if level.name == "covered")
    best: dict[tuple[object, ...], Decimal] = {}
    for levels in plans:
        values = tuple(level.value for level in levels)
        for place, level in enumerate(levels):
            sign = 1 if SENSES[level.name] == "max" else -1
            key = (place, values[:place])
            best[key] = max(best.get(key, sign * level.value), sign * level.value)
    for levels in plans[:: max(1, len(plans) // 50)]:
        bounds, values = level_bounds(problem, levels, most), tuple(level.value for level in levels)
        for place, level in enumerate(levels):
            sign = 1 if SENSES[level.name] == "max" else -1
            assert sign * bounds[level.name] >= best[place, values[:place]], level.name
