"""A hub's academic year: the days on which there is school, and the hours that the clocks skip or repeat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import holidays

from shared.events.fields import DateSpan
from shared.events.submissions import RegisterHub

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class HubCalendar:
    """The days of a hub's academic year; dates are written `YYYY-MM-DD`.

    `open_days` lie in a term and are no bank holiday; weekends within a term count as open, for a careers fair may be
    on a Saturday. `clock_changes` are the dates on which the clocks go forward or back.
    """

    zone: ZoneInfo
    academic_year: str
    first: date
    last: date
    open_days: frozenset[str]
    bank_holidays: dict[str, str]
    clock_changes: frozenset[str]

    def why_closed(self, day: str) -> str:
        """Say why a date that is not open is not."""
        if day in self.bank_holidays:
            return f"{day} is a bank holiday ({self.bank_holidays[day]})"
        if not self.first.isoformat() <= day <= self.last.isoformat():
            return f"{day} is not in the academic year {self.academic_year}"
        return f"{day} lies outside the hub's terms"

    def clock_fault(self, time: str) -> str | None:
        """Say what is wrong with a local time that does not exist or exists twice; None for all others."""
        if time[:10] not in self.clock_changes:
            return None
        moment = datetime.fromisoformat(time)
        early, late = (moment.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if early.utcoffset() == late.utcoffset():
            return None
        if early.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != moment:
            return f"{time} does not exist: the clocks go forward over it"
        return f"{time} exists twice: the clocks go back over it"


def year_bounds(academic_year: str) -> tuple[date, date]:
    """Give the first and last day of an academic year: `2026/27` is 1 September 2026 to 31 August 2027."""
    first = int(academic_year[:4])
    return date(first, 9, 1), date(first + 1, 8, 31)


def days_of(spans: Iterable[DateSpan], first: date, last: date) -> Iterator[str]:
    """List the dates of spans, as far as they lie between `first` and `last`."""
    for span in spans:
        day, end = max(span.start, first), min(span.end, last)
        while day <= end:
            yield day.isoformat()
            day += ONE_DAY


def hub_calendar(hub: RegisterHub) -> HubCalendar:
    """Lay out a hub's academic year."""
    return _calendar(hub.time_zone, hub.academic_year, hub.terms)


@lru_cache(maxsize=256)
def _calendar(time_zone: str, academic_year: str, terms: tuple[DateSpan, ...]) -> HubCalendar:
    first, last = year_bounds(academic_year)
    closed = bank_holidays(first.year) | bank_holidays(last.year)
    zone = ZoneInfo(time_zone)
    return HubCalendar(
        zone=zone,
        academic_year=academic_year,
        first=first,
        last=last,
        open_days=frozenset(days_of(terms, first, last)) - closed.keys(),
        bank_holidays=closed,
        clock_changes=frozenset(
            day for day in days_of([DateSpan(start=first, end=last)], first, last) if _clocks_change(day, zone)
        ),
    )


@cache
def bank_holidays(year: int) -> dict[str, str]:
    """Name England's bank holidays of a calendar year, by date."""
    return {day.isoformat(): name for day, name in holidays.country_holidays("GB", subdiv="ENG", years=year).items()}


def _clocks_change(day: str, zone: ZoneInfo) -> bool:
    midnight = datetime.fromisoformat(day)
    next_midnight = midnight + ONE_DAY
    return midnight.replace(tzinfo=zone).utcoffset() != next_midnight.replace(tzinfo=zone).utcoffset()
