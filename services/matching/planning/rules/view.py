"""A problem and a plan arranged so that every rule finds what it looks at without searching."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.matching.planning.geometry import km, travel_minutes
from services.matching.planning.model import (
    MINUTES_A_DAY,
    Employer,
    Group,
    Minute,
    Offer,
    Position,
    Problem,
    School,
    Session,
)
from services.matching.planning.rules.violation import Violation


class Known:
    """A problem's records by id, its windows ready to be searched, and distances reckoned once."""

    def __init__(self, problem: Problem, *, like: Known | None = None) -> None:
        """Arrange a problem; `like` is one of the same policy, whose distances and journeys are shared."""
        self.problem = problem
        self.policy = problem.policy
        self.schools: dict[str, School] = {school.id: school for school in problem.schools}
        self.groups: dict[str, Group] = {group.id: group for group in problem.groups}
        self.employers: dict[str, Employer] = {employer.id: employer for employer in problem.employers}
        self.offers: dict[str, Offer] = {offer.id: offer for offer in problem.offers}
        self._starts: dict[str, list[Minute]] = {}
        self._km: dict[tuple[Position, Position], float] = like._km if like else {}
        self._travel: dict[tuple[Position, Position], int] = like._travel if like else {}

    @cached_property
    def groups_of_school(self) -> dict[str, list[Group]]:
        """The groups of each school that has any."""
        found: dict[str, list[Group]] = defaultdict(list)
        for group in self.problem.groups:
            found[group.school].append(group)
        return found

    @cached_property
    def bans(self) -> frozenset[tuple[str, str, str]]:
        """What must not meet: (offer, "school" or "group", id)."""
        named = (
            (ban.offer, kind, getattr(ban, kind)) for ban in self.problem.forbidden for kind in ("school", "group")
        )
        return frozenset(ban for ban in named if ban[2] is not None)

    def fits(self, calendars: Iterable[str], start: Minute, end: Minute) -> bool:
        """Tell whether `[start, end)` lies inside one window of one of the calendars."""
        for calendar in calendars:
            windows = self.problem.calendars[calendar]
            starts = self._starts.get(calendar)
            if starts is None:
                starts = self._starts[calendar] = [window.start for window in windows]
            at = bisect_right(starts, start) - 1
            if at >= 0 and end <= windows[at].end:
                return True
        return False

    def km(self, a: Position, b: Position) -> float:
        """Give a distance in kilometres."""
        found = self._km.get((a, b))
        if found is None:
            found = self._km[a, b] = km(a, b)
        return found

    def travel(self, a: Position, b: Position) -> int:
        """Give a journey in whole minutes."""
        found = self._travel.get((a, b))
        if found is None:
            found = self._travel[a, b] = travel_minutes(self.policy, a, b)
        return found

    def describe(self, group: Group) -> str:
        """Name a group as a coordinator would."""
        school = self.schools.get(group.school)
        return f"group {group.id} (Year {group.year}, {school.name if school and school.name else group.school})"


@dataclass(frozen=True, slots=True)
class Seating:
    """One attendance of a group, with all that a rule asks of it; `part` means that not the whole group is there."""

    session: Session
    offer: Offer
    group: Group
    students: int

    @property
    def part(self) -> bool:
        """Whether these are fewer (or more) students than the whole group."""
        return self.students != self.group.size

    @property
    def date(self) -> int:
        """The date, as days since 1970-01-01."""
        return self.session.start // MINUTES_A_DAY


class Plan:
    """Sessions by offer, employer, presenter, school and group. Those that name what is not there are left out."""

    def __init__(self, known: Known, sessions: Sequence[Session]) -> None:
        self.known = known
        self.given = sessions
        self.number: dict[str, int] = {}
        self.by_id: dict[str, Session] = {}
        self.of_offer: dict[str, list[Session]] = defaultdict(list)
        self.of_employer: dict[str, list[Session]] = defaultdict(list)
        self.of_presenter: dict[str, list[Session]] = defaultdict(list)
        self.hosted_by: dict[str, list[Session]] = defaultdict(list)
        self.seatings_of_group: dict[str, list[Seating]] = defaultdict(list)
        self.seatings_of_session: dict[str, list[Seating]] = {}
        for number, session in enumerate(sessions):
            offer = known.offers.get(session.offer)
            if offer is not None and session.id not in self.by_id and self._place_known(session, offer):
                self._take(number, session, offer)

    def _place_known(self, session: Session, offer: Offer) -> bool:
        return (session.school in self.known.schools) if offer.mode == "in_school" else session.school is None

    def _take(self, number: int, session: Session, offer: Offer) -> None:
        self.number[session.id] = number
        self.by_id[session.id] = session
        self.of_offer[offer.id].append(session)
        self.of_employer[offer.employer].append(session)
        self.of_presenter[offer.presenter].append(session)
        if session.school is not None:
            self.hosted_by[session.school].append(session)
        seatings = self.seatings_of_session[session.id] = []
        groups = self.known.groups
        for attendance in session.attendances:
            group = groups.get(attendance.group)
            if group is not None:
                seating = Seating(session, offer, group, attendance.students)
                seatings.append(seating)
                self.seatings_of_group[group.id].append(seating)

    def end(self, session: Session) -> Minute:
        """Give the end of a session."""
        return session.start + self.known.offers[session.offer].duration_minutes

    def place(self, session: Session) -> Position | None:
        """Give where a session is: its school, the offer's position, or nowhere."""
        offer = self.known.offers[session.offer]
        if offer.mode == "virtual":
            return None
        return self.known.schools[session.school].position if session.school is not None else offer.position

    def broken(self, code: str, message: str, sessions: Iterable[Session], groups: Iterable[str] = ()) -> Violation:
        """Say that a rule is broken, pointing at the first of the sessions."""
        ids = tuple(session.id for session in sessions)
        pointer = f"/sessions/{self.number[ids[0]]}" if ids else ""
        return Violation(code, message, pointer, ids, tuple(dict.fromkeys(groups)))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a check looks at: a rule about one session takes `sessions`, a rule about an employer takes `employers`, ..."""

    sessions: Collection[str]
    offers: Collection[str]
    employers: Collection[str]
    presenters: Collection[str]
    schools: Collection[str]
    groups: Collection[str]

    @staticmethod
    def of_all(plan: Plan) -> Scope:
        """Look at everything that the plan holds."""
        return Scope(
            plan.by_id.keys(),
            plan.of_offer.keys(),
            plan.of_employer.keys(),
            plan.of_presenter.keys(),
            plan.hosted_by.keys(),
            plan.seatings_of_group.keys(),
        )
