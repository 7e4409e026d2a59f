"""All prices of a relaxation as one vector, in students, and its rounding to the whole-number prices of a certificate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.relaxation import Prices, Relaxation
from services.matching.planning.vertices import Integers

Floats = NDArray[np.float64]
# One student is worth so many of a certificate's units.
SCALE = 1 << 16


@dataclass(frozen=True, slots=True)
class PriceRows:
    """The rows that have a price: classes, offers, employers and employers' dates, one after another.

    `limits` is the students or sessions of each row, `most` the price above which a row's price makes no sense: that of
    a whole student for a class, 0 where there is no limit to pay for.
    """

    limits: Floats
    most: Floats
    ends: Integers

    @classmethod
    def of(cls, relaxation: Relaxation) -> PriceRows:
        """Lay out the rows of a relaxation."""
        classes = relaxation.classes
        parts = [
            classes.size * classes.count,
            relaxation.offer_sessions,
            relaxation.employer_sessions,
            relaxation.employer_day_sessions,
        ]
        limits = np.concatenate(parts).astype(np.float64)
        most = np.full(len(limits), np.inf)
        met = np.zeros(len(classes), dtype=bool)
        met[relaxation.vertices.classes] = True
        most[: len(classes)] = met
        most[limits < 0] = 0.0
        return cls(np.maximum(limits, 0.0), most, np.cumsum([len(part) for part in parts]))

    def every_student(self) -> Floats:
        """Give the dearest prices that make sense: their bound is all students whom any session can take."""
        prices = np.zeros(len(self.limits))
        prices[: self.ends[0]] = self.most[: self.ends[0]]
        return prices

    def rounded(self, prices: Floats) -> Prices:
        """Round to a certificate's whole numbers, within what makes sense."""
        units = np.rint(np.clip(prices, 0.0, self.most) * SCALE).astype(np.int64)
        classes, offers, employers, dates = np.split(units, self.ends[:-1])
        return Prices(SCALE, classes, offers, employers, dates)
