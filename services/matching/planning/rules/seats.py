"""How many students, and of how many schools, one session takes."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


def _seats(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.sessions:
        session = plan.by_id[id_]
        seats = plan.known.offers[session.offer].seats
        students = sum(attendance.students for attendance in session.attendances)
        if students > seats:
            message = f"Session {id_} has {seats} seats and {students} students."
            yield plan.broken(SEATS.code, message, (session,), (each.group for each in session.attendances))


def _schools(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.sessions:
        session, seatings = plan.by_id[id_], plan.seatings_of_session[id_]
        if session.school is not None:
            guests = [seating.group.id for seating in seatings if seating.group.school != session.school]
            if guests:
                message = f"Session {id_} is at school {session.school}; groups of other schools attend it: {', '.join(guests)}."
                yield plan.broken(SCHOOLS.code, message, (session,), guests)
            continue
        most = plan.known.offers[session.offer].max_schools
        schools = {seating.group.school for seating in seatings}
        if most is not None and len(schools) > most:
            message = f"Session {id_} takes groups of at most {most} schools; {len(schools)} schools attend."
            yield plan.broken(SCHOOLS.code, message, (session,), (seating.group.id for seating in seatings))


SEATS = Rule("seats", "A session has no more students than seats.", _seats)
SCHOOLS = Rule(
    "schools",
    "A session in a school is for that school's groups; any other takes groups of no more schools than its offer says.",
    _schools,
)
