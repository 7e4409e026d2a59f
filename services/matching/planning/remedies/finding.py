"""Remedies, each verified before it is told, and the best set of them within a budget of people's minutes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from time import monotonic

from services.matching.planning.model import Remedy, Session
from services.matching.planning.patches import apply_patch
from services.matching.planning.reading import ProblemFile, problem_file_from_json
from services.matching.planning.remedies.asks import Asking
from services.matching.planning.remedies.candidates import Candidates
from services.matching.planning.remedy_check import RemedyCheck
from services.matching.planning.rules import Known, Plan

# So many remedies of one kind at most, and so many refused ones in a row before a source is left.
MOST_OF_A_KIND = 6
MOST_REFUSED = 400
MOST_KEPT = 60
# The rest of the time is kept for verifying what has been found.
LOOKING_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class AskedSet:
    """Remedies that work one after another, each on the problem and plan that those before it leave."""

    remedies: tuple[Remedy, ...]
    students: int
    cost_minutes: int


def find_remedies(
    problem_file: ProblemFile,
    sessions: Sequence[Session],
    *,
    seconds: float | None = None,
    limit: int = 20,
    alone: str | None = None,
) -> tuple[Remedy, ...]:
    """Find what people could be asked for, ranked by students gained for each minute asked of them.

    What is found places any groups that attend nothing, or the one that is asked about `alone`.
    The plan must keep the hard rules. Each remedy holds by the checker's own test; after `seconds` (None: no limit) what
    has been found is given.
    """
    begun = monotonic()
    deadline = None if seconds is None else begun + seconds
    looking = None if seconds is None else begun + LOOKING_SHARE * seconds
    ranked = sorted(_found(problem_file, sessions, looking, alone), key=_rank)
    kept: list[Remedy] = []
    check = RemedyCheck(problem_file, sessions)
    kinds: dict[str, int] = {}
    asked: set[str] = set()
    for remedy in ranked:
        if len(kept) == limit or _is_over(deadline):
            break
        asks = str([operation["path"] for operation in remedy.patch])
        if asks not in asked and kinds.get(remedy.kind, 0) < MOST_OF_A_KIND and not check.faults_of(remedy):
            kept.append(remedy)
            asked.add(asks)
            kinds[remedy.kind] = kinds.get(remedy.kind, 0) + 1
    return tuple(kept)


def best_set(
    problem_file: ProblemFile, sessions: Sequence[Session], *, minutes: int, seconds: float | None = None
) -> AskedSet:
    """Choose asks of together at most so many minutes: always the one that gains most a minute, then look again."""
    deadline = None if seconds is None else monotonic() + seconds
    chosen: list[Remedy] = []
    left, plan = minutes, {session.id: session for session in sessions}
    while not _is_over(deadline):
        remaining = None if deadline is None else deadline - monotonic()
        offered = find_remedies(problem_file, list(plan.values()), seconds=remaining)
        remedy = next((one for one in offered if one.cost_minutes <= left), None)
        if remedy is None:
            break
        chosen.append(remedy)
        left -= remedy.cost_minutes
        plan.update((session.id, session) for session in remedy.sessions)
        problem_file = problem_file_from_json(apply_patch(problem_file.raw, remedy.patch))
    return AskedSet(tuple(chosen), sum(remedy.would_cover for remedy in chosen), minutes - left)


def _found(
    problem_file: ProblemFile, sessions: Sequence[Session], deadline: float | None, alone: str | None
) -> Iterator[Remedy]:
    plan = Plan(Known(problem_file.problem), sessions)
    asking = Asking(problem_file.problem, plan)
    for source in Candidates(problem_file.problem, plan, alone).sources():
        kept = refused = 0
        for candidate in source():
            if kept >= MOST_KEPT or refused >= MOST_REFUSED or _is_over(deadline):
                break
            remedy = asking.remedy(candidate)
            if remedy is None:
                refused += 1
            else:
                kept += 1
                yield remedy


def _rank(remedy: Remedy) -> tuple[Fraction, int, str]:
    return Fraction(-remedy.would_cover, remedy.cost_minutes), -remedy.would_cover, remedy.text


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and monotonic() >= deadline
