"""Whatever the search does, its plans keep every rule, and its own counts are those of the checker."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.fillings import gains
from services.matching.planning.levels import SENSES, reckon_levels
from services.matching.planning.model import Pin, Problem
from services.matching.planning.scenario import fictional_area
from services.matching.planning.search.anneal import anneal, keep
from services.matching.planning.search.classes import Classes
from services.matching.planning.search.messages import Proven
from services.matching.planning.search.pace import Pace
from services.matching.planning.search.plan import rows_of_plan
from services.matching.planning.search.proving import prove
from services.matching.planning.search.ranking import CHANGES, COVERED, LEVEL_NAMES
from services.matching.planning.search.rounds import Rounds
from services.matching.planning.search.rows import offers_that_differ, rows_in_force, sessions_of_rows
from services.matching.planning.search.searcher import Searcher
from services.matching.planning.search.state import KNAPSACK_CELLS, LEAST_DRAWN, MOST_NOTICED
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    AT_11,
    TUESDAY_AM,
    WEDNESDAY,
    WEDNESDAY_AM,
    make_group,
    make_offer,
    make_problem,
    make_session,
    minute,
)
from tests.matching.planning.search.every_plan import tiny_problem_with_levels

SEEDS = range(25)


def searcher_of(problem: Problem, seed: int = 1) -> Searcher:
    return Searcher(problem, seed, Pace(time.monotonic(), 1e6, deterministic=True), lambda *_: None)


def assert_true(searcher: Searcher) -> None:
    """Check that the plan on the board keeps every rule, and that the board's levels are the checker's."""
    problem = searcher.problem
    sessions = sessions_of_rows(problem, rows_of_plan(searcher.board, searcher.state))
    assert check_sessions(problem, sessions) == []
    scales = {"floor_shortfall": searcher.scales[0], "preference": searcher.scales[1]}
    reckoned = {level.name: level.value for level in reckon_levels(problem, sessions)}
    for name, value in zip(LEVEL_NAMES, searcher.state.value.tolist(), strict=True):
        assert Decimal(value) / scales.get(name, 1) == reckoned[name], name
    assert searcher.state.vertex_free.tolist() == free_at_vertices(searcher)


def free_at_vertices(searcher: Searcher) -> list[int]:
    """Count the most seats free in one session at each vertex, as far as the board notices them."""
    board, state = searcher.board, searcher.state
    free = [0] * len(board.v_offer)
    for slot in np.flatnonzero(state.x_vertex >= 0):
        seats = int(board.o_seats[board.slot_offer[slot]] - state.x_filled[slot])
        vertex = int(state.x_vertex[slot])
        free[vertex] = max(free[vertex], min(seats, MOST_NOTICED))
    return free


@pytest.mark.parametrize("warm", [1.0, 50.0])
def test_free_seats_are_known_after_every_move(warm: float) -> None:
    searcher = searcher_of(fictional_area(schools=3).problem)
    searcher.first_plan()
    weights, kept = searcher.coverage(strict=True), keep(searcher.state)
    for _ in range(400):
        anneal(searcher.board, searcher.state, weights, kept, 1, warm, warm)
        assert searcher.state.vertex_free.tolist() == free_at_vertices(searcher)


@pytest.mark.parametrize("seats", [1, 30, 500, 3_000])
def test_a_knapsack_has_the_cells_that_it_needs(seats: int) -> None:
    problem = make_problem(offers=[make_offer(seats=seats)])
    cells = len(searcher_of(problem).state.knapsack_took)
    drawn = [max(LEAST_DRAWN, KNAPSACK_CELLS // free) for free in range(1, seats + 1)]
    assert max(groups * (free + 1) for free, groups in enumerate(drawn, 1)) <= cells


@pytest.mark.parametrize("seed", SEEDS)
def test_every_phase_keeps_rules_and_counts(seed: int) -> None:
    searcher = searcher_of(tiny_problem_with_levels(seed), seed)
    searcher.first_plan()
    assert_true(searcher)
    searcher.anneal("annealing", 0.05, searcher.coverage(strict=False), 6.0, 0.3)
    assert_true(searcher)
    Rounds(searcher, np.random.default_rng(seed)).run(0.3)
    assert_true(searcher)
    before = searcher.best_values
    searcher.polish(0.06)
    assert_true(searcher)
    assert searcher.best_values[1] >= before[1] or searcher.problem.policy.repair


@pytest.mark.parametrize("seed", range(12))
def test_pinned_attendances_stay(seed: int) -> None:
    problem = replace(tiny_problem_with_levels(seed), in_force=None)
    searcher = searcher_of(problem)
    searcher.first_plan()
    sessions = sessions_of_rows(problem, searcher.best_rows)
    pins = tuple(
        Pin(s.offer, s.start, s.school, a.group, a.students) for s in sessions[:2] for a in s.attendances[:1]
    )  # fmt: skip
    pinned = searcher_of(replace(problem, pinned=pins), seed)
    pinned.first_plan()
    pinned.anneal("annealing", 0.05, pinned.coverage(strict=False), 6.0, 0.3)
    Rounds(pinned, np.random.default_rng(seed)).run(0.3)
    assert_true(pinned)
    assert {(p.offer, p.start, p.group) for p in pins} <= {
        (s.offer, s.start, a.group) for s in sessions_of_rows(problem, pinned.best_rows) for a in s.attendances
    }


@pytest.mark.parametrize("seed", range(12))
def test_a_repair_begins_with_all_that_was_told(seed: int) -> None:
    problem = tiny_problem_with_levels(seed)
    first = searcher_of(replace(problem, in_force=None))
    first.first_plan()
    told = sessions_of_rows(problem, first.best_rows)
    repair = searcher_of(replace(problem, in_force=told, policy=replace(problem.policy, repair=True)))
    repair.first_plan()
    assert repair.best_values[CHANGES] == 0
    assert repair.best_values[1] >= first.best_values[1]


@pytest.mark.parametrize("seed", range(12))
def test_decimals_of_many_digits_cost_no_plan_and_no_true_bound(seed: int) -> None:
    problem = tiny_problem_with_levels(seed)
    points = replace(problem.policy.points, asked=Decimal("0.3333333333333333"), stem=Decimal("1000000.1234567890123"))
    policy = replace(
        problem.policy,
        points=points,
        floor_weight_special=Decimal("1.3333333333333333"),
        floor_weight_disadvantaged=Decimal("2.6666666666666665"),
    )
    searcher, shown = searcher_of(replace(problem, policy=policy)), list[Proven]()
    searcher.first_plan()
    prove(searcher, 10.0, shown.append)
    sessions = sessions_of_rows(searcher.problem, searcher.best_rows)
    assert check_sessions(searcher.problem, sessions) == []
    for level, (_, _, bound) in zip(reckon_levels(searcher.problem, sessions), shown[-1].levels, strict=False):
        assert level.value <= bound if SENSES[level.name] == "max" else level.value >= bound, level.name


def test_a_neighbourhood_unties_parts_of_groups() -> None:
    problem = make_problem(
        groups=[make_group("G1", size=24), make_group("G2", size=25, may_split=True)],
        offers=[make_offer("O1", seats=24, max_sessions=1), make_offer("O2", seats=25, max_sessions=1)],
    )
    searcher = searcher_of(problem)
    at_9, at_11 = minute(AT_9), minute(AT_11)
    assert searcher.adopt(np.array([[0, at_9, 0, 1, 24, 0], [1, at_11, 0, 0, 24, 0]], np.int32)) == 0
    Rounds(searcher, np.random.default_rng(1)).run(1.0)
    assert searcher.state.value[COVERED] == 49
    assert_true(searcher)


def test_a_merge_is_no_worse_than_either_plan() -> None:
    problem = replace(tiny_problem_with_levels(3), in_force=None)
    mine, theirs = searcher_of(problem, 1), searcher_of(problem, 2)
    for searcher in (mine, theirs):
        searcher.first_plan()
        searcher.anneal("annealing", 0.05, searcher.coverage(strict=True), 6.0, 0.3)
    best = max(mine.best_values[:2], theirs.best_values[:2], key=lambda values: (-values[0], values[1]))
    mine.merge(theirs.best_rows, theirs.best_values)
    assert (-mine.best_values[0], mine.best_values[1]) >= (-best[0], best[1])
    assert_true(mine)


def test_offers_that_differ_are_those_with_another_row() -> None:
    one = np.array([[0, 10, -1, 1, 5, 0], [1, 10, -1, 2, 5, 0]], np.int32)
    other = np.array([[0, 10, -1, 1, 5, 0], [1, 20, -1, 2, 5, 0]], np.int32)
    assert offers_that_differ(one, other).tolist() == [1]


def test_a_neighbourhood_gives_up_any_number_of_further_encounters_for_one_student_more() -> None:
    """A's second encounter fills the seats of the only session that could take B, a group of one."""
    offers = [
        make_offer("O1", TUESDAY_AM, mode="virtual", seats=25, max_sessions=1),
        make_offer("O2", WEDNESDAY_AM, mode="virtual", seats=25, max_sessions=1),
    ]
    groups = [make_group("A", ALL_WEEK, needed=2), make_group("B", WEDNESDAY_AM, size=1)]
    problem = make_problem(groups=groups, offers=offers)
    told = (make_session("X", "O1", AT_9, None, A=25), make_session("Y", "O2", f"{WEDNESDAY}T09:00", None, A=25))
    searcher = searcher_of(problem)
    assert searcher.adopt(rows_in_force(replace(problem, in_force=told))) == 0
    rounds, weights = Rounds(searcher, np.random.default_rng(1)), searcher.coverage(strict=True)
    for _ in range(8):
        rounds.play(searcher.state, weights, searcher.pace)
    assert searcher.state.value[COVERED] == 26
    assert_true(searcher)


def test_what_vertices_promise_is_reckoned_by_the_loop_that_the_bound_has_compiled() -> None:
    searcher = searcher_of(tiny_problem_with_levels(3), 3)
    searcher.guide(1.0)
    promise = searcher.promise_of_vertices(Classes.of(searcher.board))
    assert promise is not None
    assert len(promise) == len(searcher.board.v_offer)
    kinds = {str(kind.dtype) for one in gains.signatures for kind in one if hasattr(kind, "dtype")}  # type: ignore[attr-defined]  # compiled functions have it
    assert kinds == {"int64"}, "another kind would be compiled in the midst of a first run"
