"""The search for a tight certified bound: prices from a master program, sessions from fillings at those prices.

Column generation on the configuration relaxation, stabilised half-way towards the best prices so far. Every price vector
that is met is rounded and evaluated in whole numbers, so that what is kept is always exactly what a checker will find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from services.matching.planning.bound.cliques import SessionRows
from services.matching.planning.bound.columns import Columns
from services.matching.planning.bound.master import Master
from services.matching.planning.bound.prices import Floats, PriceRows
from services.matching.planning.certificate import certificate_of
from services.matching.planning.model import Problem
from services.matching.planning.relaxation import Prices, Relaxation, relax

FIRST_ITERATIONS = 300
MOST_ITERATIONS = 4000
# A round is kept this short, so that a request to stop is heard soon.
SECONDS_A_ROUND = 4.0
MOST_COLUMNS = 150_000
# Classes' prices, as shares of a student, at which the first sessions are made.
FIRST_SHARES = (0.0, 0.3, 0.6)
# Rounds that gain less than this share of the bound are idle; after so many with long rounds the search ends.
IDLE_SHARE = 1e-6
IDLE_ROUNDS = 4
# What one core does in a second, in nonzeros times iterations: a deterministic run counts work instead of time.
WORK_A_SECOND = 150_000_000


@dataclass(frozen=True, slots=True)
class BoundResult:
    """No timetable that keeps the hard rules covers more than `bound` students; the certificate proves it."""

    bound: int
    certificate: dict[str, Any]


class _Budget:
    """Time, or in a deterministic run work, that may be spent."""

    def __init__(self, seconds: float, deterministic: bool, stop: Callable[[], bool]) -> None:
        self._ends = monotonic() + seconds
        self._work = seconds * WORK_A_SECOND
        self._deterministic = deterministic
        self._stop = stop

    def spend(self, work: int) -> None:
        self._work -= work

    def is_over(self) -> bool:
        return self._stop() or (self._work <= 0 if self._deterministic else monotonic() >= self._ends)

    def seconds_a_round(self) -> float | None:
        return None if self._deterministic else min(SECONDS_A_ROUND, self._ends - monotonic())


class _Best:
    """The best prices so far; every improvement in whole students is told."""

    def __init__(self, relaxation: Relaxation, rows: PriceRows, on_bound: Callable[[int], None]) -> None:
        self._relaxation = relaxation
        self._rows = rows
        self._on_bound = on_bound
        self.vector = rows.every_student()
        self.prices = rows.rounded(self.vector)
        self.value = int(relaxation.bound(self.prices))
        on_bound(self.bound)

    @property
    def bound(self) -> int:
        return self.value // int(self.prices.scale)

    def offer(self, vector: Floats) -> Prices:
        """Evaluate prices exactly, keep them if they are the best, and give them rounded."""
        prices = self._rows.rounded(vector)
        value = int(self._relaxation.bound(prices))
        if value < self.value:
            told, self.vector, self.prices, self.value = self.bound, vector, prices, value
            if self.bound < told:
                self._on_bound(self.bound)
        return prices


def certify(
    problem: Problem,
    *,
    seconds: float,
    workers: int = 1,
    seed: int = 0,
    deterministic: bool = False,
    on_bound: Callable[[int], None] = lambda _: None,
    on_result: Callable[[BoundResult], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> BoundResult:
    """Find the tightest certified bound that `seconds` allow; valid whenever it ends, at worst all students.

    One core is used whatever `workers` says, and nothing is drawn, so `seed` changes nothing: they are the engine's
    common arguments. `on_bound` hears every improvement; `on_result` hears, round by round, the improved bound with its
    certificate; `stop` is asked between rounds of at most a few seconds.
    """
    del workers, seed
    budget = _Budget(seconds, deterministic, stop)
    relaxation = relax(problem)
    rows = PriceRows.of(relaxation)
    best = _Best(relaxation, rows, on_bound)

    def result() -> BoundResult:
        return BoundResult(best.bound, certificate_of(problem, relaxation, best.prices, best.bound))

    if len(relaxation.vertices) and best.bound and not budget.is_over():
        _improve(relaxation, rows, best, budget, lambda: on_result(result()))
    return result()


def _improve(relaxation: Relaxation, rows: PriceRows, best: _Best, budget: _Budget, tell: Callable[[], None]) -> None:
    columns = Columns(relaxation, rows, SessionRows.of(relaxation))
    master = Master(columns)
    for share in FIRST_SHARES:
        columns.add_best(best.offer(rows.every_student() * share))
    iterations, idle = FIRST_ITERATIONS, 0
    while not budget.is_over() and idle < IDLE_ROUNDS:
        before, told = best.value, best.bound
        duals, made, solved = master.solve(iterations=iterations, seconds=budget.seconds_a_round())
        budget.spend((made + 1) * (columns.matrix.nnz + len(relaxation.vertices.classes)))
        vector = np.clip(duals[: rows.ends[-1]], 0.0, rows.most)
        new = columns.add_best(best.offer((best.vector + vector) / 2))
        if not budget.is_over():
            new += columns.add_best(best.offer(vector))
        if best.bound < told:
            tell()
        if solved and not new:
            return
        if before - best.value < IDLE_SHARE * before:
            idle += iterations >= MOST_ITERATIONS or solved
            iterations = min(2 * iterations, MOST_ITERATIONS)
        else:
            idle = 0
        if len(columns.students) > MOST_COLUMNS:
            master.keep(duals, MOST_COLUMNS * 2 // 3)
