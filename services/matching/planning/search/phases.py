"""The phases that a worker can be asked for, each a function of its desk."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from services.matching.planning.search.messages import Bounded, Job, Shared
from services.matching.planning.search.pace import SOLVER_SECONDS, Pace
from services.matching.planning.search.ranking import rank
from services.matching.planning.search.searcher import Report, Searcher

BOUND_SHARE = 0.4
"""Part of what is left of its budget that a worker gives to the bound, before it searches."""


@dataclass
class Desk:
    """What a worker has before it: its job, how it reports, and what others have sent it."""

    job: Job
    report: Report
    tell: Callable[[Any], None]
    inbox: queue.Queue[Any]
    log: list[dict[str, Any]] = field(default_factory=list)

    @cached_property
    def pace(self) -> Pace:
        """Return the job's budget."""
        return Pace(self.job.started, self.job.end, self.job.deterministic)

    @cached_property
    def searcher(self) -> Searcher:
        """Return the search, its board built when it is first asked for."""
        return Searcher(self.job.problem, self.job.seed, self.pace, self.report)

    def take_shared(self) -> bool:
        """Go on from the best plan of another worker if it is better than our own; tell whether that was so."""
        newest = None
        while not self.inbox.empty():
            message = self.inbox.get()
            newest = message if isinstance(message, Shared) else newest
        if newest is None:
            return False
        policy, searcher = self.job.problem.policy, self.searcher
        if searcher.best_values and rank(policy, newest.values) <= rank(policy, searcher.best_values):
            return False
        searcher.best_rows, searcher.best_values = newest.rows, newest.values
        searcher.adopt(newest.rows)
        return True


def first_plan(desk: Desk) -> None:
    """Find a valid plan, as soon as possible."""
    desk.searcher.first_plan()


def bound(desk: Desk) -> None:
    """Certify a bound on the students that can be covered, with a part of what is left of the budget."""
    from services.matching.planning.bound import BoundResult, certify

    def tell(result: BoundResult) -> None:
        desk.tell(Bounded(result.bound, result.certificate))

    seconds = desk.pace.left() * BOUND_SHARE
    tell(certify(desk.job.problem, seconds=seconds, deterministic=desk.job.deterministic, on_result=tell))
    desk.pace.charge(solver=seconds / SOLVER_SECONDS)


def cover(desk: Desk) -> None:
    """Anneal for floors and coverage."""
    desk.take_shared()
    searcher = desk.searcher
    seconds = desk.pace.left() * 0.8
    searcher.anneal("covered", seconds * 0.6, searcher.coverage(strict=False), 6.0, 0.8)
    searcher.anneal("covered", seconds * 0.4, searcher.coverage(strict=True), 0.8, 0.3)


def polish(desk: Desk) -> None:
    """Improve the later levels, each with its part of what is left of the budget."""
    desk.take_shared()
    desk.searcher.polish(desk.pace.left())


PHASES: dict[str, Callable[[Desk], None]] = {
    "first plan": first_plan,
    "bound": bound,
    "cover": cover,
    "polish": polish,
}
