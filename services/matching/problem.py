"""The planning problem of a hub, built from what matching knows. Pure: the same projection gives the same problem.

Calendars are named `{urn}:{name}` for a school's and by the offer's id for an offer's. Where exams cut a school's
calendar, the year has one of its own, `{urn}:{name}@Y11`; where a returned "not this time" cuts it, the group has one,
`{urn}:{name}@{group}`. What people have been told stays possible through `{group}@told`.

Once something is in force, planning is a repair: no new session starts before now plus the hub's notice. A session has
taken place when it was told before it started and it has started; such sessions are pinned, offers withdrawn since
included. Sessions told for the days of notice keep their place but are not pinned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.matching.agreed import Agreed, ReturnedSession, Told
from services.matching.calendars import Calendars, GroupTimes, Stretch
from services.matching.planning.clock import Clock
from services.matching.planning.geometry import travel_minutes
from services.matching.planning.model import (
    Forbidden,
    Group,
    Hub,
    Minute,
    Offer,
    Pin,
    Pledge,
    Problem,
    Session,
    Window,
)
from services.matching.planning.references import sessions_of_pins
from services.matching.planning.rules import check_pins
from services.matching.planning.scenario.terms import Term, school_days
from services.matching.records import employer_of, group_of, offer_of, policy_of, school_of
from services.matching.windows import holding, joined
from shared.events.facts import (
    AvailabilityRegistered,
    EmployerRegistered,
    HubRegistered,
    PledgeRegistered,
    RequestRegistered,
    SchoolDescribed,
    SchoolRegistered,
)


@dataclass(frozen=True, slots=True)
class Projection:
    """All that matching knows of one hub's academic year; `withdrawn` are availabilities taken back."""

    hub: HubRegistered
    schools: Sequence[SchoolRegistered] = ()
    profiles: Mapping[str, SchoolDescribed] = field(default_factory=dict)
    requests: Sequence[RequestRegistered] = ()
    employers: Mapping[str, EmployerRegistered] = field(default_factory=dict)
    availabilities: Sequence[AvailabilityRegistered] = ()
    withdrawn: Sequence[AvailabilityRegistered] = ()
    pledges: Sequence[PledgeRegistered] = ()
    returned: Sequence[ReturnedSession] = ()
    pinned: Sequence[Agreed] = ()
    in_force: Sequence[Told] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """A problem, and the encounters (pinned, or taken place) whose pins can't be kept any more, each with the reason."""

    problem: Problem
    lost_pins: Mapping[str, str]


def build_problem(projection: Projection, now: datetime, not_before: Minute | None = None) -> Built:
    """Build the problem that a plan made at `now` (the hub's local time, without offset) is to solve.

    `not_before` keeps new sessions from starting earlier, in a first plan too (None: it may use the whole year).
    """
    return _Builder(projection, now, not_before).build()


def first_start(hub: HubRegistered, now: datetime) -> Minute:
    """Give the first moment for new sessions: the last day of the hub's notice, counted in school days after today.

    Without notice it is now. Where the year has fewer school days left, it lies after the last term.
    """
    if hub.notice_school_days == 0:
        return local_minute(now)
    days = school_days([Term(term.start, term.end) for term in hub.terms])
    later = [day for day in days if day > now.date()]
    if len(later) < hub.notice_school_days:
        day = max([now.date(), *(term.end for term in hub.terms)]) + timedelta(days=1)
    else:
        day = later[hub.notice_school_days - 1]
    return local_minute(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - local time of the hub


def local_minute(moment: datetime) -> Minute:
    """Give the minute of a local time without offset."""
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock arithmetic, no zone
    return int((moment.replace(tzinfo=None) - epoch).total_seconds() // 60)


class _Builder:
    def __init__(self, projection: Projection, now: datetime, not_before: Minute | None) -> None:
        self._known = projection
        self._horizon = not_before
        if projection.in_force:
            notice = first_start(projection.hub, now)
            self._horizon = notice if not_before is None else max(notice, not_before)
        self._policy = policy_of(projection.hub.policy, repair=bool(projection.in_force))
        self._calendars = Calendars(Clock(projection.hub.time_zone), self._horizon)
        self._schools = {
            fact.school: school_of(fact, projection.profiles.get(fact.school)) for fact in projection.schools
        }
        moment = local_minute(now)
        self._done = {
            told.agreed.encounter: told.agreed
            for told in projection.in_force
            if told.told_at < told.agreed.start <= moment
        }
        self._kept_by_offer: dict[str, list[Agreed]] = defaultdict(list)
        self._kept_by_group: dict[str, list[Agreed]] = defaultdict(list)
        for agreed in self._kept().values():
            self._kept_by_offer[agreed.session.offer].append(agreed)
            for attendance in agreed.session.attendances:
                self._kept_by_group[attendance.group].append(agreed)
        self._taken: dict[str, list[Stretch]] = defaultdict(list)
        for returned in projection.returned:
            if returned.why == "not_this_time":
                for attendance in returned.agreed.session.attendances:
                    self._taken[attendance.group].append((returned.agreed.start, returned.agreed.end))

    def _kept(self) -> dict[str, Agreed]:
        """Sessions that took place, and those told or pinned for a time before new ones may start."""
        agreed = [told.agreed for told in self._known.in_force] + list(self._known.pinned)
        if self._horizon is None:
            return {}
        soon = {one.encounter: one for one in agreed if one.start < self._horizon}
        return {**soon, **self._done}

    def build(self) -> Built:
        offers = self._offers()
        groups = tuple(
            self._group(request, offers)
            for request in sorted(self._known.requests, key=lambda fact: fact.group)
            if request.school in self._schools
        )
        placed = tuple(self._with_windows(offers[id_], fact) for id_, fact in self._offer_facts(offers))
        pledges = sorted(self._known.pledges, key=lambda fact: fact.employer)
        named = {offer.employer for offer in placed} | {fact.employer for fact in pledges}
        employers = {
            id_: employer_of(fact, self._policy) for id_, fact in self._known.employers.items() if id_ in named
        }
        problem = Problem(
            hub=Hub(self._known.hub.hub, self._known.hub.name, self._known.hub.time_zone),
            academic_year=self._known.hub.academic_year,
            policy=self._policy,
            calendars=self._calendars.all(),
            schools=tuple(school for _, school in sorted(self._schools.items())),
            groups=groups,
            employers=tuple(employer for _, employer in sorted(employers.items())),
            offers=placed,
            pledges=tuple(
                Pledge(fact.employer, fact.students, frozenset(fact.schools_first) & self._schools.keys())
                for fact in pledges
                if fact.employer in employers
            ),
            in_force=self._in_force(),
        )
        problem = replace(problem, forbidden=tuple(self._forbidden(problem)))
        return _pin(problem, [*self._done.values(), *self._known.pinned])

    def _offers(self) -> dict[str, Offer]:
        """Offers that stand, and of those withdrawn what has taken place; an employer not known yet has none."""
        offers: dict[str, Offer] = {}
        for fact in self._known.withdrawn:
            held = sum(agreed.session.offer == fact.availability for agreed in self._done.values())
            if held and fact.employer in self._known.employers:
                offers[fact.availability] = replace(
                    offer_of(fact, self._known.employers[fact.employer]), max_sessions=held
                )
        for fact in self._known.availabilities:
            if fact.employer in self._known.employers:
                offers[fact.availability] = offer_of(fact, self._known.employers[fact.employer])
        return offers

    def _offer_facts(self, offers: Mapping[str, Offer]) -> list[tuple[str, AvailabilityRegistered | None]]:
        standing = {fact.availability: fact for fact in self._known.availabilities}
        return [(id_, standing.get(id_)) for id_ in sorted(offers)]

    def _with_windows(self, offer: Offer, fact: AvailabilityRegistered | None) -> Offer:
        """Give an offer its calendar: when it stands, from the horizon on, and the sessions kept before."""
        windows = self._calendars.laid_out(fact.windows) if fact else ()
        kept = []
        for agreed in self._kept_by_offer[offer.id]:
            start, end = agreed.start, agreed.start + offer.duration_minutes
            if agreed.encounter in self._done or holding(windows, start, end):
                kept.append(Window(start, end))
        ahead = self._calendars.ahead(windows)
        return replace(offer, calendars=(self._calendars.add(offer.id, joined([*ahead, *kept]) if kept else ahead),))

    def _group(self, fact: RequestRegistered, offers: Mapping[str, Offer]) -> Group:
        profile = self._known.profiles.get(fact.school)
        times = GroupTimes((), ())
        if profile:
            times = self._calendars.of_group(fact.group, fact.year, fact.calendars, profile, self._taken[fact.group])
        kept = joined(self._kept_windows(fact, times, offers))
        calendars = times.calendars
        if kept:
            calendars = (*calendars, self._calendars.add(f"{fact.group}@told", kept))
        return group_of(fact, calendars, self._policy)

    def _kept_windows(
        self, fact: RequestRegistered, times: GroupTimes, offers: Mapping[str, Offer]
    ) -> Iterable[Window]:
        """Find the group's windows around its kept sessions; what took place, did so whatever the windows say now."""
        for agreed in self._kept_by_group[fact.group]:
            offer = offers.get(agreed.session.offer)
            if offer is None:
                continue
            journey = 0
            if offer.mode == "workplace":
                journey = travel_minutes(self._policy, offer.position, self._schools[fact.school].position)
            around = Window(agreed.start - journey, agreed.start + offer.duration_minutes + journey)
            window = holding(times.windows, around.start, around.end)
            if window:
                yield window
            elif agreed.encounter in self._done:
                yield around

    def _in_force(self) -> tuple[Session, ...] | None:
        sessions = sorted((told.agreed.session for told in self._known.in_force), key=lambda session: session.id)
        return tuple(sessions) or None

    def _forbidden(self, problem: Problem) -> list[Forbidden]:
        """Offer and school, or offer and group, of sessions returned as no match; only what the problem still has."""
        offers, groups = {offer.id for offer in problem.offers}, {group.id for group in problem.groups}
        found: set[tuple[str, str, str]] = set()
        for returned in self._known.returned:
            session = returned.agreed.session
            if returned.why != "not_this_match" or session.offer not in offers:
                continue
            if session.school is None:
                found |= {(session.offer, "", each.group) for each in session.attendances if each.group in groups}
            elif session.school in self._schools:
                found.add((session.offer, session.school, ""))
        return [Forbidden(offer, school or None, group or None) for offer, school, group in sorted(found)]


def _pin(problem: Problem, wanted: Iterable[Agreed]) -> Built:
    """Pin sessions; those that can't hold any more (facts have changed) are given up one by one, the latest wish first."""
    offers, groups = {offer.id for offer in problem.offers}, {group.id for group in problem.groups}
    pins: dict[str, list[Pin]] = {}
    lost: dict[str, str] = {}
    places: dict[tuple[str, Minute, str | None], str] = {}
    for agreed in wanted:
        session = agreed.session
        attendances = [each for each in session.attendances if each.group in groups]
        if session.offer not in offers or not attendances:
            lost[agreed.encounter] = f"offer {session.offer} or the groups of its session are withdrawn"
            continue
        place = (session.offer, session.start, session.school)
        if places.setdefault(place, agreed.encounter) == agreed.encounter:
            pins[agreed.encounter] = [
                Pin(session.offer, session.start, session.school, each.group, each.students) for each in attendances
            ]
    while True:
        pinned = replace(problem, pinned=tuple(sorted((pin for some in pins.values() for pin in some), key=_pin_order)))
        sessions, pins_of = sessions_of_pins(pinned)
        violations = check_pins(pinned, sessions) if sessions else []
        if not violations:
            return Built(pinned, lost)
        broken = violations[0]
        named = [places[_place(pinned.pinned[pins_of[session][0]])] for session in broken.sessions]
        given_up = next((encounter for encounter in reversed(pins) if encounter in named), next(reversed(pins)))
        del pins[given_up]
        lost[given_up] = broken.message


def _place(pin: Pin) -> tuple[str, Minute, str | None]:
    return pin.offer, pin.start, pin.school


def _pin_order(pin: Pin) -> tuple[str, Minute, str, str]:
    return pin.offer, pin.start, pin.school or "", pin.group
