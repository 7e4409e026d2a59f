"""Planted problems: a timetable that covers every student is drawn first, and then hidden among wider offers.

So the best possible is known without solving: all students. Every offer has exactly the sessions that the hidden
timetable uses, seats for its fullest one, and windows on more days than it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from services.matching.planning.geometry import km, travel_minutes
from services.matching.planning.model import (
    MINUTES_A_DAY,
    Attendance,
    Employer,
    Group,
    Mode,
    Offer,
    Problem,
    School,
    Session,
    Window,
)
from services.matching.planning.scenario.build import fictional_area
from services.matching.planning.scenario.draw import Draw
from services.matching.planning.scenario.groups import ADJUSTMENTS

STEP_MINUTES = 5
MOST_SESSIONS = 8
VIRTUAL_SEATS = 150
DURATIONS: dict[Mode, tuple[int, ...]] = {"in_school": (40, 45, 50), "workplace": (90, 120), "virtual": (30, 40)}


@dataclass(frozen=True, slots=True)
class Planted:
    """A problem, and sessions that keep every hard rule of it and cover every student."""

    problem: Problem
    sessions: tuple[Session, ...]


@dataclass(slots=True)
class _Visit:
    """Groups of one school (a call: of several) that are to be seen together in a window that all of them have."""

    mode: Mode
    school: School
    groups: tuple[Group, ...]
    window: Window

    @property
    def size(self) -> int:
        return sum(group.size for group in self.groups)

    @property
    def adjustments(self) -> frozenset[str]:
        return frozenset[str]().union(*(group.adjustments for group in self.groups))


@dataclass(slots=True)
class _Open:
    """An offer that is being filled; `busy` are its presenter's sessions as (start, end, school or None)."""

    employer: Employer
    mode: Mode
    duration: int
    seats: int
    most: int
    sessions: list[tuple[int, _Visit]] = field(default_factory=list)


def planted_problem(schools: int = 12, seed: int = 1) -> Planted:
    """Draw a problem whose best plan covers every student, and that plan; the same for the same arguments."""
    base = fictional_area(schools, seed).problem
    draw = Draw("planted", schools, seed)
    hosted: dict[str, list[Window]] = {school.id: [] for school in base.schools}
    offers: list[_Open] = []
    for visit in draw.shuffled(_visits(base, draw)):
        if not any(_place(offer, visit, base, hosted, draw) for offer in _near(offers, visit, draw)):
            offer = _open(visit, base, len(offers), draw)
            offers.append(offer)
            while not _place(offer, visit, base, hosted, draw):  # the school is full at that time: see them another day
                visit.window = draw.pick(_windows(base, visit.groups[0]))
    return _hide(base, offers, draw)


def _visits(base: Problem, draw: Draw) -> list[_Visit]:
    """Put every group into one visit: a whole day out, a live call over several schools, or a talk at its school."""
    schools = {school.id: school for school in base.schools}
    left: dict[tuple[str, tuple[str, ...]], list[Group]] = {}
    calls: list[Group] = []
    visits: list[_Visit] = []
    for group in base.groups:
        whole_days = [window for window in _windows(base, group) if window.end - window.start >= 300]
        if whole_days and "workplace" in group.modes and draw.chance(0.4):
            visits.append(_Visit("workplace", schools[group.school], (group,), draw.pick(whole_days)))
        elif "virtual" in group.modes and draw.chance(0.15):
            calls.append(group)
        else:
            left.setdefault((group.school, group.calendars), []).append(group)
    for (school, _), groups in left.items():
        while groups:
            together = tuple(groups[: draw.between(1, 6)])
            del groups[: len(together)]
            visits.append(_Visit("in_school", schools[school], together, draw.pick(_windows(base, together[0]))))
    return visits + _calls(base, calls, schools, draw)


def _calls(base: Problem, groups: list[Group], schools: dict[str, School], draw: Draw) -> list[_Visit]:
    """Bring groups of several schools together that can be seen at the same time."""
    visits = []
    while groups:
        first = groups.pop(draw.between(0, len(groups) - 1))
        common, together, seats = draw.pick(_windows(base, first)), [first], first.size
        for other in list(groups):
            overlaps = [_common(common, window) for window in _windows(base, other)]
            best = max(overlaps, key=lambda window: window.end - window.start)
            if best.end - best.start >= 40 and seats + other.size <= VIRTUAL_SEATS:
                common, seats = best, seats + other.size
                together.append(other)
                groups.remove(other)
        visits.append(_Visit("virtual", schools[first.school], tuple(together), common))
    return visits


def _common(one: Window, other: Window) -> Window:
    start = max(one.start, other.start)
    return Window(start, max(start, min(one.end, other.end)))


def _near(offers: Sequence[_Open], visit: _Visit, draw: Draw) -> Iterable[_Open]:
    """Name the offers that could take a visit: of its kind, not full, of about its size, near its school."""
    suitable = [
        offer
        for offer in offers
        if offer.mode == visit.mode
        and len(offer.sessions) < offer.most
        and 0.7 * offer.seats <= visit.size <= offer.seats
        and (visit.mode == "virtual" or km(offer.employer.position, visit.school.position) <= 10)
    ]
    return draw.shuffled(suitable)


def _open(visit: _Visit, base: Problem, number: int, draw: Draw) -> _Open:
    template = draw.pick(base.employers)
    latitude, longitude = visit.school.position
    position = (
        round(latitude + (draw.share() - 0.5) * 0.05, 6),
        round(longitude + (draw.share() - 0.5) * 0.08, 6),
    )
    employer = replace(
        template,
        id=f"E{number + 1:04d}",
        name=f"{template.name} {number + 1}",
        position=position,
        radius_km=Decimal(draw.pick((12, 15, 20))),
        max_sessions_per_day=None,
        max_sessions=None,
    )
    seats = -(-visit.size // 5) * 5 if draw.chance(0.5) else visit.size
    return _Open(employer, visit.mode, draw.pick(DURATIONS[visit.mode]), seats, draw.between(2, MOST_SESSIONS))


def _place(offer: _Open, visit: _Visit, base: Problem, hosted: dict[str, list[Window]], draw: Draw) -> bool:
    """Give a visit a start in an offer where the presenter and the school are free; tell whether there is one."""
    out = (
        travel_minutes(base.policy, visit.school.position, offer.employer.position) if offer.mode == "workplace" else 0
    )
    starts = [
        start
        for start in range(visit.window.start, visit.window.end, STEP_MINUTES)
        if start - out >= visit.window.start and start + offer.duration + out <= visit.window.end
    ]
    for start in draw.shuffled(starts):
        taken = Window(start, start + offer.duration)
        if not _presenter_free(offer, visit, taken, base):
            continue
        if offer.mode == "in_school":
            overlapping = [other for other in hosted[visit.school.id] if _overlap(taken, other)]
            if len(overlapping) >= visit.school.hosting_limit:
                continue
            hosted[visit.school.id].append(taken)
        offer.sessions.append((start, visit))
        return True
    return False


def _presenter_free(offer: _Open, visit: _Visit, taken: Window, base: Problem) -> bool:
    for start, other in offer.sessions:
        moving = offer.mode == "in_school"
        gap = travel_minutes(base.policy, visit.school.position, other.school.position) if moving else 0
        if start < taken.end + gap and taken.start < start + offer.duration + gap:
            return False
    return True


def _overlap(one: Window, other: Window) -> bool:
    return one.start < other.end and other.start < one.end


def _hide(base: Problem, filled: Sequence[_Open], draw: Draw) -> Planted:
    """Write the offers down with more years, adjustments and days than the hidden sessions need."""
    offers: list[Offer] = []
    calendars: dict[str, tuple[Window, ...]] = {}
    sessions: list[Session] = []
    for found in filled:
        name = f"{found.employer.id}-A1"
        years = {group.year for _, visit in found.sessions for group in visit.groups}
        needs = frozenset[str]().union(*(visit.adjustments for _, visit in found.sessions))
        offers.append(
            Offer(
                id=name,
                employer=found.employer.id,
                mode=found.mode,
                calendars=(name,),
                duration_minutes=found.duration,
                max_sessions=len(found.sessions),
                seats=max(visit.size for _, visit in found.sessions),
                years=frozenset(years | {draw.between(7, 13)}),
                max_schools={"in_school": 1, "workplace": 2, "virtual": None}[found.mode],
                position=found.employer.position,
                presenter=found.employer.id,
                adjustments=needs | {draw.pick(ADJUSTMENTS)},
            )
        )
        calendars[name] = _hidden_windows(found, base, draw)
        sessions.extend(
            Session(
                id=f"{name}-{number}",
                offer=name,
                start=start,
                school=visit.school.id if found.mode == "in_school" else None,
                attendances=tuple(Attendance(group.id, group.size) for group in visit.groups),
            )
            for number, (start, visit) in enumerate(sorted(found.sessions, key=lambda pair: pair[0]), start=1)
        )
    schools = {name: windows for name, windows in base.calendars.items() if ":" in name}
    problem = replace(
        base,
        calendars=dict(sorted((schools | calendars).items())),
        employers=tuple(found.employer for found in filled),
        offers=tuple(offers),
        pledges=(),
    )
    return Planted(problem, tuple(sessions))


def _hidden_windows(found: _Open, base: Problem, draw: Draw) -> tuple[Window, ...]:
    """Return half-days that hold the sessions, and as many again on other days in use."""
    in_use = sorted({window.start // MINUTES_A_DAY for windows in base.calendars.values() for window in windows})
    stretches = {
        start // MINUTES_A_DAY: (start % MINUTES_A_DAY, start % MINUTES_A_DAY + found.duration)
        for start, _ in found.sessions
    }
    for start, _ in found.sessions:
        day, at = divmod(start, MINUTES_A_DAY)
        low, high = stretches[day]
        stretches[day] = (min(low, at), max(high, at + found.duration))
    for day in draw.some(in_use, len(stretches)):
        stretches.setdefault(day, draw.pick(list(stretches.values())))
    return tuple(
        Window(
            day * MINUTES_A_DAY + low - 5 * draw.between(0, 12),
            day * MINUTES_A_DAY + high + 5 * draw.between(0, 12),
        )
        for day, (low, high) in sorted(stretches.items())
    )


def _windows(base: Problem, group: Group) -> list[Window]:
    return [window for name in group.calendars for window in base.calendars[name]]
