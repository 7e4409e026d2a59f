"""The whole model finds the best plan at all levels, and says truly what it has proven.

Some hundred problems by default; `FULL=1` tries thousands.
"""

from __future__ import annotations

import os
import time

import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.levels import reckon_levels
from services.matching.planning.model import Problem
from services.matching.planning.search.messages import Proven
from services.matching.planning.search.pace import Pace
from services.matching.planning.search.proving import prove
from services.matching.planning.search.rows import sessions_of_rows
from services.matching.planning.search.searcher import Searcher
from tests.matching.planning.search.every_plan import TooMany, best_levels, tiny_problem_with_levels

A_BATCH = 50
BATCHES = 100 if os.environ.get("FULL", "") not in ("", "0") else 8
LEAST_COMPARED = 0.9


def searcher_of(problem: Problem, seed: int = 1) -> Searcher:
    return Searcher(problem, seed, Pace(time.monotonic(), 1e6, deterministic=True), lambda *_: None)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_all_levels_equal_those_of_the_best_of_all_plans(batch: int) -> None:
    seeds = range(batch * A_BATCH, (batch + 1) * A_BATCH)
    assert sum(is_best(seed) for seed in seeds) >= LEAST_COMPARED * A_BATCH


def is_best(seed: int) -> bool:
    """Compare one problem; tell whether that could be done, which it can't where there are too many plans to try."""
    problem = tiny_problem_with_levels(seed)
    try:
        best, most = best_levels(problem)
    except TooMany:
        return False
    searcher = searcher_of(problem)
    searcher.first_plan()
    shown: list[Proven] = []
    prove(searcher, 60.0, shown.append)
    sessions = sessions_of_rows(problem, searcher.best_rows)
    assert check_sessions(problem, sessions) == []
    levels = reckon_levels(problem, sessions)
    assert tuple(level.value for level in levels) == best, seed
    assert (shown[-1].complete, shown[-1].covered) == (True, most), seed
    assert [(name, value) for name, value, _ in shown[-1].levels] == [(level.name, level.value) for level in levels]
    return True
