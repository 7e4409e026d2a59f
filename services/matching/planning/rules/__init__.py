"""The hard rules: each with its code, the sentence that a coordinator understands, and a check of its own.

Nothing here imports a solver. `check_sessions` (in `checker.py`) and the reading of pins run them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.matching.planning.model import Problem, Session
from services.matching.planning.rules.admission import ADJUSTMENTS, MODE, YEARS
from services.matching.planning.rules.decisions import FORBIDDEN, PINNED
from services.matching.planning.rules.distance import DISTANCE
from services.matching.planning.rules.hosting import HOSTING
from services.matching.planning.rules.needs import GROUP_DAY, NEEDED, WHOLE
from services.matching.planning.rules.presenter import PRESENTER
from services.matching.planning.rules.references import broken_references
from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.seats import SCHOOLS, SEATS
from services.matching.planning.rules.session_limits import SESSIONS
from services.matching.planning.rules.view import Known, Plan, Scope
from services.matching.planning.rules.violation import Violation
from services.matching.planning.rules.windows import OFFER_WINDOW, STEP, WINDOW

__all__ = ["RULES", "Known", "Plan", "Rule", "Scope", "Violation", "broken_references", "check_pins", "check_rules"]

RULES: tuple[Rule, ...] = (
    WINDOW,
    OFFER_WINDOW,
    STEP,
    SEATS,
    YEARS,
    SCHOOLS,
    SESSIONS,
    PRESENTER,
    HOSTING,
    DISTANCE,
    MODE,
    ADJUSTMENTS,
    GROUP_DAY,
    WHOLE,
    NEEDED,
    PINNED,
    FORBIDDEN,
)


def check_rules(plan: Plan, scope: Scope | None = None, rules: Sequence[Rule] = RULES) -> Iterator[Violation]:
    """Give what breaks a rule in `scope` (all, when None); sessions that name what is not there are told first."""
    if scope is None:
        yield from broken_references(plan)
        scope = Scope.of_all(plan)
    for rule in rules:
        yield from rule.check(plan, scope)


def check_pins(problem: Problem, sessions: Sequence[Session]) -> list[Violation]:
    """Give what the pins' own sessions break, whatever else a plan holds: the rules but `pinned` itself."""
    plan = Plan(Known(problem), sessions)
    return list(check_rules(plan, rules=[rule for rule in RULES if rule is not PINNED]))
