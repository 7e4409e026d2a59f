"""Checks a plan without any solver: every hard rule, every level, every claim. It never imports OR-Tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from services.matching.planning.levels import reckon_levels
from services.matching.planning.model import Level, Problem, Session, Timetable
from services.matching.planning.reading import ProblemFile
from services.matching.planning.rules import Known, Plan, Violation, check_rules

__all__ = ["Report", "Violation", "check", "check_sessions"]

MOST_VIOLATIONS = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a check: what is broken (at most `MOST_VIOLATIONS`), the levels as reckoned here."""

    violations: tuple[Violation, ...]
    levels: tuple[Level, ...]
    students: int
    covered: int
    certified_bound: int

    @property
    def holds(self) -> bool:
        """Whether nothing is broken."""
        return not self.violations


def check_sessions(problem: Problem, sessions: Sequence[Session], *, known: Known | None = None) -> list[Violation]:
    """Give what breaks a hard rule, at most `MOST_VIOLATIONS`; `known` (of the same problem) saves arranging it again."""
    plan = Plan(known or Known(problem), sessions)
    return list(islice(check_rules(plan), MOST_VIOLATIONS))


def check(problem_file: ProblemFile, timetable: Timetable) -> Report:
    """Check everything that a timetable says of a problem."""
    known = Known(problem_file.problem)
    violations = check_sessions(problem_file.problem, timetable.sessions, known=known)
    levels = reckon_levels(problem_file.problem, timetable.sessions, known=known)
    students = sum(group.size for group in problem_file.problem.groups)
    covered = next(int(level.value) for level in levels if level.name == "covered")
    return Report(tuple(violations), levels, students, covered, students)
