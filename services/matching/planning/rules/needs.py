"""What a group may have: its needed encounters, whole or in parts, no two of them on one date."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from services.matching.planning.clock import date_of
from services.matching.planning.model import MINUTES_A_DAY
from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope, Seating
from services.matching.planning.rules.violation import Violation


def _group_day(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.groups:
        seatings = plan.seatings_of_group.get(id_, ())
        if len(seatings) < 2:
            continue
        on_date: dict[int, list[Seating]] = defaultdict(list)
        for seating in seatings:
            if not seating.part:
                on_date[seating.date].append(seating)
        for day, on_this in on_date.items():
            if len(on_this) > 1:
                name = plan.known.describe(on_this[0].group)
                message = f"{name} has {len(on_this)} sessions on {date_of(day * MINUTES_A_DAY)}."
                yield plan.broken(GROUP_DAY.code, message, (seating.session for seating in on_this), (id_,))


def _whole(plan: Plan, scope: Scope) -> Iterator[Violation]:
    least = plan.known.policy.min_part
    for id_ in scope.sessions:
        for seating in plan.seatings_of_session[id_]:
            group, students = seating.group, seating.students
            if not seating.part or (
                group.may_split and seating.offer.seats < group.size and least <= students < group.size
            ):
                continue
            name = plan.known.describe(group)
            if not group.may_split:
                why = "and may not be split"
            elif seating.offer.seats >= group.size:
                why = f"and fits into the {seating.offer.seats} seats as a whole"
            else:
                why = f"and a part has at least {least} students and fewer than all"
            message = f"{name} has {group.size} students {why}; session {id_} has {students} of them."
            yield plan.broken(WHOLE.code, message, (seating.session,), (group.id,))


def _needed(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.groups:
        seatings = plan.seatings_of_group.get(id_, ())
        if not seatings:
            continue
        group, name = seatings[0].group, plan.known.describe(seatings[0].group)
        sessions = [seating.session for seating in seatings]
        times = Counter(session.id for session in sessions)
        if len(times) < len(sessions):
            twice = ", ".join(session for session, count in times.items() if count > 1)
            yield plan.broken(NEEDED.code, f"{name} attends a session more than once: {twice}.", sessions, (id_,))
        parts = [seating for seating in seatings if seating.part]
        whole = len(seatings) - len(parts)
        if whole and parts:
            message = f"{name} attends whole and in parts; it must be one or the other."
            yield plan.broken(NEEDED.code, message, sessions, (id_,))
        elif whole > group.needed:
            message = f"{name} needs {group.needed} encounter{'s' if group.needed > 1 else ''} and has {whole}."
            yield plan.broken(NEEDED.code, message, sessions, (id_,))
        elif sum(seating.students for seating in parts) > group.size:
            message = (
                f"{name} has {group.size} students; its parts together have {sum(each.students for each in parts)}."
            )
            yield plan.broken(NEEDED.code, message, sessions, (id_,))


GROUP_DAY = Rule("group-day", "A group has at most one encounter on a date.", _group_day)
WHOLE = Rule(
    "whole",
    "A group attends as a whole, unless it may be split and the session has too few seats for it.",
    _whole,
)
NEEDED = Rule(
    "needed",
    "A group has no more encounters than it needs, attends a session once, and is either whole or in parts.",
    _needed,
)
