"""Whom an offer is for: the year group, the kind of encounter, the adjustments."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


def _years(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.sessions:
        for seating in plan.seatings_of_session[id_]:
            if seating.group.year not in seating.offer.years:
                years = ", ".join(map(str, sorted(seating.offer.years))) or "none"
                message = f"{plan.known.describe(seating.group)} attends session {id_}, which is for years {years}."
                yield plan.broken(YEARS.code, message, (seating.session,), (seating.group.id,))


def _mode(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.sessions:
        for seating in plan.seatings_of_session[id_]:
            if seating.offer.mode not in seating.group.modes:
                modes = ", ".join(sorted(seating.group.modes)) or "none"
                message = f"{plan.known.describe(seating.group)} takes {modes}; session {id_} is {seating.offer.mode}."
                yield plan.broken(MODE.code, message, (seating.session,), (seating.group.id,))


def _adjustments(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.sessions:
        for seating in plan.seatings_of_session[id_]:
            missing = seating.group.adjustments - seating.offer.adjustments
            if missing:
                message = f"{plan.known.describe(seating.group)} needs {', '.join(sorted(missing))}, which session {id_} cannot meet."
                yield plan.broken(ADJUSTMENTS.code, message, (seating.session,), (seating.group.id,))


YEARS = Rule("years", "A group attends only what is offered to its year.", _years)
MODE = Rule("mode", "A group attends only the kinds of encounter that it can take part in.", _mode)
ADJUSTMENTS = Rule("adjustments", "An offer meets every adjustment that a group needs.", _adjustments)
