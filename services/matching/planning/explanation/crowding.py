"""Who would be left out if a group were placed: the cheapest way by one change of the plan, found by counting.

A change lets the group join a session that is held, moves a session of an offer that could take it to where it can be
seen, or holds one more session where something stands in the way. What is counted is the least number of students who
would then lose their only encounter; students with a second one lose nothing that counts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.matching.planning.clock import local_time
from services.matching.planning.explanation.holding import (
    in_employers_way,
    in_hosts_way,
    in_presenters_way,
    sessions_left,
)
from services.matching.planning.explanation.places import Places
from services.matching.planning.model import Group, Offer, Session
from services.matching.planning.rules import Plan

IMPOSSIBLE = 10**9


@dataclass(frozen=True, slots=True)
class Crowding:
    """What stands around a group: offers that could take it, their sessions held, and the cheapest change.

    That change places `placed` of its students (all, or a part) and leaves at least `loses` others without any
    encounter; `session` is the one that would change, and `rivals` attend it.
    """

    offers: int
    sessions: int
    placed: int
    loses: int
    session: Session | None
    rivals: tuple[str, ...]

    @property
    def gains(self) -> int:
        """How many more students the change might cover in all: above 0, it is not shown that nothing is to be had."""
        return self.placed - self.loses


@dataclass(frozen=True, slots=True)
class _Seat:
    group: str
    class_: int
    students: int
    loses: int
    pinned: bool


def crowding_facts(crowding: Crowding | None, students: int, spare: int) -> dict[str, Any]:
    """Give the facts of `crowded-out`: how many others it would leave out to place `placed` of its students, at least.

    `spare` is how many more students can be covered by the bound: so of those who are placed, all but `spare` take
    somebody's place. What one change of the plan would cost is told where it has been counted; `would_leave_out` is
    null where nobody may be moved.
    """
    if crowding is None or not crowding.placed:
        return {"placed": students, "would_leave_out": max(0, students - spare)}
    loses = None if crowding.loses >= IMPOSSIBLE else max(0, crowding.placed - spare, crowding.loses)
    told: dict[str, Any] = {"offers": crowding.offers, "sessions": crowding.sessions}
    told |= {"placed": crowding.placed, "would_leave_out": loses}
    if crowding.session is None:
        return told
    return {
        **told,
        "session": crowding.session.id,
        "offer": crowding.session.offer,
        "start": local_time(crowding.session.start),
    }


class Crowd:
    """Reckons `Crowding` for groups of one plan; groups of one class have the same."""

    def __init__(self, plan: Plan, places: Places) -> None:
        self.plan, self.places = plan, places
        pins = {(pin.offer, pin.start, pin.school, pin.group) for pin in plan.known.problem.pinned}
        self._seats: dict[str, list[_Seat]] = {}
        self._lone: dict[str, int] = {}
        for session in plan.by_id.values():
            where = (session.offer, session.start, session.school)
            seats = self._seats[session.id] = [
                _Seat(
                    seating.group.id,
                    places.class_of[seating.group.id],
                    seating.students,
                    seating.students if seating.part or len(plan.seatings_of_group[seating.group.id]) == 1 else 0,
                    (*where, seating.group.id) in pins,
                )
                for seating in plan.seatings_of_session[session.id]
            ]
            self._lone[session.id] = IMPOSSIBLE if any(s.pinned for s in seats) else sum(s.loses for s in seats)
        self._found: dict[tuple[int, str | None], Crowding] = {}
        self._splits: dict[tuple[str, int, str | None], _Split] = {}

    def around(self, group: str) -> Crowding:
        """Give what stands around a group."""
        class_ = self.places.class_of[group]
        attending = group if group in self.plan.seatings_of_group else None
        found = self._found.get((class_, attending))
        if found is None:
            found = self._found[class_, attending] = self._reckon(group, class_)
        return found

    def rivals_of(self, group: str, crowding: Crowding | None, most: int) -> list[str]:
        """Name groups with an encounter that this one contends with: first those who would make room for it.

        Then those at sessions of offers that could take it, and of the presenters, employers and host in its way.
        """
        found = dict.fromkeys(crowding.rivals if crowding else ())
        offers = [self.plan.known.offers[id_] for id_ in self.places.vertices_by_offer(self.places.class_of[group])]
        plan = self.plan
        held: list[Sequence[Session]] = [plan.of_offer.get(offer.id, ()) for offer in offers]
        held += [plan.of_presenter.get(offer.presenter, ()) for offer in offers]
        held += [plan.of_employer.get(offer.employer, ()) for offer in offers]
        held.append(plan.hosted_by.get(plan.known.groups[group].school, ()))
        for session in (session for sessions in held for session in sessions):
            if len(found) >= most:
                break
            found.update((seat.group, None) for seat in self._seats[session.id])
        return [other for other in found if other != group][:most]

    def _reckon(self, group: str, class_: int) -> Crowding:
        record, by_offer = self.plan.known.groups[group], self.places.vertices_by_offer(class_)
        held = sum(len(self.plan.of_offer.get(offer, ())) for offer in by_offer)
        best: tuple[int, int, int, str] | None = None
        for id_, vertices in by_offer.items():
            offer = self.plan.known.offers[id_]
            placeable = self._could_place(record, offer)
            if len(placeable) > 1:  # where the least part costs as much as the largest brings, no part gains
                loss, session = min(self._options(offer, vertices, placeable[0], group), default=(IMPOSSIBLE, ""))
                if loss >= placeable[-1]:
                    option = (loss - placeable[-1], -placeable[-1], loss, session)
                    best = option if best is None or option < best else best
                    continue
            for placed in placeable:
                for loss, session in self._options(offer, vertices, placed, group):
                    option = (loss - placed, -placed, loss, session)
                    best = option if best is None or option < best else best
        if best is None:
            return Crowding(len(by_offer), held, 0, 0, None, ())
        _, placed, loses, changed = best
        return Crowding(
            len(by_offer), held, -placed, min(IMPOSSIBLE, loses), self.plan.by_id.get(changed), self._attending(changed)
        )

    def _could_place(self, group: Group, offer: Offer) -> Sequence[int]:
        """Give how many of a group's students one session of an offer could take: all, or any part that is permitted."""
        attending = sum(seating.students for seating in self.plan.seatings_of_group.get(group.id, ()))
        if offer.seats >= group.size:
            return () if attending else (group.size,)
        least = 1 if attending else self.plan.known.policy.min_part  # a part that is there may also become larger
        return range(least, min(offer.seats, group.size - attending) + 1)

    def _attending(self, session: str) -> tuple[str, ...]:
        seats = sorted(self._seats.get(session, ()), key=lambda seat: (-seat.loses, seat.group))
        return tuple(seat.group for seat in seats)

    def _options(self, offer: Offer, vertices: Sequence[int], size: int, group: str) -> Iterable[tuple[int, str]]:
        """Give for each way of placing the group in this offer the students left out, and the session that changes."""
        sessions = self.plan.of_offer.get(offer.id, [])
        for session in sessions:
            yield self._loss_of_moving(session, offer, vertices, size, group), session.id
        if sessions_left(self.plan, offer) > 0:
            for vertex in vertices:
                school = self.places.school_at(vertex)
                for start in self.places.starts(vertex):
                    yield self._loss_of_holding(offer, school, start)
        elif len(sessions) < offer.max_sessions:
            for session in self.plan.of_employer.get(offer.employer, ()):
                yield self._lone[session.id], session.id

    def _loss_of_holding(self, offer: Offer, school: str | None, start: int) -> tuple[int, str]:
        """At least this is lost by one more session: presenters' sessions in its way all go, of a full host's one."""
        end = start + offer.duration_minutes
        ways = [(self._lone[session.id], session.id) for session in in_presenters_way(self.plan, offer, school, start)]
        if ways:
            worst = max(ways)
            ways = [(min(IMPOSSIBLE, sum(loss for loss, _ in ways)), worst[1])]
        for blocking in (in_hosts_way(self.plan, school, start, end), in_employers_way(self.plan, offer, start)):
            if blocking:
                ways.append(min((self._lone[session.id], session.id) for session in blocking))
        if self.plan.known.employers[offer.employer].max_sessions_per_day == 0:
            ways.append((IMPOSSIBLE, ""))
        return max(ways, default=(0, ""))

    def _loss_of_moving(self, session: Session, offer: Offer, vertices: Sequence[int], size: int, group: str) -> int:
        """Give the least loss over all vertices at which the session could be held instead, or is held now."""
        if session.school is not None and self.places.school_at(vertices[0]) != session.school:
            return self._lone[session.id]  # an in-school offer meets a group at its own school only
        own = sum(seat.students for seat in self._seats[session.id] if seat.group == group)
        best, room = IMPOSSIBLE, offer.seats - size - own
        for vertex in vertices:
            here = self.places.first[vertex] <= session.start <= self.places.last[vertex] and (
                session.school == self.places.school_at(vertex)
            )
            best = min(best, self._split(session.id, vertex, group if own else None).loss(room, stays=here))
            if best == 0:
                return 0
        return best

    def _split(self, session: str, vertex: int, without: str | None) -> _Split:
        key = (session, vertex, without)
        if key not in self._splits:
            able = self.places.able_at(vertex)
            self._splits[key] = _Split([seat for seat in self._seats[session] if seat.group != without], able)
        return self._splits[key]


class _Split:
    """The seats of a session, by who could also be at another vertex."""

    __slots__ = ("_known", "_lost", "_pinned", "_staying", "_used")

    def __init__(self, seats: Sequence[_Seat], able: frozenset[int]) -> None:
        self._pinned = any(seat.pinned for seat in seats)
        self._used = sum(seat.students for seat in seats if seat.pinned)
        self._lost = sum(seat.loses for seat in seats if not seat.pinned and seat.class_ not in able)
        self._staying = [seat for seat in seats if not seat.pinned and seat.class_ in able]
        self._known: dict[int, int] = {}

    def loss(self, room: int, *, stays: bool) -> int:
        """Give the least loss when only `room` students of those who are able may stay; pinned seats stay where they are."""
        if (self._pinned and not stays) or self._used > room:
            return IMPOSSIBLE
        if not self._staying:
            return self._lost
        if room not in self._known:
            self._known[room] = self._lost + _least_loss(self._staying, room - self._used)
        return self._known[room]


def _least_loss(staying: Sequence[_Seat], room: int) -> int:
    """Give the least loss among seats of which only `room` students may stay: a knapsack of what is kept from loss."""
    if sum(seat.students for seat in staying) <= room:
        return 0
    kept = {0: 0}
    for seat in staying:
        for taken, worth in list(kept.items()):
            total = taken + seat.students
            if total <= room:
                kept[total] = max(kept.get(total, 0), worth + seat.loses)
    return sum(seat.loses for seat in staying) - max(kept.values())
