"""What employers are ready to give: offers with their windows, and the pledges of Cornerstone Employers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from services.matching.planning.geometry import km
from services.matching.planning.model import (
    MINUTES_A_DAY,
    Employer,
    Group,
    Meaningful,
    Mode,
    Offer,
    Pledge,
    Policy,
    School,
    Window,
)
from services.matching.planning.scenario.area import EmployerParty
from services.matching.planning.scenario.draw import Draw
from services.matching.planning.scenario.groups import ADJUSTMENTS
from services.matching.planning.scenario.terms import careers_weeks, weeks, window

SEATS_AN_OFFER = 380  # what one offer has on average, all its sessions together, by the kinds below
MORNING, AFTERNOON, ALL_DAY = (8 * 60 + 45, 12 * 60 + 15), (12 * 60 + 30, 15 * 60 + 30), (8 * 60 + 45, 15 * 60 + 30)
MOST_OFFERS = 4
VISIT_REACH_KM = 25
MOST_DRAWS = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of encounter: how often it is offered, and between which numbers its shape is drawn (low, high, step)."""

    mode: Mode
    weight: int
    seats: tuple[int, int, int]
    minutes: tuple[int, ...]
    sessions: tuple[int, int]


KINDS = (
    Kind("in_school", 36, (60, 240, 30), (40, 45, 50, 60), (2, 6)),  # a talk in the hall
    Kind("in_school", 26, (25, 35, 5), (50, 60, 90, 120), (3, 10)),  # a workshop, mock interviews
    Kind("workplace", 20, (15, 40, 5), (90, 120, 180, 240), (2, 6)),  # a visit
    Kind("virtual", 18, (60, 300, 30), (30, 40, 45), (1, 4)),  # a live call
)


@dataclass(frozen=True, slots=True)
class Demand:
    """When how many students of a school can be seen: by day (since 1970), a list of (window, year, students)."""

    school: School
    on: dict[int, list[tuple[Window, int, int]]]

    @classmethod
    def of(cls, school: School, groups: Sequence[Group], calendars: dict[str, tuple[Window, ...]]) -> Demand:
        """Count the students of a school's groups in each of their windows."""
        students: dict[tuple[Window, int], int] = {}
        for group in groups:
            for each in sorted({each for name in group.calendars for each in calendars[name]}):
                students[each, group.year] = students.get((each, group.year), 0) + group.size
        on: dict[int, list[tuple[Window, int, int]]] = {}
        for (each, year), count in students.items():
            on.setdefault(each.start // MINUTES_A_DAY, []).append((each, year, count))
        return cls(school, on)


@dataclass(frozen=True, slots=True)
class Supply:
    """The employers who offer something, their offers, the offers' calendars, and the pledges."""

    employers: tuple[Employer, ...]
    offers: tuple[Offer, ...]
    calendars: dict[str, tuple[Window, ...]]
    pledges: tuple[Pledge, ...]


def make_supply(
    parties: Sequence[EmployerParty],
    demand: Sequence[Demand],
    days: Sequence[date],
    seats: int,
    policy: Policy,
    draw: Draw,
) -> Supply:
    """Draw offers, at least one for each employer, until their sessions together have about `seats` seats.

    Employers look at what schools near them ask for (`demand`) before they name their days.
    """
    scale = seats / (SEATS_AN_OFFER * max(1, len(parties)))
    offers: list[Offer] = []
    calendars: dict[str, tuple[Window, ...]] = {}
    employers = {party.id: _employer(party, policy, draw) for party in parties}
    for number in range(1, MOST_OFFERS + 1):
        for party in draw.shuffled(parties):
            if number > 1 and _seats(offers) >= seats:
                break
            offer = _offer(employers[party.id], number, min(1.0, scale), draw)
            offers.append(offer)
            calendars[offer.id] = _suitable_windows(offer, employers[party.id], demand, days, draw)
    offers = _fit(offers, seats, draw)
    return Supply(tuple(_limited(employers, offers, draw)), tuple(sorted(offers, key=_id)), calendars, ())


def make_pledges(supply: Supply, schools: Sequence[School], policy: Policy, cornerstones: int) -> tuple[Pledge, ...]:
    """Let the employers with the most seats pledge four fifths of them, the disadvantaged schools they reach first."""
    seats: dict[str, int] = {}
    for offer in supply.offers:
        seats[offer.employer] = seats.get(offer.employer, 0) + offer.max_sessions * offer.seats
    chosen = sorted(supply.employers, key=lambda employer: (-seats[employer.id], employer.id))[:cornerstones]
    return tuple(
        Pledge(employer.id, max(1, seats[employer.id] * 4 // 5), frozenset(_first(employer, schools, policy)))
        for employer in sorted(chosen, key=_id)
    )


def _first(employer: Employer, schools: Sequence[School], policy: Policy) -> list[str]:
    """Name up to four schools to be served first: the nearest disadvantaged ones, or else the nearest of all."""
    poor = [school for school in schools if school.fsm_share >= policy.disadvantaged_from]
    near = sorted(poor or schools, key=lambda school: (round(km(employer.position, school.position)), school.id))
    return [school.id for school in near[:4]]


def _employer(party: EmployerParty, policy: Policy, draw: Draw) -> Employer:
    return Employer(
        id=party.id,
        name=party.name,
        position=party.position,
        sectors=frozenset(party.sectors),
        radius_km=Decimal(draw.weighted(((8, 2), (10, 3), (12, 3), (15, 4), (20, 4), (25, 2), (40, 1)))),
        stem=not set(policy.stem_sectors).isdisjoint(party.sectors),
        max_sessions_per_day=draw.between(1, 3) if draw.chance(0.4) else None,
    )


def _offer(employer: Employer, number: int, scale: float, draw: Draw) -> Offer:
    kind = draw.weighted([(kind, kind.weight) for kind in KINDS])
    first_year = draw.between(7, 11)
    years = range(7, 14) if draw.chance(0.3) else range(first_year, min(13, first_year + draw.between(1, 4)) + 1)
    return Offer(
        id=f"{employer.id}-A{number}",
        employer=employer.id,
        mode=kind.mode,
        calendars=(f"{employer.id}-A{number}",),
        duration_minutes=draw.pick(kind.minutes),
        max_sessions=max(1, int(scale * draw.between(*kind.sessions) + 0.5)),
        seats=draw.step(*kind.seats),
        years=frozenset(years),
        max_schools={"in_school": 1, "workplace": 2, "virtual": None}[kind.mode],
        position=employer.position,
        presenter=f"{employer.id}-P{number}" if number > 1 and draw.chance(0.6) else employer.id,
        adjustments=frozenset(adjustment for adjustment in ADJUSTMENTS if draw.chance(0.55)),
        meaningful=Meaningful(
            purpose=draw.chance(0.95),
            outcomes=draw.chance(0.9),
            interaction=draw.chance(0.9),
            reflection=draw.chance(0.8),
        ),
    )


def _suitable_windows(
    offer: Offer, employer: Employer, demand: Sequence[Demand], days: Sequence[date], draw: Draw
) -> tuple[Window, ...]:
    """Draw windows, and again while too few students near the employer could be seen in them to fill the seats."""
    reach = employer.radius_km if offer.mode == "in_school" else Decimal(VISIT_REACH_KM)
    near = [at for at in demand if offer.mode == "virtual" or km(employer.position, at.school.position) <= reach]
    drawn = [_windows(offer, days, draw)]
    while len(drawn) < MOST_DRAWS and _fillable(offer, drawn[-1], near) < offer.seats * offer.max_sessions:
        drawn.append(_windows(offer, days, draw))
    return max(drawn, key=lambda windows: _fillable(offer, windows, near))


def _fillable(offer: Offer, windows: Sequence[Window], near: Sequence[Demand]) -> int:
    """Reckon how many seats students of single schools could take in the offer's best sessions, one a school and day."""
    by_day = {each.start // MINUTES_A_DAY: each for each in windows}
    fillings = []
    for at in near:
        for day, mine in by_day.items():
            students = sum(
                students
                for theirs, year, students in at.on.get(day, ())
                if year in offer.years
                and min(mine.end, theirs.end) - max(mine.start, theirs.start) >= offer.duration_minutes
            )
            fillings.append(min(offer.seats, students))
    return sum(sorted(fillings, reverse=True)[: offer.max_sessions])


def _windows(offer: Offer, days: Sequence[date], draw: Draw) -> tuple[Window, ...]:
    """Draw when an offer stands: a weekday over some weeks, single days, or any day of two or three weeks.

    Visits need more time than a lesson, so they stand in the weeks in which schools have their careers days.
    """
    length = offer.duration_minutes
    part = ALL_DAY if offer.mode == "workplace" or length > 120 else draw.pick((MORNING, MORNING, AFTERNOON, ALL_DAY))
    form = draw.weighted((("weekday", 55), ("days", 25), ("any", 20)))
    if offer.mode == "workplace":
        chosen = [day for week in draw.some(careers_weeks(days), draw.between(2, 4)) for day in week]
    elif form == "weekday":
        weekday, run = draw.between(0, 4), draw.between(5, 12)
        dates = [day for day in days if day.weekday() == weekday]
        first = draw.between(0, max(0, len(dates) - run))
        chosen = dates[first : first + run]
    elif form == "days":
        busy = [day for week in careers_weeks(days) for day in week]
        chosen = draw.some(busy if draw.chance(0.75) else days, draw.between(2, 6))
    else:
        run = draw.between(2, 3)
        found = weeks(days)
        first = draw.between(0, max(0, len(found) - run))
        chosen = [day for week in found[first : first + run] for day in week]
    return tuple(window(day, *part) for day in sorted(chosen))


def _seats(offers: Sequence[Offer]) -> int:
    return sum(offer.seats * offer.max_sessions for offer in offers)


def _fit(offers: list[Offer], seats: int, draw: Draw) -> list[Offer]:
    """Add or take away sessions here and there, then shrink rooms, until there are about `seats` seats in all."""
    order = draw.shuffled(range(len(offers)))
    total = _seats(offers)
    at = 0
    while offers and total < seats:
        offer = offers[order[at % len(order)]]
        offers[order[at % len(order)]] = replace(offer, max_sessions=offer.max_sessions + 1)
        total += offer.seats
        at += 1
    for place in order:
        offer = offers[place]
        spare = min(offer.max_sessions - 1, (total - seats) // offer.seats)
        if spare > 0:
            offers[place] = replace(offer, max_sessions=offer.max_sessions - spare)
            total -= spare * offer.seats
    if total > 1.02 * seats:
        return [replace(offer, seats=max(min(30, offer.seats), offer.seats * seats // total)) for offer in offers]
    return offers


def _limited(employers: dict[str, Employer], offers: Sequence[Offer], draw: Draw) -> list[Employer]:
    """Let one employer in five say a limit in all that is a little below what its offers add up to."""
    sessions: dict[str, int] = {}
    for offer in offers:
        sessions[offer.employer] = sessions.get(offer.employer, 0) + offer.max_sessions
    return [
        replace(employer, max_sessions=max(1, sessions[employer.id] * 4 // 5)) if draw.chance(0.2) else employer
        for employer in sorted(employers.values(), key=_id)
    ]


def _id(record: Employer | Offer) -> str:
    return record.id
