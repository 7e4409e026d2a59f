"""Recurrences as people write them (RFC 5545), read so that none can keep the service busy.

Read are daily, weekly and monthly rules, laid out to the end of the academic year and no further; what could never
match, or match many times a day, is refused with what to write instead.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from itertools import takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY")
MOST_INTERVAL = {"DAILY": 6, "WEEKLY": 53, "MONTHLY": 11}

_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST")
_LISTS = {"BYMONTHDAY": (1, 31), "BYMONTH": (1, 12), "BYSETPOS": (1, 31)}
_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")


class RecurrenceRefused(ValueError):
    """A recurrence that is not read; the message says why, `remedy` what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def starts(rule: str, first: datetime, last: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Give the local starts of a recurrence, in order, from `first` to the day `last`.

    `first` is the start of the first window; an UNTIL in UTC (with Z) is read in the hub's zone. Raises
    RecurrenceRefused.
    """
    parts = _parts(rule)
    until = datetime.combine(last, time.max)
    if "UNTIL" in parts:
        until = min(until, _until(parts.pop("UNTIL"), zone))
    _check(parts)
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        found = rrulestr(text, dtstart=first)
    except ValueError as error:
        raise RecurrenceRefused(f"the recurrence cannot be read: {error}", _EXAMPLE) from error
    return takewhile(lambda start: start <= until, iter(found))


_EXAMPLE = "write it as RFC 5545 does, such as FREQ=WEEKLY;BYDAY=TU;UNTIL=20270331T235959"


def _parts(rule: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in rule.removeprefix("RRULE:").rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise RecurrenceRefused(f"{part!r} is no part of a recurrence", _EXAMPLE)
        if name in parts:
            raise RecurrenceRefused(f"{name} is given twice", f"give {name} once")
        if name not in _PARTS:
            raise RecurrenceRefused(f"{name} is not read in a recurrence", f"use only {', '.join(_PARTS)}")
        parts[name] = value
    return parts


def _until(value: str, zone: ZoneInfo) -> datetime:
    if not _UNTIL.fullmatch(value):
        raise RecurrenceRefused(f"UNTIL={value} is no date or time", "write UNTIL=20270331 or UNTIL=20270331T235959")
    try:
        if "T" not in value:
            return datetime.combine(date.fromisoformat(value), time.max)
        moment = datetime.fromisoformat(value.removesuffix("Z"))
        if value.endswith("Z"):
            moment = moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise RecurrenceRefused(f"UNTIL={value} is not in the calendar", "name a day that exists") from error
    return moment


def _check(parts: dict[str, str]) -> None:
    frequency = parts.get("FREQ")
    if frequency not in FREQUENCIES:
        named = f"FREQ={frequency} is not read" if frequency else "FREQ is missing"
        raise RecurrenceRefused(named, "use FREQ=DAILY, FREQ=WEEKLY or FREQ=MONTHLY, or give the times one by one")
    for name, (least, most) in {"INTERVAL": (1, MOST_INTERVAL[frequency]), "COUNT": (1, 1000)}.items():
        if name in parts and not _within(parts[name], least, most):
            raise RecurrenceRefused(f"{name}={parts[name]} is not read", f"use a whole number from {least} to {most}")
    for name, (least, most) in _LISTS.items():
        for value in parts.get(name, str(least)).split(","):
            if not _within(value.removeprefix("-" if name != "BYMONTH" else ""), least, most):
                raise RecurrenceRefused(
                    f"{name}={parts[name]} is not read", f"use whole numbers from {least} to {most}"
                )
    if "WKST" in parts and not _DAY.fullmatch(parts["WKST"]):
        raise RecurrenceRefused(f"WKST={parts['WKST']} is not read", "use MO or SU")
    _check_days(parts, frequency)
    _check_together(parts, frequency)


def _check_days(parts: dict[str, str], frequency: str) -> None:
    days = parts["BYDAY"].split(",") if "BYDAY" in parts else []
    for day in days:
        match = _DAY.fullmatch(day)
        if not match:
            raise RecurrenceRefused(
                f"BYDAY={parts['BYDAY']} is not read", "use MO, TU, WE, TH, FR, SA, SU, with commas"
            )
        if match[1] and frequency != "MONTHLY":
            raise RecurrenceRefused(f"BYDAY={day} counts days of a month", f"use FREQ=MONTHLY, or BYDAY={match[2]}")
    counted = [day for day in days if len(day) > 2]
    if counted and len(counted) < len(days):  # RFC 5545 means either; the library takes what is both, mostly nothing
        plain = ",".join(day for day in days if len(day) == 2)
        raise RecurrenceRefused(
            f"BYDAY={parts['BYDAY']} mixes every such day with counted ones",
            f"give two times, one with BYDAY={plain} and one with BYDAY={','.join(counted)}",
        )


def _check_together(parts: dict[str, str], frequency: str) -> None:
    """Refuse parts that never match together: looking for a match would go on for centuries."""
    days = parts["BYDAY"].split(",") if "BYDAY" in parts else []
    if "BYMONTHDAY" in parts and frequency == "WEEKLY":
        raise RecurrenceRefused("BYMONTHDAY does not go with FREQ=WEEKLY", "use FREQ=MONTHLY")
    if "BYSETPOS" in parts:
        plain = days and all(len(day) == 2 for day in days) and "BYMONTHDAY" not in parts
        if frequency != "MONTHLY" or not plain:
            raise RecurrenceRefused(
                "BYSETPOS is read only with FREQ=MONTHLY and plain days", "use BYDAY=-1MO for a last Monday"
            )
        most = 4 * len(set(days))
        if any(abs(int(place)) > most for place in parts["BYSETPOS"].split(",")):
            raise RecurrenceRefused(
                f"not every month has {parts['BYSETPOS']} such days", f"use a BYSETPOS up to {most}"
            )
    if "BYMONTHDAY" in parts and "BYMONTH" in parts and not _exists(parts["BYMONTH"], parts["BYMONTHDAY"]):
        raise RecurrenceRefused(
            f"no month {parts['BYMONTH']} has a day {parts['BYMONTHDAY']}", "name a day that the month has"
        )
    if "BYMONTHDAY" in parts and any(len(day) > 2 for day in days):
        raise RecurrenceRefused("BYMONTHDAY does not go with counted days such as 1MO", "give one of the two")
    if frequency == "MONTHLY" and "BYMONTH" in parts and parts.get("INTERVAL", "1") != "1":
        raise RecurrenceRefused("BYMONTH does not go with an INTERVAL of months", "name the months in BYMONTH alone")


def _exists(months: str, days: str) -> bool:
    return any(
        abs(int(day)) <= calendar.monthrange(2028, int(month))[1]
        for month in months.split(",")
        for day in days.split(",")
    )


def _within(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4 and least <= int(text) <= most
