"""The search for a tight certified bound: prices from a master program, sessions from fillings at those prices.

First a descent along subgradients, which comes within some tenths of a per cent; then column generation on the
configuration relaxation, with a search on the way from the best prices so far to the master's. Every price vector that
is met is rounded and evaluated in whole numbers, so that what is kept is always exactly what a checker will find.

What the master's solution holds is an outline of a plan. A first one is made early in the descent: its prices are poor
there, but the sessions are nearly as good as at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from math import inf
from time import monotonic
from typing import Any

import numpy as np

from services.matching.planning.bound.cliques import SessionRows
from services.matching.planning.bound.columns import Columns
from services.matching.planning.bound.descent import Descent
from services.matching.planning.bound.master import Master
from services.matching.planning.bound.outline import Outline
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
# Rounds that gain less than this share, both of the best value and of a solved master, are idle; so many end the search.
IDLE_SHARE = 1e-6
IDLE_ROUNDS = 6
# From the best prices to the master's the bound is evaluated at these shares of the way.
LINE_SHARES = (1.0, 0.5, 0.25, 0.1, 0.04)
# The first outline is made after so many steps of the descent and rounds of the master.
STEPS_BEFORE_OUTLINE, ROUNDS_BEFORE_OUTLINE = 150, 3
# While the prices descend, sessions are taken up every so many steps, where the value is so near to the best one.
STEPS_BETWEEN_SESSIONS, NEAR = 25, 1.02
# Improvements of the descent by this share are passed on with their certificate.
TELLING_SHARE = 0.002
# What one core does in a second, in nonzeros times iterations: a deterministic run counts work instead of time.
WORK_A_SECOND = 150_000_000
# What one evaluation of prices costs of it, for each pair of vertex and class.
EVALUATION_WORK = 8


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
    """The bound so far, and the best prices that a search has met; every improvement in whole students is told.

    All students are a bound from the start, but no place to search from: `vector` and `value` are the best of the
    others, so that a search is seen to go on long before it passes the start.
    """

    def __init__(self, relaxation: Relaxation, rows: PriceRows, on_bound: Callable[[int], None]) -> None:
        self._relaxation = relaxation
        self._rows = rows
        self._on_bound = on_bound
        self.proven = rows.rounded(rows.every_student())
        self._proven_value = int(relaxation.bound(self.proven))
        self.vector = rows.every_student()
        self.value: float = inf
        on_bound(self.bound)

    @property
    def bound(self) -> int:
        return self._proven_value // int(self.proven.scale)

    def offer(self, vector: Floats) -> Prices:
        """Evaluate prices exactly, keep them if they are the best, and give them rounded."""
        prices = self._rows.rounded(vector)
        self.take(vector, prices, int(self._relaxation.bound(prices)))
        return prices

    def take(self, vector: Floats, prices: Prices, value: int) -> None:
        """Keep prices with their exact value if they are the best."""
        if value < self.value:
            self.vector, self.value = vector, value
        if value < self._proven_value:
            told, self.proven, self._proven_value = self.bound, prices, value
            if self.bound < told:
                self._on_bound(self.bound)


def certify(
    problem: Problem,
    *,
    seconds: float,
    workers: int = 1,
    seed: int = 0,
    deterministic: bool = False,
    on_bound: Callable[[int], None] = lambda _: None,
    on_result: Callable[[BoundResult], None] = lambda _: None,
    on_outline: Callable[[Outline], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> BoundResult:
    """Find the tightest certified bound that `seconds` allow; valid whenever it ends, at worst all students.

    One core is used whatever `workers` says, and nothing is drawn, so `seed` changes nothing: they are the engine's
    common arguments. `on_bound` hears every improvement; `on_result` hears, round by round, the improved bound with its
    certificate; `on_outline`, which costs some time, what the master holds, early and then round by round; `stop` is asked between rounds of at most a few
    seconds.
    """
    del workers, seed
    budget = _Budget(seconds, deterministic, stop)
    relaxation = relax(problem)
    rows = PriceRows.of(relaxation)
    best = _Best(relaxation, rows, on_bound)

    def result() -> BoundResult:
        return BoundResult(best.bound, certificate_of(problem, relaxation, best.proven, best.bound))

    if len(relaxation.vertices) and best.bound and not budget.is_over():
        _improve(relaxation, rows, best, budget, lambda: on_result(result()), on_outline)
    return result()


def _improve(
    relaxation: Relaxation,
    rows: PriceRows,
    best: _Best,
    budget: _Budget,
    tell: Callable[[], None],
    on_outline: Callable[[Outline], None] | None,
) -> None:
    columns = Columns(relaxation, rows, SessionRows.of(relaxation))
    master = Master(columns)
    for share in FIRST_SHARES:
        columns.add_best(rows.rounded(rows.every_student() * share))
    steps = Descent(relaxation, rows).steps(budget.is_over)
    if on_outline is not None:
        _descend(islice(steps, STEPS_BEFORE_OUTLINE), relaxation, rows, best, budget, tell, columns)
        master.start_from(best.vector)
        for _ in range(ROUNDS_BEFORE_OUTLINE):
            if budget.is_over():
                return
            columns.add_best(best.offer(_prices_of(master, columns, relaxation, rows, budget, FIRST_ITERATIONS)[0]))
        on_outline(master.leaner_outline(budget.is_over, lambda made: budget.spend(_work(columns, relaxation, made))))
    _descend(steps, relaxation, rows, best, budget, tell, columns)
    master.start_from(best.vector)
    iterations, idle, reached = FIRST_ITERATIONS, 0, 0.0
    while not budget.is_over() and idle < IDLE_ROUNDS:
        before, told = best.value, best.bound
        vector, solved = _prices_of(master, columns, relaxation, rows, budget, iterations)
        if on_outline is not None:
            on_outline(master.outline())
        new = _search_towards(vector, best, columns, budget)
        if best.bound < told:
            tell()
        if solved and (not new or master.value >= best.bound):
            return
        gained = before - best.value >= IDLE_SHARE * before or (solved and master.value > reached * (1.0 + IDLE_SHARE))
        if solved:
            reached = max(reached, master.value)
        idle = 0 if gained else idle + 1
        if not gained:
            iterations = min(2 * iterations, MOST_ITERATIONS)
        if len(columns.students) > MOST_COLUMNS:
            master.keep(MOST_COLUMNS * 2 // 3)


def _work(columns: Columns, relaxation: Relaxation, iterations: int) -> int:
    return (iterations + 1) * (int(columns.matrix.nnz) + len(relaxation.vertices.classes))


def _prices_of(
    master: Master, columns: Columns, relaxation: Relaxation, rows: PriceRows, budget: _Budget, iterations: int
) -> tuple[Floats, bool]:
    """Go on with the master: its prices of the rows that have one, and whether it is solved."""
    duals, made, solved = master.solve(iterations=iterations, seconds=budget.seconds_a_round())
    budget.spend(_work(columns, relaxation, made))
    return np.clip(duals[: rows.ends[-1]], 0.0, rows.most), solved


def _search_towards(vector: Floats, best: _Best, columns: Columns, budget: _Budget) -> int:
    """Evaluate prices from the best ones on towards the master's; give how many new sessions pay at the ends of that way."""
    centre, new = best.vector, 0
    for share in LINE_SHARES:
        before = best.value
        prices = best.offer(centre + share * (vector - centre))
        if share == 1.0 or best.value < before:
            new += columns.add_best(prices)
        if budget.is_over():
            break
    return new


def _descend(
    steps: Iterable[tuple[Floats, Prices, int]],
    relaxation: Relaxation,
    rows: PriceRows,
    best: _Best,
    budget: _Budget,
    tell: Callable[[], None],
    columns: Columns,
) -> None:
    """Find good prices by steps along subgradients, and the sessions that pay at the best of them."""
    work = EVALUATION_WORK * (len(relaxation.vertices.classes) + 10_000)
    told = best.bound
    for number, (vector, prices, value) in enumerate(steps):
        best.take(vector, prices, value)
        budget.spend(work)
        if best.bound < (1.0 - TELLING_SHARE) * told:
            told = best.bound
            tell()
        if number % STEPS_BETWEEN_SESSIONS == 0 and value < NEAR * best.value:
            columns.add_best(prices)
    columns.add_best(rows.rounded(best.vector))
    if best.bound < told:
        tell()
