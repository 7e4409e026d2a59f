"""Checks that what a problem names exists, that ids are unique, and that pins and bans can hold together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from services.matching.planning.faults import Faults, pointer_to, shown
from services.matching.planning.model import Attendance, Problem, Session
from services.matching.planning.rules import check_pins

_PINS_NAMED = 10


def check_references(problem: Problem, faults: Faults) -> None:
    """Note every id that is taken twice and every reference to something that is not there."""
    schools = _unique("schools", problem.schools, faults)
    groups = _unique("groups", problem.groups, faults)
    employers = _unique("employers", problem.employers, faults)
    offers = _unique("offers", problem.offers, faults)
    calendars = problem.calendars.keys()
    for at, group in enumerate(problem.groups):
        if group.school not in schools:
            _unknown(faults, pointer_to("groups", at, "school"), group.school, "school")
        _check_all(faults, ("groups", at, "calendars"), group.calendars, calendars, "calendar")
    for at, offer in enumerate(problem.offers):
        if offer.employer not in employers:
            _unknown(faults, pointer_to("offers", at, "employer"), offer.employer, "employer")
        _check_all(faults, ("offers", at, "calendars"), offer.calendars, calendars, "calendar")
    for at, pledge in enumerate(problem.pledges):
        if pledge.employer not in employers:
            _unknown(faults, pointer_to("pledges", at, "employer"), pledge.employer, "employer")
        _check_all(faults, ("pledges", at, "schools_first"), sorted(pledge.schools_first), schools, "school")
    known = {"offer": offers, "school": schools, "group": groups}
    for name, decisions in (("pinned", problem.pinned), ("forbidden", problem.forbidden)):
        for at, decision in enumerate(decisions):
            for field, ids in known.items():
                value = getattr(decision, field)
                if value is not None and value not in ids:
                    _unknown(faults, pointer_to(name, at, field), value, field)


def _unique(section: str, records: Iterable[Any], faults: Faults) -> set[str]:
    seen: set[str] = set()
    for at, record in enumerate(records):
        if record.id in seen and record.id:
            faults.add(
                pointer_to(section, at, "id"), f"the id {shown(record.id)} is taken", "Give each an id of its own"
            )
        seen.add(record.id)
    return seen


def _check_all(
    faults: Faults, steps: tuple[object, ...], named: Sequence[str], known: Collection[str], what: str
) -> None:
    for place, value in enumerate(named):
        if value not in known:
            _unknown(faults, pointer_to(*steps, place), value, what)


def _unknown(faults: Faults, pointer: str, value: str, what: str) -> None:
    if value:  # an empty id was told when it was read
        one = f"{'an' if what[0] in 'aeiou' else 'a'} {what}"
        faults.add(pointer, f"there is no {what} {shown(value)}", f"Name {one} of this file, or add it")


def sessions_of_pins(problem: Problem) -> tuple[tuple[Session, ...], dict[str, list[int]]]:
    """Give the sessions that the pins alone make, and which pins (positions) each of them comes from."""
    places: dict[tuple[str, int, str | None], list[int]] = {}
    for at, pin in enumerate(problem.pinned):
        places.setdefault((pin.offer, pin.start, pin.school), []).append(at)
    sessions, pins_of = [], {}
    for (offer, start, school), pins in places.items():
        id_ = f"(pin {pins[0]})"
        seats = dict.fromkeys(Attendance(problem.pinned[at].group, problem.pinned[at].students) for at in pins)
        sessions.append(Session(id_, offer, start, school, tuple(seats)))
        pins_of[id_] = pins
    return tuple(sessions), pins_of


def check_pinned(problem: Problem, faults: Faults) -> None:
    """Note every hard rule that the pins alone break; the references must be in order."""
    if not problem.pinned:
        return
    sessions, pins_of = sessions_of_pins(problem)
    for violation in check_pins(problem, sessions):
        groups = violation.groups or [pin.group for pin in problem.pinned]
        named = [at for session in violation.sessions for at in pins_of[session] if problem.pinned[at].group in groups]
        pointers = [pointer_to("pinned", at) for at in sorted(named)] or [pointer_to("pinned")]
        several = len(pointers) > 1
        who = f"the pins {', '.join(pointers[:_PINS_NAMED])} together break" if several else "this pin breaks"
        faults.add(
            pointers[0],
            f"{who} the rule `{violation.code}`: {violation.message.rstrip('.')}",
            f"Unpin {'one of them' if several else 'it'}, or change what the rule is about",
        )
