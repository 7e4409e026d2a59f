"""Local times of a hub, distances and journeys."""

from __future__ import annotations

from datetime import date, datetime
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.planning.clock import Clock, RefusedTime, date_of, local_time
from services.matching.planning.geometry import km, km_table, travel_minutes, travel_minutes_table
from services.matching.planning.model import Policy

LONDON = Clock("Europe/London")
POSITIONS = st.tuples(st.floats(49, 56), st.floats(-6, 2))


@given(st.integers(-500_000, 60_000_000))
def test_a_minute_written_and_read_again_is_the_same(minute: int) -> None:
    assert Clock("UTC").minute(local_time(minute)) == minute
    assert date_of(minute).isoformat() == local_time(minute)[:10]


def test_a_minute_counts_wall_clock_minutes_since_1970() -> None:
    since = datetime(2026, 10, 6, 9, 30) - datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock times have no zone here
    assert LONDON.minute("2026-10-06T09:30") == since.total_seconds() // 60
    assert date_of(LONDON.minute("2026-10-06T23:59")) == date(2026, 10, 6)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2027-03-28T01:00", "does not exist"),
        ("2027-03-28T01:59", "does not exist"),
        ("2026-10-25T01:00", "exists twice"),
        ("2026-10-25T01:59", "exists twice"),
        ("2026-13-01T09:00", "not a date"),
        ("2026-02-29T09:00", "not a date"),
        ("2026-10-06T24:00", "not a local time"),
        ("2026-10-06T9:00", "not a local time"),
        ("2026-10-06t09:00", "not a local time"),
        ("2026-10-06", "not a local time"),
        ("2026-W41-2T09:00", "not a local time"),
        ("", "not a local time"),
    ],
)
def test_a_time_that_is_none_or_two_is_refused(text: str, told: str) -> None:
    with pytest.raises(RefusedTime, match=told):
        LONDON.minute(text)


@pytest.mark.parametrize("text", ["2027-03-28T00:59", "2027-03-28T02:00", "2026-10-25T00:59", "2026-10-25T02:00"])
def test_the_minutes_around_the_change_are_times(text: str) -> None:
    assert local_time(LONDON.minute(text)) == text


def test_a_change_at_midnight_is_seen_on_the_day_before() -> None:
    """In Santiago the clocks go back from midnight to 23:00: the last hour of that Saturday exists twice."""
    santiago = Clock("America/Santiago")
    with pytest.raises(RefusedTime, match="twice"):
        santiago.minute("2027-04-03T23:30")
    with pytest.raises(RefusedTime, match="does not exist"):
        santiago.minute("2026-09-06T00:30")


def test_km_is_the_great_circle_distance_on_the_mean_sphere() -> None:
    assert km((51.0, 0.0), (52.0, 0.0)) == pytest.approx(6371.0088 * np.pi / 180, abs=1e-9)
    assert km((51.5007, -0.1246), (48.8584, 2.2945)) == pytest.approx(340.54, abs=0.01)
    assert km((51.0, 1.0), (51.0, 1.0)) == 0
    assert km((90.0, 0.0), (-90.0, 0.0)) == pytest.approx(6371.0088 * np.pi)


@given(a=POSITIONS, b=POSITIONS)
def test_travel_is_the_formats_formula(a: tuple[float, float], b: tuple[float, float]) -> None:
    expected = 0 if a == b else ceil(10 + 60 * 1.3 * km(a, b) / 40)
    assert travel_minutes(Policy(), a, b) == expected


def test_travel_starts_with_the_transfer_and_is_none_at_one_place() -> None:
    assert travel_minutes(Policy(), (51.0, 1.0), (51.0, 1.0)) == 0
    assert travel_minutes(Policy(), (51.0, 1.0), (51.0, 1.000001)) == 11


@given(froms=st.lists(POSITIONS, min_size=1, max_size=6), tos=st.lists(POSITIONS, min_size=1, max_size=6))
def test_the_tables_say_what_the_scalars_say(froms: list[tuple[float, float]], tos: list[tuple[float, float]]) -> None:
    tos = [*tos, froms[0]]
    first, second = np.array(froms), np.array(tos)
    table, minutes = km_table(first, second), travel_minutes_table(Policy(), first, second)
    for row, a in enumerate(froms):
        for column, b in enumerate(tos):
            assert table[row, column] == pytest.approx(km(a, b), abs=1e-9)
            assert minutes[row, column] == travel_minutes(Policy(), a, b)
