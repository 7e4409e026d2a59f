"""A problem's JSON tree becomes a `Problem`, or a list of everything that is wrong with it.

Every field is read by its own line below; `null` is taken only where the format lets it stand for "none".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfoNotFoundError

from services.matching.planning.clock import Clock
from services.matching.planning.faults import Faults, pointer_to, shown
from services.matching.planning.fields import Fields, time_of
from services.matching.planning.model import (
    MINUTES_A_DAY,
    MODES,
    Employer,
    Forbidden,
    Group,
    Hub,
    Meaningful,
    Mode,
    Offer,
    Pin,
    Pledge,
    Points,
    Policy,
    Problem,
    School,
    Session,
    Window,
)
from services.matching.planning.reading_sessions import read_sessions

PROBLEM_FORMAT = "seven-encounters/problem/1"
SECTORS = "ABCDEFGHIJKLMNOPQRSTU"
MOST_SCHOOLS = 5_000
MOST_GROUPS = 50_000
MOST_EMPLOYERS = 50_000
MOST_OFFERS = 50_000
MOST_CALENDARS = 200_000
MOST_WINDOWS = 750_000
MOST_DECISIONS = 200_000
MOST_STUDENTS_A_GROUP = 1_000_000
HALF_ROUND_THE_EARTH_KM, MOST_MINUTES = 20_016, 1_000_000_000
_MOST_SCHOOLS_BY_DEFAULT: dict[str, int | None] = {"in_school": 1, "workplace": 2, "virtual": None}

_Record = TypeVar("_Record")


class ProblemReader:
    """Reads one problem; `kept` gives records of raw parts (by `id`) that were read before and are unchanged."""

    def __init__(self, tree: Any, faults: Faults, kept: Mapping[int, Any] | None = None) -> None:
        self._faults = faults
        self._top = Fields(tree, "", faults)
        self._kept: Mapping[int, Any] = kept or {}
        self._clock: Clock | None = None
        self._policy = Policy()
        self._employers: dict[str, Employer] = {}
        self._windows = 0

    def read(self) -> Problem:
        """Read everything; faults are noted, not raised (unless there are as many as are ever shown)."""
        self._check_format()
        hub = self._hub()
        self._policy = self._read_policy()
        calendars = self._calendars()
        schools = self._records("schools", self._school, MOST_SCHOOLS)
        groups = self._records("groups", self._group, MOST_GROUPS)
        employers = self._records("employers", self._employer, MOST_EMPLOYERS)
        self._employers = {employer.id: employer for employer in employers}
        return Problem(
            hub=hub,
            academic_year=self._academic_year(),
            policy=self._policy,
            calendars=calendars,
            schools=schools,
            groups=groups,
            employers=employers,
            offers=self._records("offers", self._offer, MOST_OFFERS),
            pledges=self._records("pledges", self._pledge, MOST_DECISIONS, ()),
            pinned=self._records("pinned", self._pin, MOST_DECISIONS, ()),
            forbidden=self._records("forbidden", self._forbidden, MOST_DECISIONS, ()),
            in_force=self._in_force(),
        )

    def _check_format(self) -> None:
        value, there = self._top.raw("format")
        if there and value != PROBLEM_FORMAT:
            self._top.fault("format", f"`format` is {shown(value)}", f'Write "{PROBLEM_FORMAT}"')

    def _records(
        self, name: str, read: Callable[[Any, str], _Record], most: int, default: Any = None
    ) -> tuple[_Record, ...]:
        items = self._top.items(name, most=most) if default is None else self._top.items(name, default, most=most)
        return tuple(cast("_Record", self._kept.get(id(raw))) or read(raw, pointer) for pointer, raw in items)

    def _hub(self) -> Hub:
        fields = self._top.fields("hub")
        hub = Hub(fields.text("id"), fields.text("name", empty=True), fields.text("time_zone"))
        if hub.time_zone:
            try:
                self._clock = Clock(hub.time_zone)
            except (ZoneInfoNotFoundError, ValueError):
                fields.fault(
                    "time_zone", f"{shown(hub.time_zone)} is no known time zone", "Write one such as Europe/London"
                )
        return hub

    def _academic_year(self) -> str:
        year = self._top.text("academic_year")
        parts = re.fullmatch(r"([0-9]{4})/([0-9]{2})", year)
        if year and (parts is None or (int(parts[1]) + 1) % 100 != int(parts[2])):
            self._top.fault("academic_year", f"{shown(year)} is no academic year", "Write it like 2026/27")
        return year

    def _read_policy(self) -> Policy:
        fields, default = self._top.fields("policy", {}), Policy()
        points = fields.fields("points", {})
        policy = Policy(
            start_step_minutes=fields.whole("start_step_minutes", 1, MINUTES_A_DAY, default.start_step_minutes),
            transfer_minutes=fields.whole("transfer_minutes", 0, MINUTES_A_DAY, default.transfer_minutes),
            road_factor=fields.decimal("road_factor", default=default.road_factor),
            speed_kmh=fields.decimal("speed_kmh", default=default.speed_kmh, above_least=True),
            max_travel_km=fields.decimal("max_travel_km", default=default.max_travel_km),
            floor_share=fields.decimal("floor_share", most="1", default=default.floor_share),
            floor_weight_special=fields.decimal("floor_weight_special", default=default.floor_weight_special),
            floor_weight_disadvantaged=fields.decimal(
                "floor_weight_disadvantaged", default=default.floor_weight_disadvantaged
            ),
            disadvantaged_from=fields.decimal("disadvantaged_from", default=default.disadvantaged_from),
            stem_sectors=fields.texts("stem_sectors", default.stem_sectors, allowed=SECTORS),
            points=Points(
                **{
                    point.name: points.decimal(point.name, default=getattr(Points(), point.name))
                    for point in fields_of(Points)
                }
            ),
            min_part=fields.whole("min_part", 1, default=default.min_part),
            repair=fields.flag("repair", default.repair),
            move_price=fields.decimal("move_price", default=default.move_price),
        )
        if policy.speed_kmh > 0 and 60 * policy.road_factor * HALF_ROUND_THE_EARTH_KM / policy.speed_kmh > MOST_MINUTES:
            fields.fault(
                "speed_kmh",
                f"half round the Earth would take more than {MOST_MINUTES:,} minutes",
                "Write a greater speed, or a smaller road factor",
            )
        return policy

    def _calendars(self) -> dict[str, tuple[Window, ...]]:
        raw, there = self._top.raw("calendars")
        if not there:
            return {}
        if not isinstance(raw, dict):
            self._top.fault("calendars", "`calendars` must be an object", 'Write {"name": [[start, end], ...], ...}')
            return {}
        if len(raw) > MOST_CALENDARS:
            self._top.fault("calendars", f"there are {len(raw):,} calendars", f"Keep to {MOST_CALENDARS:,} calendars")
            return {}
        self._windows = sum(len(windows) for windows in raw.values() if isinstance(windows, list))
        if self._windows > MOST_WINDOWS:
            self._top.fault(
                "calendars",
                f"there are {self._windows:,} windows; the most is {MOST_WINDOWS:,}",
                "Share calendars among groups, and plan one hub at a time",
            )
            self._faults.refuse_if_any()
        if "" in raw:
            self._faults.add("/calendars/", "a calendar has an empty id", "Name it")
        return {id_: self._kept.get(id(windows)) or self._calendar(id_, windows) for id_, windows in raw.items()}

    def _calendar(self, id_: str, raw: Any) -> tuple[Window, ...]:
        pointer = pointer_to("calendars", id_)
        if not isinstance(raw, list):
            self._faults.add(pointer, "a calendar must be a list of windows", "Write [[start, end], ...]")
            return ()
        if self._clock is None:
            return ()
        windows: list[Window] = []
        minute, last = self._clock.minute, -(10**12)
        for place, pair in enumerate(raw):
            try:  # the usual case, kept short: a county has a hundred thousand windows
                first, second = pair
                start, end = minute(first), minute(second)
            except Exception:
                self._check_pair(f"{pointer}/{place}", pair, self._clock)
                continue
            if (
                start >= end
                or start < last
                or (end - 1) // MINUTES_A_DAY != start // MINUTES_A_DAY
                or type(pair) is not list
            ):
                self._tell_window(f"{pointer}/{place}", pair, start, end, last)
                last = max(last, end)
                continue
            windows.append(Window(start, end))
            last = end
        return tuple(windows)

    def _check_pair(self, pointer: str, pair: Any, clock: Clock) -> None:
        if not isinstance(pair, list) or len(pair) != 2:
            self._faults.add(pointer, "a window must be two local times", "Write [start, end]")
            return
        for place, time in enumerate(pair):
            time_of(time, clock, f"{pointer}/{place}", self._faults)

    def _tell_window(self, pointer: str, pair: Any, start: int, end: int, last: int) -> None:
        if not isinstance(pair, list):
            self._faults.add(pointer, "a window must be two local times", "Write [start, end]")
        elif start >= end:
            self._faults.add(
                pointer, f"the window ends ({pair[1]}) before it has begun ({pair[0]})", "Put its start first"
            )
        elif start < last:
            self._faults.add(
                pointer,
                f"the window from {pair[0]} overlaps an earlier one or is out of order",
                "Sort the windows, and join what overlaps",
            )
        else:
            self._faults.add(pointer, f"the window {pair[0]} to {pair[1]} lies on two dates", "Split it at midnight")

    def _school(self, raw: Any, pointer: str) -> School:
        fields = Fields(raw, pointer, self._faults)
        return School(
            id=fields.text("id"),
            name=fields.text("name", empty=True),
            position=fields.position("position"),
            hosting_limit=fields.whole("hosting_limit", 0),
            fsm_share=fields.decimal("fsm_share", most="1", default="0"),
            special=fields.flag("special", default=False),
        )

    def _group(self, raw: Any, pointer: str) -> Group:
        fields = Fields(raw, pointer, self._faults)
        return Group(
            id=fields.text("id"),
            school=fields.text("school"),
            year=fields.whole("year", 7, 13),
            size=fields.whole("size", 1, MOST_STUDENTS_A_GROUP),
            calendars=fields.texts("calendars"),
            needed=fields.whole("needed", 1, 4, default=1),
            sectors_asked=frozenset(fields.texts("sectors_asked", (), allowed=SECTORS, null_is_absent=True)),
            sectors_met=frozenset(fields.texts("sectors_met", (), allowed=SECTORS, null_is_absent=True)),
            stem_needed=fields.flag("stem_needed", default=False),
            modes=cast("frozenset[Mode]", frozenset(fields.texts("modes", MODES, allowed=MODES))),
            adjustments=frozenset(fields.texts("adjustments", (), null_is_absent=True)),
            max_travel_km=fields.decimal("max_travel_km", default=self._policy.max_travel_km),
            may_split=fields.flag("may_split", default=False),
        )

    def _employer(self, raw: Any, pointer: str) -> Employer:
        fields = Fields(raw, pointer, self._faults)
        sectors = frozenset(fields.texts("sectors", allowed=SECTORS, least=1))
        return Employer(
            id=fields.text("id"),
            name=fields.text("name", empty=True),
            position=fields.position("position"),
            sectors=sectors,
            radius_km=fields.decimal("radius_km"),
            stem=fields.flag("stem", default=bool(sectors & set(self._policy.stem_sectors))),
            max_sessions_per_day=fields.whole_or_none("max_sessions_per_day", 0),
            max_sessions=fields.whole_or_none("max_sessions", 0),
        )

    def _offer(self, raw: Any, pointer: str) -> Offer:
        fields = Fields(raw, pointer, self._faults)
        employer_id = fields.text("employer")
        employer = self._employers.get(employer_id)
        mode = fields.choice("mode", MODES)
        tests = fields.fields("meaningful", {})
        return Offer(
            id=fields.text("id"),
            employer=employer_id,
            mode=cast("Mode", mode),
            calendars=fields.texts("calendars"),
            duration_minutes=fields.whole("duration_minutes", 1),
            max_sessions=fields.whole("max_sessions", 1),
            seats=fields.whole("seats", 1),
            years=fields.years("years"),
            max_schools=self._max_schools(fields, mode),
            position=fields.position("position")
            if "position" in fields
            else employer.position
            if employer
            else (0.0, 0.0),
            presenter=fields.text("presenter", employer_id),
            adjustments=frozenset(fields.texts("adjustments", (), null_is_absent=True)),
            meaningful=Meaningful(
                **{test.name: tests.flag(test.name, default=False) for test in fields_of(Meaningful)}
            ),
        )

    @staticmethod
    def _max_schools(fields: Fields, mode: str) -> int | None:
        if mode == "virtual":
            return fields.whole_or_none("max_schools", 1)
        return fields.whole("max_schools", 1, default=_MOST_SCHOOLS_BY_DEFAULT[mode])

    def _pledge(self, raw: Any, pointer: str) -> Pledge:
        fields = Fields(raw, pointer, self._faults)
        first = frozenset(fields.texts("schools_first", (), null_is_absent=True))
        return Pledge(fields.text("employer"), fields.whole("students", 1), first)

    def _pin(self, raw: Any, pointer: str) -> Pin:
        fields = Fields(raw, pointer, self._faults)
        school, there = fields.raw("school", None, null_is_absent=True)
        return Pin(
            offer=fields.text("offer"),
            start=fields.time("start", self._clock),
            school=fields.text("school") if there and school is not None else None,
            group=fields.text("group"),
            students=fields.whole("students", 1),
        )

    def _forbidden(self, raw: Any, pointer: str) -> Forbidden:
        fields = Fields(raw, pointer, self._faults)
        if ("school" in fields) == ("group" in fields):
            self._faults.add(pointer, "exactly one of `school` and `group` is expected", "Name the school or the group")
            return Forbidden(fields.text("offer"))
        if "school" in fields:
            return Forbidden(fields.text("offer"), school=fields.text("school"))
        return Forbidden(fields.text("offer"), group=fields.text("group"))

    def _in_force(self) -> tuple[Session, ...] | None:
        raw, there = self._top.raw("in_force", None, null_is_absent=True)
        if not there:
            return None
        if id(raw) in self._kept:
            return cast("tuple[Session, ...]", self._kept[id(raw)])
        return read_sessions(Fields(raw, "/in_force", self._faults), self._clock, self._faults)
