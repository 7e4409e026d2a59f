"""Which of two plans is better: the levels in order, with those of a repair where the policy says so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.model import Policy

Floats = NDArray[np.float64]
FLOOR, COVERED, ENCOUNTERS, PLEDGED, PLEDGED_FIRST, PREFERENCE, COST, CHANGES = range(8)
ORDER = (FLOOR, COVERED, ENCOUNTERS, PLEDGED, PLEDGED_FIRST, PREFERENCE, COST, CHANGES)
REPAIR_ORDER = (FLOOR, COVERED, COVERED, CHANGES, ENCOUNTERS, PLEDGED, PLEDGED_FIRST, PREFERENCE, COST)
LEVEL_NAMES = ("floor_shortfall", "covered", "encounters", "pledged", "pledged_first", "preference", "cost", "changes")
LESS_IS_BETTER = frozenset((FLOOR, COST, CHANGES))
FLOOR_PENALTY = 3.0
KEPT = 1e6


def rank(policy: Policy, values: Any) -> tuple[Decimal | int, ...]:
    """Return what orders plans: the larger, the better; `values` are the eight levels in the board's whole numbers."""
    numbers = [int(value) for value in values]
    signed = [-number if level in LESS_IS_BETTER else number for level, number in enumerate(numbers)]
    if not policy.repair:
        return tuple(signed)
    net = numbers[COVERED] - policy.move_price * numbers[CHANGES]
    rest = [signed[level] for level in REPAIR_ORDER[2:]]
    return (signed[FLOOR], net, *rest)


def coverage_weights(policy: Policy, floor_scale: int, *, strict_floors: bool) -> Floats:
    """Weights while floors and coverage are sought; the later levels only break ties."""
    weights = np.zeros(8)
    weights[FLOOR] = -(KEPT if strict_floors else FLOOR_PENALTY) / floor_scale
    weights[COVERED] = 1.0
    weights[ENCOUNTERS] = 0.05
    weights[PLEDGED] = 0.002
    weights[PLEDGED_FIRST] = 0.001
    if policy.repair:
        weights[CHANGES] = -float(policy.move_price)
    return weights


def level_weights(policy: Policy, level: int, scales: tuple[int, int]) -> Floats:
    """Weights while one later level is sought: levels before it are dear, those after it break ties."""
    order = [*dict.fromkeys(REPAIR_ORDER if policy.repair else ORDER)]
    at = order.index(level)
    weights = np.zeros(8)
    for place, other in enumerate(order):
        worth = KEPT if place < at else 1.0 if place == at else 1e-3
        scale = scales[0] if other == FLOOR else scales[1] if other == PREFERENCE else 1
        weights[other] = (-worth if other in LESS_IS_BETTER else worth) / scale
    if policy.repair and at > order.index(COVERED):
        weights[CHANGES] = -KEPT * float(policy.move_price) if level != CHANGES else -KEPT
    return weights
