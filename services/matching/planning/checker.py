"""Checks a plan without any solver: every hard rule, every level, every claim. It never imports OR-Tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

from services.matching.planning.claims import check_hash, check_levels, check_proof
from services.matching.planning.explanation_check import check_unmet
from services.matching.planning.levels import reckon_levels
from services.matching.planning.model import Level, Problem, Session, Timetable
from services.matching.planning.reading import ProblemFile
from services.matching.planning.remedy_check import RemedyCheck
from services.matching.planning.rules import Known, Plan, Violation, check_rules

__all__ = ["Report", "Violation", "check", "check_sessions"]

MOST_VIOLATIONS = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a check: what is broken (at most `MOST_VIOLATIONS`), and the numbers as reckoned here.

    `certified_bound` is the bound on covered students that is certain without trust. Remedies are looked at only where
    the plan keeps the hard rules.
    """

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
    """Check everything that a timetable says of a problem: rules, levels, proof, reasons and remedies."""
    problem, known = problem_file.problem, Known(problem_file.problem)
    plan = Plan(known, timetable.sessions)
    broken = list(islice(check_rules(plan), MOST_VIOLATIONS))
    levels = reckon_levels(problem, timetable.sessions, known=known)
    covered = next(int(level.value) for level in levels if level.name == "covered")
    proof_faults, certified_bound = check_proof(problem, timetable.proof, covered)
    claims = chain(
        check_hash(timetable.problem_sha256, problem_file.sha256),
        check_levels(timetable.levels, levels),
        proof_faults,
        check_unmet(plan, timetable.unmet, timetable.proof.bound),
        () if broken else RemedyCheck(problem_file, timetable.sessions, known).all_of(timetable.remedies),
    )
    return Report(
        violations=tuple(islice(chain(broken, claims), MOST_VIOLATIONS)),
        levels=levels,
        students=sum(group.size for group in problem.groups),
        covered=covered,
        certified_bound=certified_bound,
    )
