"""Windows and recurrences: on school days only, with the hours that the clocks skip or repeat, and never without end."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule as library
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.calendar.open_days import bank_holidays, hub_calendar
from services.intake.calendar.recurrence import RecurrenceRefused, starts
from services.intake.calendar.windows import MOST_WINDOWS, Day, LaidOut, lay_out
from shared.events.fields import DateSpan, Times
from tests.intake.parties import TERMS, make_hub, on

LONDON = ZoneInfo("Europe/London")
WHOLE_YEAR = (DateSpan(start=date(2026, 9, 1), end=date(2027, 8, 31)),)


def laid(*times: Times, terms: tuple[DateSpan, ...] = TERMS, day: Day = Day()) -> LaidOut:  # noqa: B008 - frozen
    return lay_out(times, hub_calendar(make_hub(terms=terms)), "/times", day)


def test_any_tuesday_morning_in_march() -> None:
    result = laid(on("2027-03-02", rrule="FREQ=WEEKLY;BYDAY=TU;UNTIL=20270331T235959"))
    days = ["2027-03-02", "2027-03-09", "2027-03-16", "2027-03-23"]
    assert result.windows == tuple((f"{day}T09:00", f"{day}T12:00") for day in days)
    assert result.left_out == ("2027-03-30T09:00",)
    assert not result.reasons


def test_a_recurrence_without_an_end_goes_to_the_end_of_the_academic_year() -> None:
    result = laid(on("2026-09-07", rrule="FREQ=WEEKLY"))
    assert result.windows[-1][0] == "2027-07-19T09:00"
    assert result.left_out[-1] == "2027-08-30T09:00"
    assert "2027-05-03T09:00" in result.left_out  # a bank holiday inside the term


def test_bank_holidays_of_england() -> None:
    assert bank_holidays(2027)["2027-03-29"] == "Easter Monday"
    assert "2027-08-30" in bank_holidays(2027)
    assert "2027-08-02" not in bank_holidays(2027)  # Scotland's


def test_a_recurrence_leaves_the_schools_closures_out() -> None:
    day = Day(closures=frozenset({"2027-03-09"}))
    result = laid(on("2027-03-02", rrule="FREQ=WEEKLY;COUNT=3"), day=day)
    assert [start for start, _ in result.windows] == ["2027-03-02T09:00", "2027-03-16T09:00"]
    assert result.left_out == ("2027-03-09T09:00",)


@pytest.mark.parametrize(
    ("start", "rule", "words"),
    [
        ("2027-04-01", "FREQ=DAILY;COUNT=3", "all of its 3 dates are without school"),
        ("2027-04-01", "FREQ=MONTHLY;BYMONTH=3", "it names no date"),
        ("2027-03-02", "FREQ=DAILY;UNTIL=20270301", "it names no date"),
    ],
)
def test_a_recurrence_of_which_nothing_is_left_is_refused(start: str, rule: str, words: str) -> None:
    (reason,) = laid(on(start, rrule=rule)).reasons
    assert reason.field == "/times/0/rrule"
    assert words in reason.message


def test_a_recurrence_that_starts_in_another_year_is_refused() -> None:
    (reason,) = laid(on("2025-03-04", rrule="FREQ=WEEKLY")).reasons
    assert "not in the academic year 2026/27" in reason.message


@pytest.mark.parametrize(
    ("day", "start", "end", "fault"),
    [
        ("2027-03-28", "01:30", "03:00", "does not exist"),
        ("2027-03-28", "00:30", "01:00", "does not exist"),
        ("2027-03-28", "00:30", "02:00", None),
        ("2026-10-25", "01:00", "03:00", "exists twice"),
        ("2026-10-25", "00:00", "01:59", "exists twice"),
        ("2026-10-25", "02:00", "03:00", None),
        ("2026-10-24", "01:30", "03:00", None),
    ],
)
def test_the_hours_of_the_clock_changes(day: str, start: str, end: str, fault: str | None) -> None:
    result = laid(on(day, start, end), terms=WHOLE_YEAR)
    assert [fault in reason.message for reason in result.reasons if fault] == ([True] if fault else [])
    assert len(result.windows) == (0 if fault else 1)


def test_a_recurrence_leaves_a_skipped_hour_out() -> None:
    result = laid(on("2027-03-21", "01:30", "03:00", "FREQ=WEEKLY;COUNT=3"), terms=WHOLE_YEAR)
    assert result.left_out == ("2027-03-28T01:30",)


def test_another_time_zone_has_other_hours() -> None:
    calendar = hub_calendar(make_hub(time_zone="Atlantic/Reykjavik"))
    assert not calendar.clock_changes


def test_windows_that_touch_stay_two_and_come_in_order() -> None:
    result = laid(on("2027-03-02", "10:00", "11:00"), on("2027-03-02", "09:00", "10:00"))
    assert [start[11:] for start, _ in result.windows] == ["09:00", "10:00"]
    assert not result.reasons


def test_too_many_windows_are_refused() -> None:
    times = [
        on("2026-09-01", f"{hour:02}:{minute:02}", f"{hour:02}:{minute + 4:02}", "FREQ=DAILY")
        for hour in (8, 9)
        for minute in range(0, 55, 5)
    ]
    assert any(f"more than {MOST_WINDOWS}" in reason.message for reason in laid(*times).reasons)


REFUSED = [
    "FREQ=SECONDLY", "FREQ=MINUTELY;COUNT=5", "FREQ=HOURLY", "FREQ=YEARLY", "INTERVAL=2", "FREQ", "FREQ=", "nonsense",
    "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;BYHOUR=9,10,11", "FREQ=DAILY;BYEASTER=0", "FREQ=DAILY;COUNT=0",
    "FREQ=DAILY;COUNT=100000000", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;UNTIL=tomorrow",
    "FREQ=DAILY;UNTIL=20270231", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYDAY=2TU", "FREQ=WEEKLY;BYMONTHDAY=3",
    "FREQ=MONTHLY;BYDAY=6MO", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=5", "FREQ=DAILY;BYSETPOS=2", "FREQ=WEEKLY;WKST=XX",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=20", "FREQ=MONTHLY;INTERVAL=6;BYMONTH=4",
    "FREQ=DAILY;INTERVAL=7;BYDAY=WE", "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYMONTHDAY=0",
    "FREQ=MONTHLY;BYDAY=MO,-1FR",
]  # fmt: skip


@pytest.mark.parametrize("rule", REFUSED)
def test_recurrences_that_are_not_read(rule: str) -> None:
    with pytest.raises(RecurrenceRefused) as refused:
        list(starts(rule, datetime.fromisoformat("2027-03-02T09:00"), date(2027, 8, 31), LONDON))
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", ["2027-03-26", "2027-04-30"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1;COUNT=2", ["2027-04-05", "2027-05-03"]),
        ("FREQ=DAILY;INTERVAL=2;UNTIL=20270306", ["2027-03-02", "2027-03-04", "2027-03-06"]),
        ("RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=2;WKST=MO;", ["2027-03-02", "2027-03-16"]),
        ("FREQ=DAILY;COUNT=2;BYDAY=FR;BYMONTHDAY=13", []),
    ],
)
def test_recurrences_that_are_read(rule: str, expected: list[str]) -> None:
    found = starts(rule, datetime.fromisoformat("2027-03-02T09:00"), date(2027, 7, 21), LONDON)
    assert [start.date().isoformat() for start in found] == expected


def test_an_until_in_utc_is_read_in_the_hubs_zone() -> None:
    summer = list(
        starts(
            "FREQ=DAILY;UNTIL=20270602T080000Z", datetime.fromisoformat("2027-06-01T09:00"), date(2027, 8, 31), LONDON
        )
    )
    assert len(summer) == 2


PARTS = {
    "INTERVAL": st.integers(1, 11).map(str),
    "COUNT": st.integers(1, 60).map(str),
    "UNTIL": st.dates(date(2026, 9, 1), date(2028, 1, 1)).map(lambda day: f"{day:%Y%m%d}T120000"),
    "BYDAY": st.lists(st.sampled_from(["MO", "TU", "WE", "SA", "1MO", "-1FR", "5TU"]), min_size=1).map(",".join),
    "BYMONTHDAY": st.lists(st.integers(-31, 31).map(str), min_size=1, max_size=3).map(",".join),
    "BYMONTH": st.lists(st.integers(1, 12).map(str), min_size=1, max_size=3).map(",".join),
    "BYSETPOS": st.integers(-9, 9).map(str),
    "WKST": st.sampled_from(["MO", "SU"]),
}


YEARS_OF_THE_CALENDAR = 400
"""Years after which the calendar begins again: what has not come by then never will."""


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]), st.fixed_dictionaries({}, optional=PARTS))
def test_every_recurrence_is_refused_or_laid_out_as_the_library_does_without_looking_for_ever(
    frequency: str, parts: dict[str, str]
) -> None:
    rule = ";".join([f"FREQ={frequency}", *(f"{name}={value}" for name, value in parts.items())])
    first, last = datetime.fromisoformat("2026-09-07T09:00"), date(2027, 8, 31)
    years = list[int]()
    look_into = library._iterinfo.rebuild

    def noted(days: library._iterinfo, year: int, month: int) -> None:
        years.append(year)
        look_into(days, year, month)

    try:
        with patch.object(library._iterinfo, "rebuild", noted):
            found = list(starts(rule, first, last, LONDON))
    except RecurrenceRefused:
        return
    assert years[-1] <= last.year + YEARS_OF_THE_CALENDAR, "what never matches is looked for until the year 9999"
    assert all(first <= start and start.date() <= last for start in found)
    if not {"COUNT", "UNTIL"} <= parts.keys():
        until = datetime.fromisoformat("2027-08-31T23:59")
        assert found == rrulestr(rule, dtstart=first).between(first, until, inc=True)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.dates(date(2026, 8, 1), date(2027, 9, 30)), st.integers(0, 1439), st.integers(0, 1439)),
        max_size=12,
    )
)
def test_windows_lie_in_order_on_open_days_or_are_refused(said: list[tuple[date, int, int]]) -> None:
    times = [
        Times(start=f"{day}T{start // 60:02}:{start % 60:02}", end=f"{day}T{end // 60:02}:{end % 60:02}")
        for day, start, end in said
    ]
    result = laid(*times)
    calendar = hub_calendar(make_hub())
    assert all(window[0][:10] in calendar.open_days for window in result.windows)
    assert all(window[0] < window[1] for window in result.windows)
    assert len(result.windows) == len(said) or result.reasons
    assert all(before[1] <= after[0] for before, after in pairwise(result.windows)) or result.reasons
