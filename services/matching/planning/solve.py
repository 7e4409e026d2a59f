"""Plans a hub's academic year: the best timetable that the budget allows, checked, with its levels, proof and reasons.

The planning process itself stays light: it starts worker processes that search, keeps the best plan that they have
found, watches the clock and the stop flag, and writes the result. So whatever a solver does, the budget is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from services.matching.planning.model import Timetable
from services.matching.planning.reading import ProblemFile

if TYPE_CHECKING:
    from services.matching.planning.search.crew import Crew


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
    crew: Crew | None = None,
) -> Timetable:
    """Plan a hub's year. Always returns a valid timetable within the budget; see `Budget` and `StopFlag`.

    The `crew` is one that `start_crew` has started; without it, processes are started now.
    """
    from services.matching.planning.search.run import Run

    return Run(problem_file, budget, on_progress, stop or NeverStop()).timetable(crew)


def start_crew() -> Crew:
    """Start the first worker process of a run, which loads while the problem is read; a context manager that ends them all."""
    from services.matching.planning.search.crew import Crew

    return Crew()


def workers_of(asked: int, *, deterministic: bool) -> int:
    """Tell how many processes search: one where the same bytes are wanted each time."""
    return 1 if deterministic else max(1, asked)
