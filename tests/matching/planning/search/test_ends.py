"""Ends of annealings are joined: what one plan does better here and another there comes together."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from services.matching.planning.model import Problem
from services.matching.planning.scenario import fictional_area
from services.matching.planning.scenario.planted import planted_problem
from services.matching.planning.search.ends import FIRST_ENDS, MORE_ENDS, Ends
from services.matching.planning.search.pace import Pace
from services.matching.planning.search.plan import rows_of_plan
from services.matching.planning.search.rounds import Rounds
from services.matching.planning.search.searcher import Searcher
from services.matching.planning.search.state import COVERED

Ints = Any


def searcher_of_area(*, deterministic: bool = False) -> Searcher:
    """Search a hub whose seats suffice for some 70 % of the students."""
    return searcher_of(fictional_area(schools=3, seed=5, seats=Decimal("0.7")).problem, deterministic=deterministic)


def searcher_of(problem: Problem, *, deterministic: bool = False) -> Searcher:
    searcher = Searcher(problem, 1, Pace(time.monotonic(), 600.0, deterministic), lambda *_: None)
    searcher.first_plan()
    return searcher


def ends_of(searcher: Searcher) -> Ends:
    return Ends(Rounds(searcher, np.random.default_rng(1)), searcher.coverage(strict=True))


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[Ints]:
    """Note the vertices of each joining, and the best plan's before it."""
    found, join = list[Ints](), Rounds.join

    def noted(rounds: Rounds, vertices: Ints, seconds: float) -> None:
        found.append((vertices, rounds.searcher.vertices_held()))
        join(rounds, vertices, seconds)

    monkeypatch.setattr(Rounds, "join", noted)
    return found


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[Ints]:
    """Note the vertices that each annealing ends with."""
    found, anneal = list[Ints](), Searcher.anneal

    def noted(searcher: Searcher, *args: Any) -> None:
        anneal(searcher, *args)
        found.append(searcher.vertices_held())

    monkeypatch.setattr(Searcher, "anneal", noted)
    return found


def test_two_halves_of_a_plan_become_one_again() -> None:
    searcher = searcher_of_area()
    searcher.anneal("annealing", 0.3, searcher.coverage(strict=True), 25.0, 0.2)
    rows, covered = searcher.best_rows, searcher.best_values[COVERED]
    halves = [rows[rows[:, 0] % 2 == half] for half in (0, 1)]
    held = list[Ints]()
    for half in halves:
        searcher.adopt(half)
        held.append(searcher.vertices_held())
        assert searcher.state.value[COVERED] < covered
    searcher.best_rows, searcher.best_values = halves[1], tuple(searcher.state.value.tolist())
    Rounds(searcher, np.random.default_rng(1)).join(np.union1d(*held), 20.0)
    assert searcher.best_values[COVERED] >= covered
    assert np.array_equal(rows_of_plan(searcher.board, searcher.state), searcher.best_rows)


def test_a_joining_knows_all_ends_and_the_best_plan_and_is_no_worse(held: list[Ints], joined: list[Ints]) -> None:
    searcher = searcher_of_area()
    ends = ends_of(searcher)
    ends.first(4.0)
    best = searcher.best_values[COVERED]
    ends.more(2.0)
    assert len(held) == FIRST_ENDS + MORE_ENDS
    (first, best_before), (second, _) = joined
    for vertices in (best_before, *held[:FIRST_ENDS]):
        assert np.isin(vertices, first).all()
    for vertices in held[MORE_ENDS:]:
        assert np.isin(vertices, second).all()
    assert searcher.state.value[COVERED] == searcher.best_values[COVERED] >= best


def test_ends_are_worth_joining_where_no_plan_is_known_yet() -> None:
    problem = fictional_area(schools=3, seed=5).problem
    ends = ends_of(Searcher(problem, 1, Pace(time.monotonic(), 600.0, deterministic=False), lambda *_: None))
    assert ends.worth_joining()


def test_where_nearly_everybody_is_covered_it_anneals_for_longer_and_joins_nothing(
    held: list[Ints], joined: list[Ints]
) -> None:
    searcher = searcher_of(planted_problem(3).problem)
    ends = ends_of(searcher)
    ends.first(8.0)
    assert not ends.worth_joining()
    assert len(held) < FIRST_ENDS
    assert not joined


def test_counted_work_joins_nothing_and_goes_on_with_the_best_end(joined: list[Ints]) -> None:
    searcher = searcher_of_area(deterministic=True)
    ends_of(searcher).first(4.0)
    assert not joined
    assert np.array_equal(rows_of_plan(searcher.board, searcher.state), searcher.best_rows)
