"""A linear or whole-number program laid out as arrays, solved by OR-Tools' MathOpt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt import (
    callback_pb2,
    model_parameters_pb2,
    model_pb2,
    parameters_pb2,
    result_pb2,
    solution_pb2,
)
from ortools.math_opt.core.python import solver

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ABSOLUTE_GAP = 0.9
"""Programs count students, so what is nearer to the optimum than one is the optimum."""
_REACHED = (result_pb2.TERMINATION_REASON_OPTIMAL, result_pb2.TERMINATION_REASON_FEASIBLE)


@dataclass(frozen=True)
class Program:
    """Maximise `worth @ x` over `low <= x <= high` and `matrix @ x <= limit`."""

    worth: Floats
    low: Floats
    high: Floats
    matrix: Any  # scipy csr, its columns sorted in each row
    limit: Floats

    def _model(self, whole: Ints) -> Any:
        rows, columns = self.matrix.shape
        integral = np.zeros(columns, bool)
        integral[whole] = True
        model = model_pb2.ModelProto()
        model.variables.ids.extend(range(columns))
        model.variables.lower_bounds.extend(self.low.tolist())
        model.variables.upper_bounds.extend(self.high.tolist())
        model.variables.integers.extend(integral.tolist())
        paid = np.flatnonzero(self.worth)
        model.objective.maximize = True
        model.objective.linear_coefficients.ids.extend(paid.tolist())
        model.objective.linear_coefficients.values.extend(self.worth[paid].tolist())
        model.linear_constraints.ids.extend(range(rows))
        model.linear_constraints.lower_bounds.extend([-np.inf] * rows)
        model.linear_constraints.upper_bounds.extend(self.limit.tolist())
        model.linear_constraint_matrix.row_ids.extend(np.repeat(np.arange(rows), np.diff(self.matrix.indptr)).tolist())
        model.linear_constraint_matrix.column_ids.extend(self.matrix.indices.tolist())
        model.linear_constraint_matrix.coefficients.extend(self.matrix.data.tolist())
        return model

    def prices(self, seconds: float) -> Floats | None:
        """Solve the linear program; return the rows' prices (not negative), or None where it was not solved."""
        parameters = parameters_pb2.SolveParametersProto()
        parameters.time_limit.FromNanoseconds(int(seconds * 1e9))
        found = _solve(self._model(np.zeros(0, np.int64)), parameters_pb2.SOLVER_TYPE_GLOP, parameters, None)
        if found.termination.reason != result_pb2.TERMINATION_REASON_OPTIMAL or not found.solutions:
            return None
        dual = found.solutions[0].dual_solution.dual_values
        prices = np.zeros(len(self.limit))
        prices[np.array(dual.ids, dtype=np.int64)] = np.array(dual.values)
        return np.maximum(0.0, prices)

    def best(self, whole: Ints, hint: Floats, seconds: float, nodes: int | None) -> tuple[Floats | None, float]:
        """Solve with these columns whole, from a point that is known; return the best point found, or None, and a bound.

        `nodes` limits the search where it has to be repeatable; `seconds` is the clock's limit.
        """
        parameters = parameters_pb2.SolveParametersProto(
            relative_gap_tolerance=1e-6, absolute_gap_tolerance=ABSOLUTE_GAP
        )
        parameters.highs.string_options["parallel"] = "off"
        parameters.time_limit.FromNanoseconds(int(seconds * 1e9))
        if nodes is not None:
            parameters.node_limit = nodes
        given = solution_pb2.PrimalSolutionProto()
        # all of them: what a hint leaves open the solver first searches for, and takes as long as for the rest
        given.variable_values.ids.extend(range(len(hint)))
        given.variable_values.values.extend(hint.tolist())
        hints = model_parameters_pb2.ModelSolveParametersProto()
        hints.solution_hints.add(variable_values=given.variable_values)
        found = _solve(self._model(whole), parameters_pb2.SOLVER_TYPE_HIGHS, parameters, hints)
        limit = float(found.termination.objective_bounds.dual_bound)
        if found.termination.reason not in _REACHED or not found.solutions:
            return None, limit
        values = found.solutions[0].primal_solution.variable_values
        result = np.zeros(len(self.worth))
        result[np.array(values.ids, dtype=np.int64)] = np.array(values.values)
        return result, limit


class Layout:
    """Rows `sum of value x column <= limit` and columns, gathered piece by piece; a first block of columns is given."""

    def __init__(self, given: int) -> None:
        self.columns = given
        self._row: list[Any] = []
        self._column: list[Any] = []
        self._value: list[Any] = []
        self.limits: list[float] = []

    def new(self, count: int) -> Ints:
        """Add columns and return their numbers."""
        self.columns += count
        return np.arange(self.columns - count, self.columns)

    def row(self, *entries: tuple[Any, Any], limit: float = 0.0) -> None:
        """Add a row of (columns, values) pairs; one value may stand for all."""
        for columns, values in entries:
            self._row.append(np.full(len(columns), len(self.limits)))
            self._column.append(np.asarray(columns))
            self._value.append(np.broadcast_to(np.asarray(values, dtype=float), len(columns)))
        self.limits.append(limit)

    def entries(self) -> tuple[Ints, Ints, NDArray[np.float64]]:
        """Return (row, column, value) of all."""
        if not self._row:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        return np.concatenate(self._row), np.concatenate(self._column), np.concatenate(self._value)


def _solve(model: Any, kind: Any, parameters: Any, hints: Any) -> Any:
    return solver.solve(
        model,
        kind,
        parameters_pb2.SolverInitializerProto(),
        parameters,
        hints or model_parameters_pb2.ModelSolveParametersProto(),
        None,
        callback_pb2.CallbackRegistrationProto(),
        None,
        None,
    )
