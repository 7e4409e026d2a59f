"""When a school's students can be seen, and in which groups: calendars, groups, and what they still need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from services.matching.planning.model import Group, Mode, School, Window
from services.matching.planning.scenario.area import Absence, SchoolParty, SchoolProfile
from services.matching.planning.scenario.draw import Draw
from services.matching.planning.scenario.terms import careers_weeks, weeks, window

ADJUSTMENTS = ("hearing loop", "quiet space", "step-free access")
SECTORS_ASKED = (("C", 9), ("F", 7), ("G", 4), ("I", 4), ("J", 12), ("K", 4), ("M", 9), ("O", 4), ("Q", 12), ("R", 8))
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
MOST_IN_A_GROUP = 30
NEVER_AGAIN = (11, 13)  # year groups that leave for their exams in May

Lesson = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SchoolYear:
    """One school's part of a problem, and its profile."""

    school: School
    profile: SchoolProfile
    groups: tuple[Group, ...]
    calendars: dict[str, tuple[Window, ...]]


def make_school_year(party: SchoolParty, days: Sequence[date], draw: Draw) -> SchoolYear:
    """Draw a school's bell times, closures and exams, and the groups and calendars that follow from them."""
    profile = _profile(party, days, draw)
    open_days = [day for day in days if day not in profile.closures]
    careers = [draw.pick(week) for week in draw.some(careers_weeks(open_days), draw.between(2, 4))]
    together = draw.pick(_slots(profile.bell, party.special)) if draw.chance(0.35) else None
    groups: list[Group] = []
    calendars: dict[str, tuple[Window, ...]] = {}
    for year in party.years:
        seen = [day for day in open_days if not _away(profile, year, day)]
        sizes = _group_sizes(party, year, draw)
        year_calendars = _year_calendars(party, year, len(sizes), seen, careers, together, profile.bell, draw)
        calendars.update({name: found for _, found, name in year_calendars})
        named = [(band, name) for band, _, name in year_calendars]
        groups.extend(_groups(party, year, sizes, named, draw))
    school = School(
        id=party.urn,
        name=party.name,
        position=party.position,
        hosting_limit=profile.hosting_limit,
        fsm_share=party.fsm_percent / 100,
        special=party.special,
    )
    return SchoolYear(school, profile, tuple(groups), calendars)


def _profile(party: SchoolParty, days: Sequence[date], draw: Draw) -> SchoolProfile:
    starts = [week[0] for week in weeks(days)]
    inset = {days[0], *draw.some(starts[2:-2], 2), *draw.some([week[-1] for week in weeks(days)][4:-2], 2)}
    return SchoolProfile(
        party=party,
        hosting_limit=1 if party.special else draw.between(2, 4),
        closures=tuple(sorted(inset)),
        bell=_bell(draw),
        absences=tuple(_absences(party.years, days, draw)),
        contact_email=f"{party.urn}@example.org",
    )


def _bell(draw: Draw) -> tuple[Lesson, ...]:
    """Draw a school day: five or six lessons, a break of 20 minutes, lunch of 40 or 50."""
    length, lessons = draw.pick(((60, 5), (60, 5), (50, 6), (55, 5)))
    at = draw.step(8 * 60 + 30, 9 * 60 + 5, 5)
    lunch = draw.pick((40, 50))
    bell = []
    for lesson in range(1, lessons + 1):
        bell.append((at, at + length))
        at += length + (20 if lesson == 2 else lunch if lesson == lessons - 1 else 0)
    return tuple(bell)


def _absences(years: Sequence[int], days: Sequence[date], draw: Draw) -> list[Absence]:
    """Mock exams take two weeks in winter, the public exams all that is left from mid-May."""
    found = []
    mocks = weeks([day for day in days if day.month in (11, 12, 1, 2)])
    in_may = [day for day in days if day.month == 5 and day.day >= 10] or [days[-1]]
    for year in years:
        if year in NEVER_AGAIN:
            first = mocks[draw.between(0, len(mocks) - 2)][0]
            found.append(Absence(year, first, first + timedelta(days=11), "mock exams"))
            found.append(Absence(year, in_may[0], days[-1], "public exams"))
    return found


def _away(profile: SchoolProfile, year: int, day: date) -> bool:
    return any(absence.year == year and absence.start <= day <= absence.end for absence in profile.absences)


def _slots(bell: Sequence[Lesson], special: bool) -> list[tuple[int, Lesson]]:
    """List the lessons of a week that may be the weekly PSHE period; in a special school a double one."""
    lessons = [(bell[0][0], bell[1][1]), (bell[-2][0], bell[-1][1])] if special else list(bell)
    return [(weekday, lesson) for weekday in range(5) for lesson in lessons]


def _year_calendars(
    party: SchoolParty,
    year: int,
    groups: int,
    seen: Sequence[date],
    careers: Sequence[date],
    together: tuple[int, Lesson] | None,
    bell: Sequence[Lesson],
    draw: Draw,
) -> list[tuple[str, tuple[Window, ...], str]]:
    """Return a year group's calendars as (band, windows, id): band `A` or `B` where half the year is seen at a time.

    The band of a careers day is empty: it is for the whole year.
    """
    bands = ("A", "B") if together is None and groups >= 6 and draw.chance(0.4) else ("A",)
    found = []
    for band in bands:
        weekday, (start, end) = together or draw.pick(_slots(bell, party.special))
        name = f"{party.urn}:Y{year}{band if len(bands) > 1 else ''}-PSHE-{WEEKDAYS[weekday]}"
        found.append((band, tuple(window(day, start, end) for day in seen if day.weekday() == weekday), name))
    whole_day = [day for day in draw.some(careers, draw.between(0, 2)) if day in seen]
    if whole_day:
        lunch = [(bell[0][0], bell[-2][1]), (bell[-1][0], bell[-1][1])]
        parts = [(bell[0][0], bell[-1][1])] if draw.chance(0.6) else lunch
        windows = tuple(window(day, *part) for day in sorted(whole_day) for part in parts)
        found.append(("", windows, f"{party.urn}:Y{year}-careers-day"))
    return [(band, windows, name) for band, windows, name in found if windows]


def _group_sizes(party: SchoolParty, year: int, draw: Draw) -> list[int]:
    """Cut a year group into groups of near-equal size: about 25 in Years 7 to 11, 22 in the sixth form, 8 if special."""
    students = max(1, party.students_a_year if year <= 11 else party.sixth_form_a_year)
    students = max(1, students + draw.between(-(students // 25), students // 25))
    target = 8 if party.special else 25 if year <= 11 else 22
    count = max(1, (students + target // 2) // target)
    count = max(count, -(-students // MOST_IN_A_GROUP))
    return [students // count + (1 if at < students % count else 0) for at in range(count)]


def _groups(
    party: SchoolParty, year: int, sizes: Sequence[int], named: Sequence[tuple[str, str]], draw: Draw
) -> list[Group]:
    bands = [name for band, name in named if band]
    careers = [name for band, name in named if not band]
    asked = [draw.weighted(SECTORS_ASKED) for _ in range(draw.between(1, 3))]
    needed = 2 if draw.chance(0.15) else 1
    groups = []
    for at, size in enumerate(sizes):
        weekly = [bands[at * len(bands) // len(sizes)]] if bands else []
        only_careers = bool(careers) and draw.chance(0.1)
        groups.append(
            Group(
                id=f"{party.urn}-Y{year}-{at + 1:02d}",
                school=party.urn,
                year=year,
                size=size,
                calendars=tuple(sorted(careers if only_careers else weekly + careers)),
                needed=needed,
                sectors_asked=frozenset(asked),
                sectors_met=frozenset(draw.weighted(SECTORS_ASKED) for _ in range(draw.between(0, 2))),
                stem_needed=draw.chance(0.3),
                modes=_modes(year, draw),
                adjustments=_adjustments(party, draw),
                max_travel_km=Decimal(10 if party.special else 25),
                may_split=not party.special and draw.chance(0.12),
            )
        )
    return groups


def _modes(year: int, draw: Draw) -> frozenset[Mode]:
    """Three in ten groups of Years 7 and 8 stay at school; one in twenty of the others wants no screen."""
    if year <= 8 and draw.chance(0.3):
        return frozenset({"in_school", "virtual"})
    if draw.chance(0.05):
        return frozenset({"in_school", "workplace"})
    return frozenset({"in_school", "workplace", "virtual"})


def _adjustments(party: SchoolParty, draw: Draw) -> frozenset[str]:
    if party.special:
        return frozenset(draw.some(ADJUSTMENTS, draw.between(0, 2)))
    return frozenset({draw.pick(ADJUSTMENTS)} if draw.chance(0.03) else ())
