"""Proving: a small hub's whole model is solved level by level, each to its optimum or a true bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from ortools.sat.python import cp_model

from services.matching.planning.search.board import NO_LIMIT
from services.matching.planning.search.exact import WholeModel
from services.matching.planning.search.messages import Proven
from services.matching.planning.search.pace import SOLVER_SECONDS
from services.matching.planning.search.rows import Rows, rows_of_pins, with_pins

if TYPE_CHECKING:
    from services.matching.planning.search.searcher import Searcher

FIRST_SHARE, EARLY_LEVELS = 0.4, 2


@dataclass(frozen=True)
class LevelProof:
    """What an exact search showed of a level, scaled as on the board; `bound` is a true one, the value where it is proven."""

    name: str
    value: int
    bound: int


def prove(searcher: Searcher, seconds: float, tell: Callable[[Proven], None], known_bound: int = NO_LIMIT) -> None:
    """Solve a searcher's whole problem in so many seconds; its best plan becomes what was found, `tell` hears the proof.

    `known_bound` on the students covered, where there is one, may save proving one again.
    """
    pins = rows_of_pins(searcher.problem)
    whole = WholeModel(searcher.problem, searcher.board, pins)
    whole.hint(searcher.best_rows)
    pace = searcher.pace
    end = min(pace.spent() + seconds, pace.end)
    search = ExactSearch(whole, deterministic=pace.deterministic)

    def part(share: float) -> float:
        return max(0.1, share * (end - pace.spent()))

    def hear(rows: Rows) -> None:
        if searcher.adopt(with_pins(rows, pins)) == 0:
            searcher.offer_present("exact")

    free_of_levels = whole.model.clone()
    covered = known_bound
    shown: list[tuple[str, Decimal, Decimal]] = []
    for done, name in enumerate(whole.levels):
        search.work = 0.0
        level = search.level(name, part(FIRST_SHARE if done < EARLY_LEVELS else 1 / (len(whole.levels) - done)), hear)
        if level is None:
            break
        if name == "covered" and level.value == level.bound < covered:
            covered = min(covered, search.bound_of_coverage(free_of_levels, part(FIRST_SHARE)))
        pace.charge(solver=search.work)
        scale = whole.scale_of(name)
        shown.append((name, Decimal(level.value) / scale, Decimal(level.bound) / scale))
        complete = len(shown) == len(whole.levels) and all(value == bound for _, value, bound in shown)
        tell(Proven(covered, tuple(shown), complete))
        if pace.spent() >= end:
            break
    searcher.adopt(searcher.best_rows)


class ExactSearch:
    """Solves a whole model level by level; `work` counts the solver's deterministic seconds."""

    def __init__(self, whole: WholeModel, *, deterministic: bool) -> None:
        self.whole, self.deterministic = whole, deterministic
        self.work = 0.0

    def _solve(
        self, model: cp_model.CpModel, expression: Any, seconds: float, *, large: bool
    ) -> tuple[cp_model.CpSolver, bool]:
        model.maximize(expression) if large else model.minimize(expression)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.linearization_level = 2  # seats and sessions are knapsacks: their linear cuts are what proves
        solver.parameters.symmetry_level = 0
        solver.parameters.cp_model_probing_level = 0
        if self.deterministic:
            solver.parameters.max_deterministic_time = seconds / SOLVER_SECONDS
        else:
            solver.parameters.max_time_in_seconds = seconds
        status = solver.solve(model)
        self.work += solver.response_proto.deterministic_time
        return solver, status in (cp_model.OPTIMAL, cp_model.FEASIBLE)

    def bound_of_coverage(self, model: cp_model.CpModel, seconds: float) -> int:
        """Return a true bound on the students that any timetable can cover, by the model without levels to keep."""
        solver, _ = self._solve(model, self.whole.levels["covered"][0], seconds, large=True)
        return int(np.floor(solver.best_objective_bound + 1e-6))

    def level(self, name: str, seconds: float, on_rows: Callable[[Rows], None]) -> LevelProof | None:
        """Optimise a level and keep what it reached from then on; None where no plan was found in time."""
        expression, large = self.whole.levels[name]
        if isinstance(expression, int):
            return LevelProof(name, expression, expression)
        solver, found = self._solve(self.whole.model, expression, seconds, large=large)
        if not found:
            return None
        value = round(solver.objective_value)
        limit = solver.best_objective_bound
        bound = int(np.floor(limit + 1e-6)) if large else int(np.ceil(limit - 1e-6))
        rows = self.whole.rows(solver)
        on_rows(rows)
        self.whole.model.add(expression >= value if large else expression <= value)
        self.whole.hint(rows)
        return LevelProof(name, value, bound)
