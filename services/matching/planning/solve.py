"""Plans a hub's academic year: the best timetable that the budget allows, checked, with its levels, proof and reasons.

The planning process itself stays light: it starts worker processes that search, keeps the best plan that they have
found, watches the clock and the stop flag, and writes the result. So whatever a solver does, the budget is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from services.matching.planning.model import Timetable
from services.matching.planning.reading import ProblemFile


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may use: `seconds` of wall time from `started` (a `time.monotonic()` value, that of the process start)."""

    seconds: float
    workers: int
    seed: int
    deterministic: bool
    started: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: students covered by the best plan, at least how many no plan can exceed, seconds gone."""

    phase: str
    covered: int
    bound: int
    seconds: float


class StopFlag(Protocol):
    """Asked often; once it is set, the run ends with the best plan so far. A `threading.Event` is one."""

    def is_set(self) -> bool:
        """Tell whether the run should end now."""


class NeverStop:
    """A stop flag that nobody sets."""

    def is_set(self) -> bool:
        """Tell that the run may go on."""
        return False


def _silent(_: Progress) -> None:
    """Tell nobody."""


def solve(
    problem_file: ProblemFile,
    budget: Budget,
    on_progress: Callable[[Progress], None] = _silent,
    stop: StopFlag | None = None,
) -> Timetable:
    """Plan a hub's year. Always returns a valid timetable within the budget; see `Budget` and `StopFlag`."""
    from services.matching.planning.search.run import Run

    return Run(problem_file, budget, on_progress, stop or NeverStop()).timetable()
