"""A seeded stream of choices that is the same on every machine and every version of Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Choices drawn from one seed; only `random()` is used, the one method whose stream Python promises to keep."""

    def __init__(self, *seed: object) -> None:
        self._next = random.Random("/".join(str(part) for part in seed)).random  # noqa: S311 - fiction, not secrets

    def share(self) -> float:
        """Return a number from 0 (included) to 1 (not included)."""
        return self._next()

    def chance(self, probability: float) -> bool:
        """Tell whether something of this probability happens."""
        return self._next() < probability

    def between(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int(self._next() * (high - low + 1))

    def step(self, low: int, high: int, step: int) -> int:
        """Return one of low, low + step, ... up to `high`."""
        return low + step * self.between(0, (high - low) // step)

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items, each as likely as the other."""
        return items[int(self._next() * len(items))]

    def weighted(self, items: Sequence[tuple[T, int]]) -> T:
        """Return one of the items, as likely as its whole-number weight."""
        at = self._next() * sum(weight for _, weight in items)
        for item, weight in items:
            at -= weight
            if at < 0:
                return item
        return items[-1][0]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in a drawn order."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.between(0, last)
            order[last], order[other] = order[other], order[last]
        return order

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Return `count` different items (all of them where there are fewer), in a drawn order."""
        return self.shuffled(items)[:count]
