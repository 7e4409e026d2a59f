"""How many sessions an offer and an employer give."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.clock import date_of
from services.matching.planning.model import MINUTES_A_DAY, Session
from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


def _sessions(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.offers:
        sessions, most = plan.of_offer.get(id_, []), plan.known.offers[id_].max_sessions
        if len(sessions) > most:
            yield plan.broken(
                SESSIONS.code, f"Offer {id_} gives {most} sessions; {len(sessions)} are planned.", sessions
            )
    for id_ in scope.employers:
        yield from _of_employer(plan, id_)


def _of_employer(plan: Plan, id_: str) -> Iterator[Violation]:
    employer, sessions = plan.known.employers[id_], plan.of_employer.get(id_, [])
    most = employer.max_sessions
    if most is not None and len(sessions) > most:
        message = f"Employer {id_} gives {most} sessions in all; {len(sessions)} are planned."
        yield plan.broken(SESSIONS.code, message, sessions)
    if employer.max_sessions_per_day is None or len(sessions) <= employer.max_sessions_per_day:
        return
    on_date: dict[int, list[Session]] = {}
    for session in sessions:
        on_date.setdefault(session.start // MINUTES_A_DAY, []).append(session)
    for day, on_this in sorted(on_date.items()):
        if len(on_this) > employer.max_sessions_per_day:
            date = date_of(day * MINUTES_A_DAY)
            message = f"Employer {id_} gives {employer.max_sessions_per_day} sessions a day; {len(on_this)} are planned on {date}."
            yield plan.broken(SESSIONS.code, message, on_this)


SESSIONS = Rule(
    "sessions",
    "An offer and its employer give no more sessions than they promised, in all and on one day.",
    _sessions,
)
