"""A presenter is at one place at a time, and needs the time to get to the next."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.clock import local_time
from services.matching.planning.model import MINUTES_A_DAY, Session
from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


def _presenter(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for presenter in scope.presenters:
        sessions = sorted(plan.of_presenter.get(presenter, []), key=lambda session: session.start)
        for place, first in enumerate(sessions):
            for second in sessions[place + 1 :]:
                if second.start // MINUTES_A_DAY != first.start // MINUTES_A_DAY and second.start >= plan.end(first):
                    break
                yield from _pair(plan, presenter, first, second)


def _pair(plan: Plan, presenter: str, first: Session, second: Session) -> Iterator[Violation]:
    """Compare two sessions, the first of which starts no later than the second."""
    free = plan.end(first)
    if second.start < free:
        message = f"Presenter {presenter} is still in session {first.id} when session {second.id} starts ({local_time(second.start)})."
        yield plan.broken(PRESENTER.code, message, (first, second))
        return
    here, there = plan.place(first), plan.place(second)
    if here is None or there is None or first.start // MINUTES_A_DAY != second.start // MINUTES_A_DAY:
        return
    travel = plan.known.travel(here, there)
    if second.start < free + travel:
        message = (
            f"Presenter {presenter} needs {travel} minutes from session {first.id} to session {second.id} "
            f"and has {second.start - free}."
        )
        yield plan.broken(PRESENTER.code, message, (first, second))


PRESENTER = Rule(
    "presenter",
    "A presenter is in one session at a time, and has the time to travel between two on one day.",
    _presenter,
)
