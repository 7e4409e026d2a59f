"""Stretches of time and recurrences, as people give them, laid out as windows on days with school."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, pairwise

from services.intake.calendar.open_days import HubCalendar
from services.intake.calendar.recurrence import RecurrenceRefused, starts
from shared.events.fields import Reason, Times

Window = tuple[str, str]

MOST_WINDOWS = 2000
"""Most windows, those left out included, of one availability or one calendar: its fact must fit into a message."""


@dataclass(frozen=True, slots=True)
class Day:
    """What limits windows beside the hub's calendar: a school's closures, and its first and last minute (`HH:MM`)."""

    closures: frozenset[str] = frozenset()
    start: str = "00:00"
    end: str = "23:59"


ANY_DAY = Day()


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Windows in order, the starts that fell on days without school, and what is wrong."""

    windows: tuple[Window, ...]
    left_out: tuple[str, ...]
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class _Laying:
    calendar: HubCalendar
    day: Day
    windows: list[Window] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)

    def refuse(self, pointer: str, message: str, remedy: str) -> None:
        self.reasons.append(Reason(field=pointer, message=message, remedy=remedy))

    def why_closed(self, date: str) -> str | None:
        if date not in self.calendar.open_days:
            return self.calendar.why_closed(date)
        return f"{date} is one of the school's closures" if date in self.day.closures else None


def lay_out(times: Sequence[Times], calendar: HubCalendar, pointer: str, day: Day = ANY_DAY) -> LaidOut:
    """Lay stretches and recurrences out; `pointer` is the JSON pointer of the list, for the reasons.

    A stretch by itself must lie on a day with school; a recurrence leaves out the days without. Windows that overlap
    are refused; those that touch stay two. Where reasons are given, what is good is laid out all the same.
    """
    laying = _Laying(calendar, day)
    for index, said in enumerate(times):
        here = f"{pointer}/{index}"
        if not _sound(said, here, laying):
            continue
        if said.rrule is None:
            _single(said, here, laying)
        else:
            _recurring(said, here, laying)
        if len(laying.windows) + len(laying.left_out) > MOST_WINDOWS:
            laying.refuse(pointer, f"these are more than {MOST_WINDOWS} windows", "give fewer, or fewer recurrences")
            break
    windows = sorted(laying.windows)
    for before, after in pairwise(windows):
        if before[1] > after[0]:
            laying.refuse(
                pointer,
                f"{_name(before)} and {_name(after)} overlap",
                "join the two into one, or end the first before the second starts",
            )
    return LaidOut(tuple(windows), tuple(sorted(laying.left_out)), tuple(laying.reasons))


def minutes_of(window: Window) -> int:
    """Reckon the length of a window, in minutes of the clock on the wall."""
    return _minute(window[1]) - _minute(window[0])


def longest_minutes(windows: Iterable[Window]) -> int:
    """Reckon the length of the longest window, in minutes; 0 where there is none."""
    return max(map(minutes_of, windows), default=0)


def _minute(time: str) -> int:
    return int(time[11:13]) * 60 + int(time[14:16])


def _name(window: Window) -> str:
    return f"{window[0]} to {window[1][11:]}"


def _sound(said: Times, here: str, laying: _Laying) -> bool:
    """Check what is wrong with a stretch whatever its day."""
    before = len(laying.reasons)
    if said.end[:10] > said.start[:10]:
        laying.refuse(
            f"{here}/end",
            f"{said.start} to {said.end} goes across midnight",
            "give one window for each day, up to 23:59",
        )
    elif said.end <= said.start:
        laying.refuse(
            f"{here}/end", f"the end {said.end} is not after the start {said.start}", "give an end after the start"
        )
    elif said.start[11:] < laying.day.start or said.end[11:] > laying.day.end:
        laying.refuse(
            f"{here}/start",
            f"{said.start[11:]} to {said.end[11:]} is outside the school's day, {laying.day.start} to {laying.day.end}",
            "give times within the school's day, or change day_start and day_end",
        )
    return len(laying.reasons) == before


def _single(said: Times, here: str, laying: _Laying) -> None:
    closed = laying.why_closed(said.start[:10])
    if closed:
        laying.left_out.append(said.start)
        laying.refuse(f"{here}/start", closed, "choose a day with school; the hub's terms list them")
        return
    for name, time in (("start", said.start), ("end", said.end)):
        fault = laying.calendar.clock_fault(time)
        if fault:
            laying.refuse(f"{here}/{name}", fault, "choose a time outside the hour that the clocks skip or repeat")
            return
    laying.windows.append((said.start, said.end))


def _recurring(said: Times, here: str, laying: _Laying) -> None:
    rule = said.rrule or ""
    calendar = laying.calendar
    if not calendar.first.isoformat() <= said.start[:10] <= calendar.last.isoformat():
        laying.left_out.append(said.start)
        laying.refuse(
            f"{here}/start", calendar.why_closed(said.start[:10]), "start within the academic year of the hub"
        )
        return
    try:
        found = list(islice(starts(rule, datetime.fromisoformat(said.start), calendar.last, calendar.zone), 400))
    except RecurrenceRefused as refused:
        laying.refuse(f"{here}/rrule", str(refused), refused.remedy)
        return
    kept = 0
    for moment in found:
        date = moment.date().isoformat()
        window = (date + said.start[10:], date + said.end[10:])
        if laying.why_closed(date) or any(map(calendar.clock_fault, window)):
            laying.left_out.append(window[0])
        else:
            laying.windows.append(window)
            kept += 1
    if not kept:
        what = f"all of its {len(found)} dates are without school" if found else "it names no date of the academic year"
        laying.refuse(f"{here}/rrule", f"nothing is left of the recurrence: {what}", "choose dates in the hub's terms")
