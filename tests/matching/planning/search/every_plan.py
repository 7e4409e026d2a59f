"""The best plan of a tiny problem at all levels, by trying every plan that keeps the hard rules.

Rules and levels are those of the checker; only which sessions exist at all is enumerated here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
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

MOST_PLANS = 4_000

Places = dict[tuple[str, int, str | None], tuple[Attendance, ...]]


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


def best_levels(problem: Problem) -> tuple[Decimal, ...]:
    """Reckon the levels of the best plan there is. Raises TooMany."""
    known = Known(problem)
    return max((_reached(problem, sessions, known) for sessions in every_plan(problem)), key=_order(problem, known))


def _order(problem: Problem, known: Known) -> Callable[[tuple[Decimal, ...]], tuple[Decimal, ...]]:
    senses = [1 if SENSES[level.name] == "max" else -1 for level in reckon_levels(problem, (), known=known)]
    return lambda values: tuple(sense * value for sense, value in zip(senses, values, strict=True))


def _reached(problem: Problem, sessions: list[Session], known: Known) -> tuple[Decimal, ...]:
    return tuple(level.value for level in reckon_levels(problem, sessions, known=known))


def every_plan(problem: Problem) -> Iterator[list[Session]]:
    """Give every plan that keeps the hard rules. Raises TooMany."""
    known = Known(problem)
    choices = [choice for group in problem.groups for choice in _attendances(problem, known, group)]
    seen = 0
    stack: list[tuple[int, Places]] = [(0, {})]
    while stack:
        at, places = stack.pop()
        if at == len(choices):
            seen += 1
            if seen > MOST_PLANS:
                raise TooMany
            yield _sessions(places)
            continue
        stack.append((at + 1, places))
        key, attendance = choices[at]
        joined = {**places, key: (*places.get(key, ()), attendance)}
        if not check_sessions(problem, _sessions(joined), known=known):
            stack.append((at + 1, joined))


def _attendances(
    problem: Problem, known: Known, group: Group
) -> Iterator[tuple[tuple[str, int, str | None], Attendance]]:
    for offer in problem.offers:
        school = group.school if offer.mode == "in_school" else None
        for start in _starts(problem, offer):
            for students in _numbers(problem, group, offer):
                attendance = Attendance(group.id, students)
                key = (offer.id, start, school)
                if not check_sessions(problem, _sessions({key: (attendance,)}), known=known):
                    yield key, attendance


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


def _sessions(places: Places) -> list[Session]:
    return [
        Session(f"{offer}@{start}{school or ''}", offer, start, school, attendances)
        for (offer, start, school), attendances in places.items()
    ]
