"""Term dates, school days and the days on which a school sees nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import holidays

from services.matching.planning.model import MINUTES_A_DAY, Minute, Window

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A stretch of dates in which schools are open, first and last day included."""

    start: date
    end: date


FICTIONAL_TERMS = (
    Term(date(2026, 9, 2), date(2026, 10, 23)),
    Term(date(2026, 11, 2), date(2026, 12, 18)),
    Term(date(2027, 1, 4), date(2027, 2, 12)),
    Term(date(2027, 2, 22), date(2027, 3, 25)),
    Term(date(2027, 4, 12), date(2027, 5, 28)),
    Term(date(2027, 6, 7), date(2027, 7, 21)),
)


def bank_holidays(years: Iterable[int]) -> frozenset[date]:
    """Return England's bank holidays in these calendar years."""
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=sorted(set(years))))


def academic_year(terms: Sequence[Term]) -> str:
    """Name the academic year (1 September to 31 August) that the first term lies in, as `2026/27`."""
    first = min(terms).start
    year = first.year if first.month >= 9 else first.year - 1
    return f"{year}/{(year + 1) % 100:02d}"


def school_days(terms: Sequence[Term]) -> tuple[date, ...]:
    """Return the weekdays that lie in a term and are no bank holiday, in order."""
    closed = bank_holidays(year for term in terms for year in (term.start.year, term.end.year))
    return tuple(
        day
        for term in sorted(terms)
        for day in _each_day(term.start, term.end)
        if day.weekday() < 5 and day not in closed
    )


def weeks(days: Sequence[date]) -> list[list[date]]:
    """Group days, given in order, by the week (Monday to Sunday) that they lie in."""
    found: dict[date, list[date]] = {}
    for day in days:
        found.setdefault(day - timedelta(days=day.weekday()), []).append(day)
    return list(found.values())


def careers_weeks(days: Sequence[date]) -> list[list[date]]:
    """Return the five weeks in which most careers days of an area fall: autumn, winter, March, and two in summer."""
    found = weeks(days)
    return [found[int(share * len(found))] for share in (0.22, 0.38, 0.62, 0.86, 0.94)]


def window(day: date, start: int, end: int) -> Window:
    """Return the window of a day between two times, given in minutes past midnight."""
    midnight: Minute = (day - EPOCH).days * MINUTES_A_DAY
    return Window(midnight + start, midnight + end)


def day_of(moment: Minute) -> date:
    """Return the date on which a minute lies."""
    return EPOCH + timedelta(days=moment // MINUTES_A_DAY)


def _each_day(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
