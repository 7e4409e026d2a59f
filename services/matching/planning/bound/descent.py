"""Good prices at once: steps along subgradients of the bound, which one evaluation gives for the price of nothing.

The bound is a convex function of the prices. What a best answer to some prices leaves over of each row (or takes too
much) is a subgradient; the step goes along a running mean of them, by Polyak's rule towards a target a few per cent below
the best value, and shorter when it no longer helps (Held, Wolfe and Crowder, 1974; Camerini, Fratta and Maffioli, 1975).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from services.matching.planning.bound.prices import Floats, PriceRows
from services.matching.planning.fillings import fillings
from services.matching.planning.relaxation import Prices, Relaxation
from services.matching.planning.vertices import laid_ranges

# A start that makes sense anywhere: a student for 0.3, a session for 0.7 of its seats.
FIRST_STUDENT, FIRST_SEAT = 0.3, 0.7
# Measured on Kent and towns: the share of the old direction that is kept, how far below the best value the target is.
KEPT, BELOW = 0.7, 0.05
# How much faster sessions' prices move than students', for what they are worth.
SESSIONS_FASTER = 4.0
# After so many steps without gain (as a share) go back to the best prices and shorten the stride; end below the least.
PATIENCE, SHORTER, LEAST_STRIDE, LEAST_GAIN = 15, 0.66, 0.001, 1e-5


def evaluated(relaxation: Relaxation, rows: PriceRows, prices: Prices) -> tuple[int, Floats]:
    """Give the bound of these prices, exactly and in their scale, and what its answer leaves over of each row."""
    totals, uses = relaxation.best_days(relaxation.gains(prices))
    value = int(relaxation.fixed_cost(prices)) + sum(totals.tolist())
    vertices, ends = relaxation.vertices, rows.ends
    used = np.flatnonzero(uses)
    students = fillings(
        used,
        vertices.ptr,
        vertices.classes,
        relaxation.seats,
        relaxation.most_schools,
        relaxation.classes.school,
        relaxation.min_part,
        relaxation.classes.size,
        relaxation.classes.count,
        np.maximum(prices.scale - prices.classes, 0),
    )
    lengths = vertices.ptr[used + 1] - vertices.ptr[used]
    classes = vertices.classes[laid_ranges(vertices.ptr[used], lengths)]
    times = uses[used]
    left = rows.limits.copy()
    left[: ends[0]] -= np.bincount(classes, weights=students * np.repeat(times, lengths), minlength=int(ends[0]))
    np.subtract.at(left, ends[0] + vertices.offer[used], times)
    np.subtract.at(left, ends[1] + relaxation.employer[used], times)
    dated = relaxation.employer_day[used] >= 0
    np.subtract.at(left, ends[2] + relaxation.employer_day[used[dated]], times[dated])
    left[rows.most == 0.0] = 0.0
    return value, left


class Descent:
    """A descent of the bound; each step tells the prices it evaluated."""

    def __init__(self, relaxation: Relaxation, rows: PriceRows) -> None:
        self._relaxation, self._rows = relaxation, rows
        seats = np.zeros(len(relaxation.offer_sessions))
        seats[relaxation.vertices.offer] = relaxation.seats
        ends = rows.ends
        self._pace = 1.0 / np.maximum(rows.limits, 1.0)
        self._pace[ends[0] : ends[1]] *= SESSIONS_FASTER * seats
        self._pace[ends[1] :] *= SESSIONS_FASTER * float(np.median(relaxation.seats))
        self._first = rows.every_student() * FIRST_STUDENT
        self._first[ends[0] : ends[1]] = FIRST_SEAT * seats

    def steps(self, is_over: Callable[[], bool]) -> Iterator[tuple[Floats, Prices, int]]:
        """Descend until it no longer pays or `is_over`: give each vector of prices, rounded, with its exact bound."""
        rows = self._rows
        vector, best, best_value = self._first, self._first, np.inf
        direction = np.zeros(len(vector))
        stride, idle = 1.0, 0
        while stride > LEAST_STRIDE and not is_over():
            prices = rows.rounded(vector)
            whole, left = evaluated(self._relaxation, rows, prices)
            yield vector, prices, whole
            value = whole / int(prices.scale)
            idle = 0 if value < best_value * (1.0 - LEAST_GAIN) else idle + 1
            if value < best_value:
                best, best_value = vector, value
            if idle >= PATIENCE:
                stride, idle = stride * SHORTER, 0
                vector, value = best, best_value
                direction = np.zeros(len(vector))
            direction = KEPT * direction + (1.0 - KEPT) * left
            length = float((self._pace * direction * direction).sum())
            if length <= 0.0:
                return
            step = stride * (value - best_value * (1.0 - BELOW)) / length
            vector = np.clip(vector - step * self._pace * direction, 0.0, rows.most)
