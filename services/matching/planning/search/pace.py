"""How far a run has come: by the clock, or (deterministic) by the amount of work, so that the same run is repeated."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

MOVES_A_SECOND = 6_000.0
SOLVER_SECONDS = 2.0
"""What one deterministic second of a solver counts for; both rates are cautious, so that the clock is not overrun."""


@dataclass
class Pace:
    """The budget of one worker; `end` is in seconds since `started` (a `time.monotonic()` value)."""

    started: float
    end: float
    deterministic: bool
    work: float = field(default=0.0)

    def spent(self) -> float:
        """Return the seconds gone, or what the work done so far counts for."""
        return self.work if self.deterministic else time.monotonic() - self.started

    def left(self) -> float:
        """Return the seconds left, not below 0."""
        return max(0.0, self.end - self.spent())

    def charge(self, moves: int = 0, solver: float = 0.0) -> None:
        """Count work done: annealing moves, and deterministic seconds of a solver."""
        self.work += moves / MOVES_A_SECOND + solver * SOLVER_SECONDS
