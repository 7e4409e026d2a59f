"""The master program over the sessions found so far, solved for its prices by PDLP, each time from where it stood.

PDLP is OR-Tools' first-order solver (Applegate et al., 2021): it takes up both its primal and its dual point after
columns were added, costs little for each iteration, and its prices need not be exact, since any prices give a true bound.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ortools.pdlp import solve_log_pb2, solvers_pb2
from ortools.pdlp.python import pdlp

from services.matching.planning.bound.columns import Columns
from services.matching.planning.bound.outline import Outline
from services.matching.planning.bound.prices import Floats

TOLERANCE = 1e-5
# By how much students may count less, by chance, while an outline is made; in how many rounds of how many iterations.
NOISE, ROUNDS_OF_OUTLINE, ITERATIONS_OF_OUTLINE = 0.02, 2, 500


class Master:
    """Maximises the students of chosen sessions within the rows' limits, fractionally."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._primal: Floats = np.zeros(0)
        self._dual: Floats = np.zeros(len(columns.limits))
        self._random = np.random.default_rng(11)

    @property
    def value(self) -> float:
        """The students of the last solution: what no prices prove less than, up to the tolerance, once it is solved."""
        return float(self._columns.students[: len(self._primal)] @ self._primal)

    def start_from(self, prices: Floats) -> None:
        """Begin at these prices of the first rows, the others at 0."""
        self._dual[: len(prices)] = -prices

    def solve(self, *, iterations: int, seconds: float | None) -> tuple[Floats, int, bool]:
        """Go on for so many iterations, or seconds: the rows' prices, the iterations made, and whether it is solved."""
        columns = self._columns
        start = np.concatenate((self._primal, np.zeros(len(columns.students) - len(self._primal))))
        self._primal, self._dual, made, solved = _solved(
            columns, columns.students, start, self._dual, iterations, seconds
        )
        return -self._dual, made, solved

    def outline(self) -> Outline:
        """Give what the last solution holds."""
        return self._columns.outline(self._primal)

    def leaner_outline(self, is_over: Callable[[], bool], spend: Callable[[int], None]) -> Outline:
        """Give a solution as good as the last one, or nearly, that holds more of its sessions whole.

        Equally good sessions, on several dates say, are held in equal parts by this solver. With students that count a
        little less in some of them, by chance, it holds those that count most.
        """
        columns, primal, dual = self._columns, self._primal, self._dual
        students = columns.students * (1.0 - NOISE * self._random.random(len(columns.students)))
        primal = np.concatenate((primal, np.zeros(len(students) - len(primal))))
        for _ in range(ROUNDS_OF_OUTLINE):
            if is_over():
                break
            primal, dual, made, solved = _solved(columns, students, primal, dual, ITERATIONS_OF_OUTLINE, None)
            spend(made)
            if solved:
                break
        return columns.outline(primal)

    def keep(self, most: int) -> None:
        """Drop the columns that pay least at the last prices, down to `most`, but none that is in use."""
        columns = self._columns
        used = np.concatenate((self._primal, np.full(len(columns.students) - len(self._primal), 0.0)))
        pays = columns.students - columns.matrix.T @ -self._dual + np.where(used > 0, np.inf, 0.0)
        kept = np.sort(np.argsort(-pays, kind="stable")[:most])
        columns.keep(kept)
        self._primal = used[kept]


def _solved(
    columns: Columns, students: Floats, primal: Floats, dual: Floats, iterations: int, seconds: float | None
) -> tuple[Floats, Floats, int, bool]:
    """Go on from a point: the new one, the iterations made, and whether it is solved."""
    rows, count = columns.matrix.shape
    program = pdlp.QuadraticProgram()
    program.resize_and_initialize(count, rows)
    program.objective_vector = -students
    program.constraint_matrix = columns.matrix
    program.constraint_lower_bounds = np.full(rows, -np.inf)
    program.constraint_upper_bounds = columns.limits
    program.variable_lower_bounds = np.zeros(count)
    program.variable_upper_bounds = np.full(count, np.inf)
    start = pdlp.PrimalAndDualSolution()
    start.primal_solution, start.dual_solution = primal, dual
    found = pdlp.primal_dual_hybrid_gradient(program, _parameters(iterations, seconds), initial_solution=start)
    solved = found.solve_log.termination_reason == solve_log_pb2.TERMINATION_REASON_OPTIMAL
    return np.array(found.primal_solution), np.array(found.dual_solution), int(found.solve_log.iteration_count), solved


def _parameters(iterations: int, seconds: float | None) -> solvers_pb2.PrimalDualHybridGradientParams:
    parameters = solvers_pb2.PrimalDualHybridGradientParams()
    parameters.num_threads = 1
    parameters.verbosity_level = 0
    limits = parameters.termination_criteria
    limits.simple_optimality_criteria.eps_optimal_relative = TOLERANCE
    limits.simple_optimality_criteria.eps_optimal_absolute = TOLERANCE
    limits.iteration_limit = iterations
    if seconds is not None:
        limits.time_sec_limit = max(seconds, 0.01)
    return parameters
