"""The best plan of a tiny problem at all levels, by trying every plan that keeps the hard rules.

Rules and levels are those of the checker; only which sessions exist at all is enumerated here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from random import Random

from services.matching.planning.checker import check_sessions
from services.matching.planning.levels import SENSES, reckon_levels
from services.matching.planning.model import (
    MINUTES_A_DAY,
    Attendance,
    Group,
    Meaningful,
    Offer,
    Pledge,
    Problem,
    Session,
)
from services.matching.planning.rules import Known
from tests.matching.planning.exhaustive import tiny_problem

MOST_PLANS = 3_000

Choice = tuple[tuple[str, int, str | None], Attendance]
"""An offer, a start, the school that hosts, and who attends."""


class TooMany(Exception):
    """There are more plans than it is worth trying."""


def tiny_problem_with_levels(seed: int) -> Problem:
    """Draw a tiny problem in which every level has something to decide."""
    draw = Random(seed)
    problem = tiny_problem(seed)
    groups = tuple(
        replace(
            group,
            sectors_asked=frozenset(draw.choice(["", "C", "F"])),
            sectors_met=frozenset(draw.choice(["", "C"])),
            stem_needed=draw.random() < 0.3,
        )
        for group in problem.groups[: draw.choice([2, 3, 4])]
    )
    offers = tuple(
        replace(offer, meaningful=Meaningful(*[draw.random() < 0.7] * 4))
        for offer in problem.offers[: draw.choice([2, 3])]
    )
    kept = {offer.id for offer in offers}
    students = {group.id for group in groups}
    problem = replace(
        problem,
        groups=groups,
        offers=offers,
        forbidden=tuple(f for f in problem.forbidden if f.offer in kept and (f.group is None or f.group in students)),
        pledges=tuple(
            Pledge(employer.id, draw.choice([3, 6, 9]), frozenset([draw.choice(problem.schools).id]))
            for employer in problem.employers
            if draw.random() < 0.6
        ),
        schools=tuple(
            replace(s, special=draw.random() < 0.3, fsm_share=Decimal(draw.choice(["0", "0.4"])))
            for s in problem.schools
        ),
        policy=replace(problem.policy, repair=draw.random() < 0.4),
    )
    return replace(problem, in_force=_told(problem, draw))


def _told(problem: Problem, draw: Random) -> tuple[Session, ...] | None:
    """Tell people of a random plan, some of it no longer possible."""
    if draw.random() < 0.4:
        return None
    try:
        plans = list(every_plan(problem))
    except TooMany:
        return None
    told = draw.choice(plans)
    gone = Session("gone", "no-such-offer", problem.calendars["c0"][0].start, None, (Attendance("g0", 3),))
    return (*told, gone) if draw.random() < 0.3 else tuple(told)


def best_levels(problem: Problem) -> tuple[tuple[Decimal, ...], int]:
    """Reckon the levels of the best plan there is, and the most students that any plan covers. Raises TooMany."""
    known = Known(problem)
    reached = [reckon_levels(problem, sessions, known=known) for sessions in every_plan(problem)]
    most = max(int(level.value) for levels in reached for level in levels if level.name == "covered")
    return max((tuple(level.value for level in levels) for levels in reached), key=_order(problem, known)), most


def _order(problem: Problem, known: Known) -> Callable[[tuple[Decimal, ...]], tuple[Decimal, ...]]:
    senses = [1 if SENSES[level.name] == "max" else -1 for level in reckon_levels(problem, (), known=known)]
    return lambda values: tuple(sense * value for sense, value in zip(senses, values, strict=True))


def every_plan(problem: Problem) -> Iterator[list[Session]]:
    """Give every plan that keeps the hard rules. Raises TooMany.

    Which two choices are at odds is found first: most plans fall by that, without being checked whole.
    """
    known = Known(problem)
    choices = [choice for group in problem.groups for choice in _attendances(problem, known, group)]
    at_odds = {pair for pair in combinations(range(len(choices)), 2) if _broken(problem, known, choices, pair)}
    seen = 0
    stack: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    while stack:
        at, chosen = stack.pop()
        if at == len(choices):
            seen += 1
            if seen > MOST_PLANS:
                raise TooMany
            yield _sessions(choices[one] for one in chosen)
            continue
        stack.append((at + 1, chosen))
        joined = (*chosen, at)
        if not any((one, at) in at_odds for one in chosen) and not _broken(problem, known, choices, joined):
            stack.append((at + 1, joined))


def _broken(problem: Problem, known: Known, choices: Sequence[Choice], chosen: Iterable[int]) -> bool:
    return bool(check_sessions(problem, _sessions(choices[one] for one in chosen), known=known))


def _attendances(problem: Problem, known: Known, group: Group) -> Iterator[Choice]:
    for offer in problem.offers:
        school = group.school if offer.mode == "in_school" else None
        for start in _starts(problem, offer):
            for students in _numbers(problem, group, offer):
                choice = ((offer.id, start, school), Attendance(group.id, students))
                if not _broken(problem, known, [choice], [0]):
                    yield choice


def _numbers(problem: Problem, group: Group, offer: Offer) -> list[int]:
    if offer.seats >= group.size or not group.may_split:
        return [group.size]
    return list(range(problem.policy.min_part, min(offer.seats, group.size - 1) + 1))


def _starts(problem: Problem, offer: Offer) -> list[int]:
    windows = {window for calendar in offer.calendars for window in problem.calendars[calendar]}
    return sorted(
        {
            start
            for window in windows
            for start in range(window.start, window.end - offer.duration_minutes + 1)
            if start % MINUTES_A_DAY % 60 % problem.policy.start_step_minutes == 0
        }
    )


def _sessions(chosen: Iterable[Choice]) -> list[Session]:
    places: dict[tuple[str, int, str | None], list[Attendance]] = {}
    for key, attendance in chosen:
        places.setdefault(key, []).append(attendance)
    return [
        Session(f"{offer}@{start}{school or ''}", offer, start, school, tuple(attendances))
        for (offer, start, school), attendances in places.items()
    ]
