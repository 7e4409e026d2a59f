"""Sessions that would cover more students if somebody gave a little more: the candidates for remedies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import numpy as np

from services.matching.planning.explanation.holding import in_hosts_way, in_presenters_way, sessions_left
from services.matching.planning.model import Attendance, Minute, Offer, Problem, Session
from services.matching.planning.remedies.asks import Candidate
from services.matching.planning.remedies.need import Need
from services.matching.planning.rules import Plan
from services.matching.planning.structural import step_up
from services.matching.planning.vertices import Eligibility, Integers

# A larger room has up to so many seats more, and never more than so many times the seats.
MORE_SEATS = 30
LARGER_ROOM = 2
WIDER_REACH = Decimal("1.5")
NEW_SESSION_MINUTES = 45
NEW_SESSION_SEATS = 60
# Sessions tried for each offer and school, starts tried for each session.
MOST_TRIES = 2
MOST_STARTS = 24


class Candidates:
    """Finds candidate sessions around one plan, for all groups or for one `alone`; each source gives those that would take most first."""

    def __init__(self, problem: Problem, plan: Plan, alone: str | None = None) -> None:
        self.problem, self.plan, self._alone = problem, plan, alone
        self.need = Need(problem, plan, alone)
        self._eligibility = Eligibility(problem, self.need.relaxation.classes)
        self._taken = len(plan.by_id)

    def sources(self) -> tuple[Callable[[], Iterator[Candidate]], ...]:
        """Give all sources, the ones that pay most often first."""
        return self.more_sessions, self.larger_rooms, self.other_windows, self.new_offers, self.further

    def more_sessions(self) -> Iterator[Candidate]:
        """Find one more session of each offer that has none left, or at a host that is full."""
        yield from self._at_vertices(self.need)

    def further(self) -> Iterator[Candidate]:
        """Find sessions for schools that are somewhat beyond the reach of an employer, or of a group."""
        employers = tuple(replace(e, radius_km=e.radius_km * WIDER_REACH) for e in self.problem.employers)
        groups = tuple(replace(g, max_travel_km=g.max_travel_km * WIDER_REACH) for g in self.problem.groups)
        wide = replace(self.problem, employers=employers, groups=groups)
        yield from self._at_vertices(
            Need(wide, self.plan, self._alone), lambda offer: sessions_left(self.plan, offer) > 0
        )

    def larger_rooms(self) -> Iterator[Candidate]:
        """Find waiting groups that could join a session that is held, if it had more seats."""
        vertices = self.need.relaxation.vertices
        numbers = {offer.id: number for number, offer in enumerate(self.problem.offers)}
        schools = {school.id: number for number, school in enumerate(self.problem.schools)}
        low = np.searchsorted(vertices.offer, np.arange(len(self.problem.offers) + 1))
        for session in self.plan.by_id.values():
            number = numbers[session.offer]
            mine = np.arange(low[number], low[number + 1])
            host = -1 if session.school is None else schools[session.school]
            here = mine[
                (vertices.first[mine] <= session.start)
                & (session.start <= vertices.last[mine])
                & (vertices.school[mine] == host)
            ]
            for vertex in here.tolist():
                classes = vertices.classes[vertices.ptr[vertex] : vertices.ptr[vertex + 1]]
                yield from self._joined(session, self._of_schools_there(session, classes), MORE_SEATS)

    def other_windows(self) -> Iterator[Candidate]:
        """Find sessions with room, held or left, that waiting groups of one school could join at another time."""
        for number, offer in enumerate(self.problem.offers):
            able = np.flatnonzero(self._eligibility.of(number) & (self.need.count > 0))
            if not len(able):
                continue
            able = able[np.argsort(self.need.relaxation.classes.school[able], kind="stable")]
            for session in self.plan.of_offer.get(offer.id, ()):
                for classes in self._by_school(self._of_schools_there(session, able)):
                    yield from self._joined(session, classes, 0)
            if sessions_left(self.plan, offer) > 0:
                for classes in self._by_school(able):
                    yield from self._elsewhen(offer, classes)

    def new_offers(self) -> Iterator[Candidate]:
        """Find for each school the time at which a new session of the nearest employer would take most."""
        waiting = {group for groups in self.need.waiting for group in groups}
        shown = [group for group in self.problem.groups if group.id in waiting]
        offers = []
        for school in self.problem.schools:
            groups = [group for group in shown if group.school == school.id and "in_school" in group.modes]
            offer = self._new_offer(school.id, sorted({name for group in groups for name in group.calendars}))
            if groups and offer is not None:
                met = frozenset[str]().union(*(group.adjustments for group in groups))
                offers.append(replace(offer, years=frozenset(group.year for group in groups), adjustments=met))
        wide = replace(self.problem, offers=tuple(offers), forbidden=())
        yield from self._at_vertices(Need(wide, self.plan, self._alone))

    def _new_offer(self, school: str, calendars: list[str]) -> Offer | None:
        here, known = self.plan.known.schools[school].position, self.plan.known
        near = [
            employer
            for employer in self.problem.employers
            if employer.max_sessions is None
            and employer.max_sessions_per_day is None
            and known.km(employer.position, here) <= float(employer.radius_km)
        ]
        if not near:
            return None
        employer = min(near, key=lambda one: known.km(one.position, here))
        name = f"new-{employer.id}-{school}"
        if name in known.offers or name in self.problem.calendars:
            return None
        return Offer(
            id=name,
            employer=employer.id,
            mode="in_school",
            calendars=tuple(calendars),
            duration_minutes=NEW_SESSION_MINUTES,
            max_sessions=1,
            seats=NEW_SESSION_SEATS,
            years=frozenset(),
            max_schools=1,
            position=employer.position,
            presenter=name,
        )

    def _at_vertices(self, need: Need, wanted: Callable[[Offer], bool] = lambda _: True) -> Iterator[Candidate]:
        vertices, most = need.relaxation.vertices, need.most_students()
        tried: dict[tuple[int, int], int] = {}
        for vertex in np.argsort(-most, kind="stable").tolist():
            if most[vertex] < 1:
                return
            number, school = int(vertices.offer[vertex]), int(vertices.school[vertex])
            offer = need.problem.offers[number]
            if tried.get((number, school), 0) >= MOST_TRIES or not wanted(offer):
                continue
            host = need.problem.schools[school].id if school >= 0 else None
            start = self._free_start(offer, host, int(vertices.first[vertex]), int(vertices.last[vertex]))
            if start is not None:
                tried[number, school] = tried.get((number, school), 0) + 1
                yield self._new(offer, host, start, need.at_vertex(vertex))

    def _free_start(self, offer: Offer, school: str | None, first: Minute, last: Minute) -> Minute | None:
        """Give the first start, of the first few, at which the presenter is free, best where the host has room too."""
        start = step_up(first, self.problem.policy.start_step_minutes)
        found: Minute | None = None
        for _ in range(MOST_STARTS):
            if start > last:
                break
            if not in_presenters_way(self.plan, offer, school, start):
                if not in_hosts_way(self.plan, school, start, start + offer.duration_minutes):
                    return start
                found = start if found is None else found
            start = step_up(start + 1, self.problem.policy.start_step_minutes)
        return found

    def _elsewhen(self, offer: Offer, classes: Integers) -> Iterator[Candidate]:
        """Hold a session that is left for these classes of one school, at the offer's first free time."""
        school = self.problem.schools[int(self.need.relaxation.classes.school[classes[0]])].id
        host = school if offer.mode == "in_school" else None
        for window in (window for name in offer.calendars for window in self.problem.calendars[name]):
            start = self._free_start(offer, host, window.start, window.end - offer.duration_minutes)
            if start is not None:
                fresh = self.need.fill(classes, offer.seats)
                if fresh:
                    yield self._new(offer, host, start, fresh)
                return

    def _joined(self, session: Session, classes: Integers, more_seats: int) -> Iterator[Candidate]:
        """Let waiting groups of these classes join a session, with so many seats more at most."""
        offer = self.plan.known.offers[session.offer]
        used = sum(attendance.students for attendance in session.attendances)
        room = min(offer.seats + more_seats, offer.seats * LARGER_ROOM) - used
        if room < 1 or not len(classes):
            return
        fresh = tuple(one for one in self.need.fill(classes, room) if one.students == self._size(one))
        if fresh:
            seats = max(offer.seats, used + sum(attendance.students for attendance in fresh))
            joined = replace(session, attendances=(*session.attendances, *fresh))
            yield Candidate(replace(offer, seats=seats), joined, fresh)

    def _size(self, attendance: Attendance) -> int:
        return self.plan.known.groups[attendance.group].size

    def _of_schools_there(self, session: Session, classes: Integers) -> Integers:
        """Keep the classes of schools that are there already, where a session takes only so many schools."""
        offer, known = self.plan.known.offers[session.offer], self.plan.known
        if offer.mode == "virtual" and offer.max_schools is None:
            return classes
        homes = {known.groups[attendance.group].school for attendance in session.attendances}
        there = [number for number, school in enumerate(self.problem.schools) if school.id in homes]
        kept: Integers = classes[np.isin(self.need.relaxation.classes.school[classes], there)]
        return kept

    def _by_school(self, classes: Integers) -> Iterator[Integers]:
        schools = self.need.relaxation.classes.school[classes]
        for school in np.unique(schools).tolist():
            yield classes[schools == school]

    def _new(self, offer: Offer, school: str | None, start: Minute, fresh: tuple[Attendance, ...]) -> Candidate:
        """Name a new session so that no session of the plan has that name."""
        self._taken += 1
        while f"extra-{self._taken}" in self.plan.by_id:
            self._taken += 1
        return Candidate(offer, Session(f"extra-{self._taken}", offer.id, start, school, fresh), fresh)
