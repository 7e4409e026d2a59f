"""Local wall-clock times of a hub, `YYYY-MM-DDTHH:MM`, as whole minutes since 1970-01-01T00:00 of its own zone.

A time that does not exist (the clocks go forward over it) or exists twice (they go back over it) is refused, so all
arithmetic with what is left is plain arithmetic with minutes.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.matching.planning.model import MINUTES_A_DAY, Minute

_EPOCH = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMES = {f"{hour:02}:{minute:02}": hour * 60 + minute for hour in range(24) for minute in range(60)}
_TIME_TEXTS = tuple(f"T{text}" for text in _TIMES)

NOT_A_TIME = "is not a local time such as 2026-10-05T09:30"
WRITE_A_TIME = "Write YYYY-MM-DDTHH:MM, without seconds or offset"


class RefusedTime(Exception):
    """A text is no local time, or names one that the hub's clocks skip or show twice; it tells the remedy too."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Clock:
    """Reads the local times of one zone; each date is looked up once.

    Raises `ZoneInfoNotFoundError` or `ValueError` for a zone that the tz database does not know.
    """

    def __init__(self, time_zone: str) -> None:
        try:
            self._zone = ZoneInfo(time_zone)
        except (OSError, UnicodeError) as error:
            raise ZoneInfoNotFoundError(time_zone) from error
        self.time_zone = time_zone
        self._days: dict[str, tuple[Minute, dict[int, bool]]] = {}

    def minute(self, text: str) -> Minute:
        """Give the minute that a local time names; raise `RefusedTime` where there is none, or two."""
        day, odd = self._days.get(text[:10]) or self._look_up(text[:10])
        of_day = _TIMES.get(text[11:])
        if of_day is None or text[10] != "T":
            raise RefusedTime(f"{text!r:.40} {NOT_A_TIME}", WRITE_A_TIME)
        if odd and of_day in odd:
            happens = "exists twice" if odd[of_day] else "does not exist"
            raise RefusedTime(
                f"{text} {happens} in {self.time_zone}: the clocks change then", "Choose a time outside that hour"
            )
        return day + of_day

    def _look_up(self, text: str) -> tuple[Minute, dict[int, bool]]:
        if not _DATE.fullmatch(text):
            raise RefusedTime(f"{text!r:.40} {NOT_A_TIME}", WRITE_A_TIME)
        try:
            on = date.fromisoformat(text)
        except ValueError:
            raise RefusedTime(f"{text} is not a date of the calendar", "Correct the year, month or day") from None
        found = ((on.toordinal() - _EPOCH) * MINUTES_A_DAY, self._odd_minutes(on))
        self._days[text] = found
        return found

    def _odd_minutes(self, on: date) -> dict[int, bool]:
        """Give the minutes of a date that do not exist (False) or exist twice (True)."""
        midnight = datetime(on.year, on.month, on.day)  # noqa: DTZ001 - wall-clock time; the zone is asked below
        hours = [midnight + timedelta(hours=hour) for hour in range(24)]
        hours.append(midnight.replace(hour=23, minute=59, fold=1))
        if len({self._zone.utcoffset(hour) for hour in hours}) == 1:
            return {}
        odd = {}
        for minute in range(MINUTES_A_DAY):
            first = midnight + timedelta(minutes=minute)
            before, after = self._zone.utcoffset(first), self._zone.utcoffset(first.replace(fold=1))
            if before is not None and after is not None and before != after:
                odd[minute] = before > after
        return odd


def local_time(minute: Minute) -> str:
    """Write a minute as `YYYY-MM-DDTHH:MM`."""
    day, of_day = divmod(minute, MINUTES_A_DAY)
    return date.fromordinal(day + _EPOCH).isoformat() + _TIME_TEXTS[of_day]


def date_of(minute: Minute) -> date:
    """Give the date on which a minute lies."""
    return date.fromordinal(minute // MINUTES_A_DAY + _EPOCH)
