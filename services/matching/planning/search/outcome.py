"""What a run has come to: the best plan, the bounds, and how both are written into a timetable."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.matching.planning.checker import check_sessions
from services.matching.planning.levels import SENSES, reckon_levels
from services.matching.planning.model import Level, Problem, Proof, Session
from services.matching.planning.search.level_bounds import level_bounds
from services.matching.planning.search.messages import Bounded, Found, Proven
from services.matching.planning.search.ranking import COVERED, rank
from services.matching.planning.search.rows import Rows, rows_of_pins, sessions_of_rows
from services.matching.planning.standing import still_standing


class Outcome:
    """The best plan and bounds so far."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.students = sum(group.size for group in problem.groups)
        self.best: Found | None = None
        self.plans = 0
        self.bound = self.students
        self.certified: Bounded | None = None
        self.shown: Proven | None = None
        self.complete = False
        self.failures: list[dict[str, str]] = []
        self.phases: list[dict[str, Any]] = []
        self._sound: Rows = rows_of_pins(problem)

    @property
    def covered(self) -> int:
        """Students covered by the best plan."""
        return 0 if self.best is None else int(self.best.values[COVERED])

    @property
    def settled(self) -> bool:
        """Whether every level of the best plan is proven, so that nothing is left to do."""
        return self.complete

    def offer(self, found: Found) -> bool:
        """Take a plan if it is the best so far; tell whether it was."""
        policy = self.problem.policy
        if self.best is not None and rank(policy, found.values) <= rank(policy, self.best.values):
            return False
        self.best = found
        self.plans += 1
        return True

    def bounded(self, message: Bounded) -> bool:
        """Take a bound, with its certificate where it has one; tell whether it is tighter."""
        if message.certificate is None:
            tighter, self.bound = message.bound < self.bound, min(self.bound, message.bound)
            return tighter
        if self.certified is not None and message.bound >= self.certified.bound:
            return False
        self.certified = message
        self.bound = min(self.bound, message.bound)
        return True

    def proven(self, message: Proven) -> None:
        """Take what an exact search has shown."""
        self.shown = message
        self.bound = min(self.bound, message.covered)
        self.complete = message.complete

    def check_first(self) -> None:
        """Check the best plan; from now on it is the one to fall back on."""
        if self.best is not None and self._is_sound(self.best.rows):
            self._sound = self.best.rows

    def _is_sound(self, rows: Rows) -> bool:
        violations = check_sessions(self.problem, sessions_of_rows(self.problem, rows))
        if violations:
            self.failures.append({"phase": "check", "reason": f"{violations[0].code}: {violations[0].message}"})
        return not violations

    def checked_sessions(self) -> tuple[Session, ...]:
        """Return the sessions of the best plan that keeps every hard rule; before there is one, what still stands of the plan in force."""
        if self.best is None and self.problem.in_force:
            return still_standing(self.problem)
        if self.best is None or not self._is_sound(self.best.rows):
            return sessions_of_rows(self.problem, self._sound)
        return sessions_of_rows(self.problem, self.best.rows)


def levels_with_bounds(problem: Problem, sessions: Sequence[Session], outcome: Outcome) -> tuple[Level, ...]:
    """Reckon every level of a plan, each with the tightest bound that is known for plans that keep those before it."""
    reckoned = reckon_levels(problem, sessions)
    simple = level_bounds(problem, reckoned, outcome.bound)
    levels = []
    shown = {name: (value, bound) for name, value, bound in (outcome.shown.levels if outcome.shown else ())}
    as_good = True
    for level in reckoned:
        bound = simple.get(level.name)
        if as_good and level.name in shown:
            bound = shown[level.name][1]
            bound = min(bound, Decimal(outcome.bound)) if level.name == "covered" else bound
        levels.append(Level(level.name, level.value, bound))
        as_good = as_good and level.name in shown and _as_good(level, shown[level.name][0])
    return tuple(levels)


def _as_good(level: Level, value: Decimal) -> bool:
    return level.value >= value if SENSES[level.name] == "max" else level.value <= value


def proof_of(outcome: Outcome, levels: Sequence[Level], to_run_again: dict[str, Any]) -> Proof:
    """State the bound on students covered, and where it comes from.

    A bound that only a search has shown stands beside the certified one, with what is needed to run it again.
    """
    covered = next(int(level.value) for level in levels if level.name == "covered")
    gap = (outcome.bound - covered) / max(1, outcome.bound)
    certificate = None if outcome.certified is None else outcome.certified.certificate
    if outcome.bound == outcome.students and certificate is None:
        return Proof(covered, outcome.bound, gap, "students")
    if outcome.certified is not None and outcome.bound == outcome.certified.bound:
        return Proof(covered, outcome.bound, gap, "certificate", certificate)
    beside = {**(certificate or {"bound": outcome.students}), "search": to_run_again}
    return Proof(covered, outcome.bound, gap, "search", beside)
