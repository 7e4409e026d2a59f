"""What the planning process and its workers tell each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.matching.planning.search.rows import Rows


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do with the problem that is sent next: each phase in turn.

    `started` is the `time.monotonic()` value of the process start (one clock for all processes of a machine); the job
    ends `end` seconds after it. `phases` are names from `phases.PHASES`.
    """

    started: float
    end: float
    seed: int
    deterministic: bool
    phases: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A plan, the eight levels in the board's whole numbers, and the phase that found it."""

    rows: Rows
    values: tuple[int, ...]
    phase: str


@dataclass(frozen=True)
class Shared:
    """The best plan of all workers, for one that may go on from it."""

    rows: Rows
    values: tuple[int, ...]


@dataclass(frozen=True)
class Bounded:
    """A bound on the students covered, with the certificate that shows it (None: a search has shown it)."""

    bound: int
    certificate: dict[str, Any] | None


@dataclass(frozen=True)
class Prices:
    """A certificate whose prices tell a worker that searches which groups are hard to seat."""

    certificate: dict[str, Any]


@dataclass(frozen=True)
class Proven:
    """What an exact search has shown: of each level in order its name, the value reached and a true bound.

    A bound holds for timetables that are at least as good at the levels before. `covered` bounds the students that any
    timetable covers, whatever its floors; `complete` says that every level is proven.
    """

    covered: int
    levels: tuple[tuple[str, Decimal, Decimal], ...]
    complete: bool


@dataclass(frozen=True)
class Done:
    """A job has come to its end."""

    phases: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Failed:
    """A phase has failed; the worker goes on with its next one."""

    phase: str
    reason: str
