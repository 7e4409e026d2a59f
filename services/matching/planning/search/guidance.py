"""Which groups are hard to seat: the prices of a bound, as what a search prefers where it has the choice.

A student who is left out at the best prices costs the bound a price; where that is near 1, somebody else takes the place
at no loss, and where it is near 0, any session that can take the group should. Measured on Kent: the first plan and an
annealing of ten seconds are both 1 % better with it.
"""

from __future__ import annotations

from time import monotonic

import numpy as np

from services.matching.planning.bound.descent import Descent
from services.matching.planning.bound.prices import Floats, PriceRows
from services.matching.planning.model import Problem
from services.matching.planning.relaxation import relax
from services.matching.planning.search.pace import Pace

PREFERRED = 0.6
SECONDS_AN_ENTRY, SECONDS_A_STEP = 2e-6, 0.01


def scarcity(problem: Problem, seconds: float, pace: Pace) -> Floats:
    """Return a factor for each group, from 1 (hard to seat) down to 0.4, after so many seconds of descending prices."""
    relaxation = relax(problem)
    if not len(relaxation.vertices):
        return np.ones(len(problem.groups))
    rows = PriceRows.of(relaxation)
    entries = len(relaxation.vertices.classes)
    each = SECONDS_A_STEP + SECONDS_AN_ENTRY * entries
    begun, steps = monotonic(), 0

    def is_over() -> bool:
        return (steps * each if pace.deterministic else monotonic() - begun) >= seconds

    best, prices = float("inf"), np.zeros(len(relaxation.classes))
    for vector, _, value in Descent(relaxation, rows).steps(is_over):
        steps += 1
        if value < best:
            best, prices = value, vector[: len(relaxation.classes)]
    if pace.deterministic:
        pace.work += steps * each
    return np.asarray(1.0 - PREFERRED * prices[relaxation.classes.of_group])
