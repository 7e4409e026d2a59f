"""Which groups are hard to seat: the prices of a bound, as what a search prefers where it has the choice.

A student who is left out at the best prices costs the bound a price; where that is near 1, somebody else takes the place
at no loss, and where it is near 0, any session that can take the group should. Measured on Kent: the first plan and an
annealing of ten seconds are both 1 % better with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from services.matching.planning.bound.descent import Descent
from services.matching.planning.bound.prices import Floats, PriceRows
from services.matching.planning.model import Problem
from services.matching.planning.relaxation import relax
from services.matching.planning.search.pace import Pace

PREFERRED = 0.6
SECONDS_AN_ENTRY, SECONDS_A_STEP = 2e-6, 0.01


@dataclass(frozen=True)
class Guidance:
    """Prices in students: of one student of each group, and of one session of each offer."""

    groups: Floats
    offers: Floats

    @classmethod
    def of_certificate(cls, problem: Problem, certificate: Mapping[str, Any]) -> Guidance:
        """Read the prices off a certificate."""
        scale, employers = certificate["scale"], certificate["employers"]
        offers = [certificate["offers"].get(o.id, 0) + employers.get(o.employer, 0) for o in problem.offers]
        groups = [certificate["groups"].get(group.id, 0) for group in problem.groups]
        return cls(np.array(groups, dtype=np.float64) / scale, np.array(offers, dtype=np.float64) / scale)

    @property
    def scarcity(self) -> Floats:
        """Give a factor for each group, from 1 (hard to seat) down to 0.4."""
        return np.asarray(1.0 - PREFERRED * self.groups)


def guidance(problem: Problem, seconds: float, pace: Pace) -> Guidance | None:
    """Descend prices for so many seconds; None where no offer can meet anybody."""
    relaxation = relax(problem)
    if not len(relaxation.vertices):
        return None
    rows = PriceRows.of(relaxation)
    entries = len(relaxation.vertices.classes)
    each = SECONDS_A_STEP + SECONDS_AN_ENTRY * entries
    begun, steps = monotonic(), 0

    def is_over() -> bool:
        return (steps * each if pace.deterministic else monotonic() - begun) >= seconds

    best, prices = float("inf"), np.zeros(rows.ends[-1])
    for vector, _, value in Descent(relaxation, rows).steps(is_over):
        steps += 1
        if value < best:
            best, prices = value, vector
    if pace.deterministic:
        pace.work += steps * each
    classes, offers, employers, _ = np.split(prices, rows.ends[:-1])
    employer_of = {employer.id: number for number, employer in enumerate(problem.employers)}
    employer = [employer_of[offer.employer] for offer in problem.offers]
    return Guidance(classes[relaxation.classes.of_group], offers + employers[employer])
