"""The best coverage of a tiny problem by trying everything, and seeded tiny problems with every kind of tightness.

It is written from the format's rules alone and shares no code with vertices, relaxation or search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from random import Random

from services.matching.planning.geometry import km, travel_minutes, within_km
from services.matching.planning.model import (
    MINUTES_A_DAY,
    MODES,
    Attendance,
    Employer,
    Forbidden,
    Group,
    Hub,
    Offer,
    Policy,
    Problem,
    School,
    Session,
    Window,
)

MONDAY = 20_730 * MINUTES_A_DAY  # 2026-10-05
MIN_PART = 2


def tiny_problem(seed: int) -> Problem:
    """Draw a problem of at most seven groups and four offers in which windows, seats, journeys and limits all bind."""
    draw = Random(seed)
    policy = Policy(start_step_minutes=draw.choice([30, 30, 20, 45]), min_part=MIN_PART, max_travel_km=Decimal(10))
    schools = tuple(
        School(f"s{n}", f"School {n}", (51.2 + draw.choice([0.0, 0.02, 0.06]), 0.5), draw.choice([1, 1, 2, 0]))
        for n in range(draw.choice([1, 2, 2, 3]))
    )
    calendars = {f"c{n}": _windows(draw) for n in range(4)}
    groups = tuple(
        Group(
            id=f"g{n}",
            school=draw.choice(schools).id,
            year=draw.choice([7, 7, 8]),
            size=draw.choice([3, 4, 4, 5, 6]),
            calendars=tuple(draw.sample(sorted(calendars), draw.choice([1, 1, 2]))),
            needed=draw.choice([1, 1, 1, 2]),
            adjustments=frozenset(draw.sample(["ramp"], draw.choice([0, 0, 0, 1]))),
            modes=frozenset(draw.sample(MODES, draw.choice([3, 3, 2]))),
            max_travel_km=Decimal(draw.choice([4, 10])),
            may_split=draw.random() < 0.3,
        )
        for n in range(draw.choice([3, 4, 5, 6, 7]))
    )
    employers = tuple(
        Employer(
            id=f"e{n}",
            name=f"Employer {n}",
            position=(51.2, 0.5 + draw.choice([0.0, 0.05])),
            sectors=frozenset("C"),
            radius_km=Decimal(draw.choice([3, 10])),
            stem=True,
            max_sessions_per_day=draw.choice([None, 1, 2]),
            max_sessions=draw.choice([None, None, 1, 2]),
        )
        for n in range(2)
    )
    offers = tuple(
        _offer(draw, f"o{n}", draw.choice(employers), sorted(calendars)) for n in range(draw.choice([2, 3, 4]))
    )
    forbidden = []
    if draw.random() < 0.3:
        forbidden.append(Forbidden(draw.choice(offers).id, group=draw.choice(groups).id))
    if draw.random() < 0.1:
        forbidden.append(Forbidden(draw.choice(offers).id, school=draw.choice(schools).id))
    hub = Hub("h", "Hub", "Europe/London")
    return Problem(
        hub, "2026/27", policy, calendars, schools, groups, employers, offers, forbidden=tuple(dict.fromkeys(forbidden))
    )


def _windows(draw: Random) -> tuple[Window, ...]:
    windows = []
    for day in draw.sample(range(2), draw.choice([1, 2, 2])):
        start = MONDAY + day * MINUTES_A_DAY + 540 + draw.choice([0, 10, 30, 60])
        windows.append(Window(start, start + draw.choice([60, 60, 90, 150])))
        if draw.random() < 0.2:
            windows.append(Window(windows[-1].end, windows[-1].end + 60))
    return tuple(sorted(windows))


def _offer(draw: Random, name: str, employer: Employer, calendars: list[str]) -> Offer:
    mode = draw.choice(MODES)
    return Offer(
        id=name,
        employer=employer.id,
        mode=mode,
        calendars=tuple(draw.sample(calendars, draw.choice([2, 3, 4]))),
        duration_minutes=draw.choice([30, 45, 60]),
        max_sessions=draw.choice([1, 1, 2]),
        seats=draw.choice([2, 3, 5, 8, 9, 12]),
        years=frozenset([7, 8] if draw.random() < 0.8 else [7]),
        max_schools={"in_school": 1, "workplace": draw.choice([1, 2]), "virtual": draw.choice([None, None, 2])}[mode],
        position=(employer.position[0], employer.position[1] + draw.choice([0.0, 0.03])),
        presenter=draw.choice([employer.id, employer.id, name, "shared"]),
        adjustments=frozenset(draw.sample(["ramp"], draw.choice([0, 1]))),
    )


@dataclass(slots=True)
class _Open:
    """A session under construction."""

    offer: Offer
    start: int
    school: School | None
    seated: list[tuple[Group, int]]

    @property
    def end(self) -> int:
        return self.start + self.offer.duration_minutes


class Exhaustive:
    """Tries, group after group, every session that the group could join or open, in every order of parts."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.schools = {school.id: school for school in problem.schools}
        self.employers = {employer.id: employer for employer in problem.employers}
        self.places = {group.id: list(self._places(group)) for group in problem.groups}
        self.left = [sum(group.size for group in problem.groups[at:]) for at in range(len(problem.groups) + 1)]
        self.sessions: list[_Open] = []
        self.best = 0
        self.plan: tuple[Session, ...] = ()
        self._try(0, 0)

    def _places(self, group: Group) -> Iterator[tuple[Offer, int, School | None]]:
        for offer in self.problem.offers:
            if self._may_meet(group, offer):
                home = self.schools[group.school]
                trip = travel_minutes(self.problem.policy, offer.position, home.position)
                trip = trip if offer.mode == "workplace" else 0
                for start in self._starts(offer):
                    end = start + offer.duration_minutes
                    if self._inside(group.calendars, start - trip, end + trip):
                        yield offer, start, home if offer.mode == "in_school" else None

    def _may_meet(self, group: Group, offer: Offer) -> bool:
        home = self.schools[group.school]
        away = km(offer.position, home.position)
        reach = {
            "in_school": within_km(away, float(self.employers[offer.employer].radius_km)) and home.hosting_limit > 0,
            "workplace": within_km(away, float(group.max_travel_km)),
            "virtual": True,
        }
        banned = any(
            rule.offer == offer.id and (rule.group == group.id or rule.school == home.id)
            for rule in self.problem.forbidden
        )
        suits = group.year in offer.years and offer.mode in group.modes and group.adjustments <= offer.adjustments
        return suits and reach[offer.mode] and not banned

    def _starts(self, offer: Offer) -> list[int]:
        windows = {window for calendar in offer.calendars for window in self.problem.calendars[calendar]}
        return sorted(
            {
                start
                for window in windows
                for start in range(window.start, window.end - offer.duration_minutes + 1)
                if (start % 60) % self.problem.policy.start_step_minutes == 0
            }
        )

    def _inside(self, calendars: tuple[str, ...], start: int, end: int) -> bool:
        windows = (window for calendar in calendars for window in self.problem.calendars[calendar])
        return any(window.start <= start and end <= window.end for window in windows)

    def _try(self, at: int, covered: int) -> None:
        if covered > self.best:
            self.best, self.plan = covered, self._written()
        if at == len(self.problem.groups) or covered + self.left[at] <= self.best:
            return
        group = self.problem.groups[at]
        for place in self.places[group.id]:
            if group.size <= place[0].seats:
                for undo in self._seat(place, group, group.size):
                    self._try(at + 1, covered + group.size)
                    self._unseat(undo)
        if group.may_split:
            self._try_parts(at, covered, group, 0, 0)
        self._try(at + 1, covered)

    def _try_parts(self, at: int, covered: int, group: Group, from_place: int, seated: int) -> None:
        for number in range(from_place, len(self.places[group.id])):
            place = self.places[group.id][number]
            if place[0].seats >= group.size:
                continue
            for students in range(MIN_PART, min(place[0].seats, group.size - seated) + 1):
                for undo in self._seat(place, group, students):
                    self._try(at + 1, covered + students)
                    self._try_parts(at, covered + students, group, number + 1, seated + students)
                    self._unseat(undo)

    def _seat(self, place: tuple[Offer, int, School | None], group: Group, students: int) -> Iterator[_Open]:
        offer, start, school = place
        for session in self.sessions:
            if session.offer is offer and session.start == start and session.school is school:
                schools = {seated.school for seated, _ in session.seated} | {group.school}
                room = sum(taken for _, taken in session.seated) + students <= offer.seats
                if room and (
                    offer.mode == "in_school" or offer.max_schools is None or len(schools) <= offer.max_schools
                ):
                    session.seated.append((group, students))
                    yield session
                return  # one presenter gives one session at a time: there is no second one to open
        session = _Open(offer, start, school, [(group, students)])
        if self._fits(session):
            self.sessions.append(session)
            yield session

    def _unseat(self, session: _Open) -> None:
        session.seated.pop()
        if not session.seated:
            self.sessions = [other for other in self.sessions if other is not session]

    def _fits(self, new: _Open) -> bool:
        offer, employer = new.offer, self.employers[new.offer.employer]
        of_employer = [other for other in self.sessions if other.offer.employer == employer.id]
        on_date = [other for other in of_employer if other.start // MINUTES_A_DAY == new.start // MINUTES_A_DAY]
        limits = (
            (offer.max_sessions, [other for other in self.sessions if other.offer is offer]),
            (employer.max_sessions, of_employer),
            (employer.max_sessions_per_day, on_date),
        )
        if any(most is not None and len(others) >= most for most, others in limits):
            return False
        return self._presenter_free(new) and self._hosted(new)

    def _presenter_free(self, new: _Open) -> bool:
        for other in self.sessions:
            if other.offer.presenter == new.offer.presenter:
                first, second = sorted((other, new), key=lambda session: session.start)
                places = [self._place(session) for session in (first, second)]
                journey = 0
                if places[0] and places[1] and first.start // MINUTES_A_DAY == second.start // MINUTES_A_DAY:
                    journey = travel_minutes(self.problem.policy, places[0], places[1])
                if first.end + journey > second.start:
                    return False
        return True

    def _place(self, session: _Open) -> tuple[float, float] | None:
        if session.school is not None:
            return session.school.position
        return session.offer.position if session.offer.mode == "workplace" else None

    def _hosted(self, new: _Open) -> bool:
        if new.school is None:
            return True
        there = [other for other in self.sessions if other.school is new.school] + [new]
        return all(
            sum(other.start <= moment.start < other.end for other in there) <= new.school.hosting_limit
            for moment in there
        )

    def _written(self) -> tuple[Session, ...]:
        numbers = count()
        return tuple(
            Session(
                f"x{next(numbers)}",
                session.offer.id,
                session.start,
                session.school.id if session.school else None,
                tuple(Attendance(group.id, students) for group, students in session.seated),
            )
            for session in self.sessions
        )
