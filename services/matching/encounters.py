"""Which encounter a session of a new plan is for people: one they know already, at the same or a new time, or a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from services.matching.agreed import Agreed, Told
from services.matching.planning.model import Offer, Position, Session

Place = tuple[str, str | None]


def name_encounters(
    sessions: Sequence[Session], in_force: Iterable[Agreed], proposed: Iterable[Agreed], mint: Callable[[], str]
) -> dict[str, str]:
    """Give each session (by its id) its encounter: one of the same offer and school, or a new id from `mint`.

    Encounters in force come before those that were only `proposed`, and of each those that start at the same time
    before the others; the others are taken in the order of their starts.
    """
    named: dict[str, str] = {}
    taken: set[str] = set()
    for known in (in_force, proposed):
        for same_start in (True, False):
            free: dict[Place, list[Agreed]] = defaultdict(list)
            for agreed in sorted(known := list(known), key=_agreed_order):
                if agreed.encounter not in taken:
                    free[_place(agreed.session)].append(agreed)
            for session in sorted(sessions, key=_order):
                if session.id in named:
                    continue
                candidates = free[_place(session)]
                found = next((one for one in candidates if not same_start or one.start == session.start), None)
                if found:
                    candidates.remove(found)
                    named[session.id] = found.encounter
                    taken.add(found.encounter)
    return {session.id: named.get(session.id) or mint() for session in sessions}


def compared(session: Session, offer: Offer, place: Position | None, told: Told | None) -> str:
    """Compare a session with what people have been told of its encounter: new, kept or moved.

    Moved is what has another start, end, kind, place or students.
    """
    if told is None:
        return "new"
    now = (session.start, session.start + offer.duration_minutes, offer.mode, place, _seats(session))
    then = (told.agreed.start, told.agreed.end, told.mode, told.position, _seats(told.agreed.session))
    return "kept" if now == then else "moved"


def as_encounter(session: Session, encounter: str, duration_minutes: int) -> Agreed:
    """Give a planned session as people will know it."""
    return Agreed(replace(session, id=encounter), session.start + duration_minutes)


def _place(session: Session) -> Place:
    return session.offer, session.school


def _seats(session: Session) -> dict[str, int]:
    return {attendance.group: attendance.students for attendance in session.attendances}


def _order(session: Session) -> tuple[int, str]:
    return session.start, session.id


def _agreed_order(agreed: Agreed) -> tuple[int, str]:
    return _order(agreed.session)
