"""Why a placed group is where it is: what else was possible, who would have to make way, and what the plan would lose.

Every alternative is a whole plan that keeps the hard rules, so that what it would cost is reckoned, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from services.matching.planning.clock import local_time
from services.matching.planning.explanation.holding import can_hold, sessions_left
from services.matching.planning.explanation.places import Places
from services.matching.planning.levels import SENSES, reckon_levels
from services.matching.planning.model import MINUTES_A_DAY, Attendance, Group, Level, Offer, Session
from services.matching.planning.rules import Known, Plan
from services.matching.planning.telling import name_group, name_offer, when

MOST_ALTERNATIVES = 6
_LEVEL_NAMES = {
    "floor_shortfall": "students below a school's guaranteed share",
    "net_covered": "students covered, less the price of moves",
    "covered": "students covered",
    "encounters": "needed encounters",
    "pledged": "students towards pledges",
    "pledged_first": "students towards pledges at the schools to be served first",
    "preference": "points of preference",
    "cost": "minutes of people's time",
    "changes": "students told otherwise before",
}


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another session that a group could attend, the groups that would have to make way, and the whole plan then."""

    session: Session
    held: bool
    leaving: tuple[str, ...]
    students_leaving: int
    sessions: tuple[Session, ...]


def why_placed(known: Known, sessions: Sequence[Session], group: str) -> list[str]:
    """Say for each session of a group which others were possible and what each would cost whom, in plain sentences."""
    plan, places = Plan(known, sessions), Places(known)
    pins, lines = known.problem.pinned, list[str]()
    for seating in plan.seatings_of_group.get(group, ()):
        held = f"{when(local_time(seating.session.start))} with {name_offer(known, seating.offer.id)}"
        if seating.part:
            lines.append(f"It is seen in parts, one of them on {held}.")
            continue
        if any((pin.offer, pin.start, pin.group) == (seating.offer.id, seating.session.start, group) for pin in pins):
            lines.append(f"On {held}: a coordinator has pinned it there.")
            continue
        found = sorted(alternatives(plan, places, group, seating.session), key=_ease)
        if not found:
            lines.append(f"On {held}: no other session could take it, whoever makes way.")
            continue
        others = len({one.session.offer for one in found} - {seating.offer.id})
        lines.append(f"On {held}: {others} other offer{'' if others == 1 else 's'} could take it instead.")
        before = reckon_levels(known.problem, sessions, known=known)
        lines += [_sentence(known, before, one) for one in _varied(found)]
    return lines


def alternatives(plan: Plan, places: Places, group: str, session: Session) -> Iterator[Alternative]:
    """Find every other session that a whole group could attend instead of this one, one start for each vertex."""
    record = plan.known.groups[group]
    rest = without(plan, group, session)
    taken = {seating.date for seating in rest.seatings_of_group.get(group, ())}
    joined = {seating.session.id for seating in rest.seatings_of_group.get(group, ())}
    for id_, vertices in places.vertices_by_offer(places.class_of[group]).items():
        offer = plan.known.offers[id_]
        if offer.seats < record.size:
            continue
        for vertex in vertices:
            if places.first[vertex] // MINUTES_A_DAY in taken:
                continue
            school = places.school_at(vertex)
            for held in rest.of_offer.get(id_, ()):
                here = places.first[vertex] <= held.start <= places.last[vertex] and held.school == school
                if here and held.id not in joined and held.id != session.id:
                    yield from _join(rest, offer, held, record)
            if sessions_left(rest, offer) > 0:
                yield from _open(rest, offer, school, places.starts(vertex), record, session)


def without(plan: Plan, group: str, session: Session) -> Plan:
    """Give a plan in which a group does not attend a session; a session that nobody else attends is not held."""
    sessions = []
    for one in plan.by_id.values():
        seats = tuple(seat for seat in one.attendances if one.id != session.id or seat.group != group)
        if seats:
            sessions.append(replace(one, attendances=seats))
    return Plan(plan.known, sessions)


def _join(rest: Plan, offer: Offer, held: Session, group: Group) -> Iterator[Alternative]:
    """Let a group join a session; where it is full, the fewest students who are enough make way."""
    known = rest.known
    pinned = {pin.group for pin in known.problem.pinned if (pin.offer, pin.start) == (held.offer, held.start)}
    most = None if offer.mode == "in_school" else offer.max_schools
    missing = sum(seat.students for seat in held.attendances) + group.size - offer.seats
    leaving = _make_way([seat for seat in held.attendances if seat.group not in pinned], missing)
    if leaving is None:
        return
    gone = {seat.group for seat in leaving}
    staying = tuple(seat for seat in held.attendances if seat.group not in gone)
    homes = {known.groups[seat.group].school for seat in staying} | {group.school}
    if most is not None and len(homes) > most:
        return
    joined = replace(held, attendances=(*staying, Attendance(group.id, group.size)))
    sessions = tuple(joined if one.id == held.id else one for one in rest.by_id.values())
    yield Alternative(
        session=joined,
        held=True,
        leaving=tuple(sorted(gone)),
        students_leaving=sum(seat.students for seat in leaving),
        sessions=sessions,
    )


def _make_way(seats: Sequence[Attendance], missing: int) -> list[Attendance] | None:
    """Choose the fewest students, group by group, whose leaving frees so many seats; None where all are too few."""
    fewest: dict[int, list[Attendance]] = {0: []}
    for seat in seats:
        for students, chosen in list(fewest.items()):
            fewest.setdefault(students + seat.students, [*chosen, seat])
    enough = [students for students in fewest if students >= missing]
    return fewest[min(enough)] if enough else None


def _open(
    rest: Plan, offer: Offer, school: str | None, starts: Sequence[int], group: Group, instead_of: Session
) -> Iterator[Alternative]:
    """Hold a session that the offer has left, at the first start that nothing stands in the way of."""
    for start in starts:
        if (start, offer.id, school) == (instead_of.start, instead_of.offer, instead_of.school):
            continue
        if can_hold(rest, offer, school, start):
            seat = Attendance(group.id, group.size)
            opened = Session(f"{instead_of.id}-instead", offer.id, start, school, (seat,))
            yield Alternative(
                session=opened, held=False, leaving=(), students_leaving=0, sessions=(*rest.by_id.values(), opened)
            )
            return


def _ease(one: Alternative) -> tuple[int, bool, int, str]:
    return one.students_leaving, not one.held, one.session.start, one.session.offer


def _varied(found: Sequence[Alternative]) -> list[Alternative]:
    """Keep the easiest of each offer, a few of them."""
    easiest: dict[str, Alternative] = {}
    for one in found:
        easiest.setdefault(one.session.offer, one)
    return list(easiest.values())[:MOST_ALTERNATIVES]


def _sentence(known: Known, before: Sequence[Level], one: Alternative) -> str:
    on, who = when(local_time(one.session.start)), name_offer(known, one.session.offer)
    if one.leaving:
        names = ", ".join(name_group(known, id_) for id_ in one.leaving)
        way = f"{names} ({one.students_leaving} students) would have to make way"
    elif one.held:
        way = "there is room"
    else:
        way = "a session is left that could be held for it"
    after = reckon_levels(known.problem, one.sessions, known=known)
    return f"  {on} with {who}: {way}; {_difference(before, after)}."


def _difference(before: Sequence[Level], after: Sequence[Level]) -> str:
    """Tell the first level that differs: it alone decides between two plans."""
    for old, new in zip(before, after, strict=True):
        if old.value != new.value:
            change = new.value - old.value
            better = (change > 0) == (SENSES[old.name] == "max")
            sign = "more" if change > 0 else "fewer"
            amount = f"{abs(change).normalize():f}"
            return f"the plan would be {'better' if better else 'worse'}: {amount} {sign} {_LEVEL_NAMES[old.name]}"
    return "the plan would be just as good"
