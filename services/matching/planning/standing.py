"""What still stands of a plan that people were told, now that the problem is another: nothing is moved, some is left out.

It is a plan that needs no search, so that even a run without any time for one keeps what can be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from services.matching.planning.checker import check_sessions
from services.matching.planning.clock import local_time
from services.matching.planning.model import Attendance, Problem, Session
from services.matching.planning.references import sessions_of_pins
from services.matching.planning.rules import Known, Violation

MOST_ROUNDS = 12
_Place = tuple[str, int, str | None]


def still_standing(problem: Problem) -> tuple[Session, ...]:
    """Give the pins, and of the sessions in force what keeps every hard rule beside them."""
    known = Known(problem)
    pinned = (replace(one, id=f"{one.offer}@{local_time(one.start)}") for one in sessions_of_pins(problem)[0])
    pins = {_place(session): session for session in pinned}
    standing = list(_told_beside(known, pins))
    for _ in range(MOST_ROUNDS):
        broken = check_sessions(problem, standing, known=known)
        if not broken:
            return tuple(standing)
        standing = list(_without(known, standing, broken, pins))
    return _named(pins.values())


def _place(session: Session) -> _Place:
    return session.offer, session.start, session.school


def _told_beside(known: Known, pins: dict[_Place, Session]) -> Iterator[Session]:
    """Give the pins' sessions, filled up with who was told to be there, and the other sessions in force that can be."""
    told: dict[_Place, Session] = {}
    for session in known.problem.in_force or ():
        offer = known.offers.get(session.offer)
        if offer is None or (session.school in known.schools) != (offer.mode == "in_school"):
            continue
        before = told.get(_place(session))
        seats = (*(before.attendances if before else ()), *session.attendances)
        told[_place(session)] = replace(before or session, attendances=tuple(_once(known, seats)))
    for place, session in pins.items():
        there = told.get(place, session)
        told[place] = replace(there, attendances=tuple(_once(known, (*session.attendances, *there.attendances))))
    yield from _named(session for session in told.values() if session.attendances)


def _once(known: Known, seats: Iterable[Attendance]) -> Iterator[Attendance]:
    """Leave out groups that are no more, and a group's second seat."""
    seen = set[str]()
    for seat in seats:
        if seat.group in known.groups and seat.group not in seen:
            seen.add(seat.group)
            yield seat


def _named(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """Give each session a name of its own: the one that people were told, where it is free."""
    taken, found = set[str](), list[Session]()
    for session in sessions:
        name = session.id
        while name in taken:
            name += "+"
        taken.add(name)
        found.append(replace(session, id=name))
    return tuple(found)


def _without(
    known: Known, sessions: Sequence[Session], broken: Iterable[Violation], pins: dict[_Place, Session]
) -> Iterator[Session]:
    """Leave out, for each rule that is broken, the attendance or the session that breaks it last; pins stay."""
    by_id = {session.id: session for session in sessions}
    leaving: dict[str, set[str]] = {}
    for violation in broken:
        free = {id_: _unpinned(by_id[id_], pins) for id_ in violation.sessions}
        for id_ in reversed(violation.sessions):
            gone = _leaving(known, by_id[id_], violation, free[id_])
            if gone and (violation.groups or _place(by_id[id_]) not in pins):
                leaving.setdefault(id_, set()).update(gone)
                break
    for session in sessions:
        seats = tuple(seat for seat in session.attendances if seat.group not in leaving.get(session.id, ()))
        if seats:
            yield replace(session, attendances=seats)


def _leaving(known: Known, session: Session, violation: Violation, free: set[str]) -> set[str]:
    """Choose who leaves a session: those whom the rule names (of too many for the seats, as few as it takes), or all."""
    if violation.code == "seats":
        return _to_make_room(known, session, free)
    return free & set(violation.groups) if violation.groups else free


def _unpinned(session: Session, pins: dict[_Place, Session]) -> set[str]:
    pinned = pins.get(_place(session))
    kept = {seat.group for seat in pinned.attendances} if pinned else set[str]()
    return {seat.group for seat in session.attendances} - kept


def _to_make_room(known: Known, session: Session, free: set[str]) -> set[str]:
    """Choose who leaves a session that has more students than seats: the last of the list, as many as it takes."""
    over = sum(seat.students for seat in session.attendances) - known.offers[session.offer].seats
    gone = set[str]()
    for seat in reversed(session.attendances):
        if over > 0 and seat.group in free:
            gone.add(seat.group)
            over -= seat.students
    return gone
