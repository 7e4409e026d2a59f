"""The columns of bulk files, and how a cell is read; forgiving about what spreadsheets do to dates and lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Where = tuple[str, ...]


class NotReadableCell(ValueError):
    """A cell that can't be read, and what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Cell:
    """A column: how its cells are read, where the value goes in the submission, an example, and what it means."""

    kind: str
    where: Where
    example: str
    about: str
    required: bool = False


_TRUE = {"yes", "y", "true", "1", "x"}
_FALSE = {"no", "n", "false", "0"}
_STRETCH = re.compile(
    r"(?:(?P<iso>\d{4}-\d{2}-\d{2})|(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4}))[ T]+"
    r"(?P<from>\d{1,2}:\d{2})\s*[-–]\s*(?P<to>\d{1,2}:\d{2})",
    re.ASCII,
)


def _text(cell: str) -> str:
    return cell


def _upper(cell: str) -> str:
    return " ".join(cell.upper().split())


def _whole(cell: str) -> int:
    digits = cell.replace(" ", "").removesuffix(".0")
    if not re.fullmatch(r"-?\d{1,12}", digits, re.ASCII):
        raise NotReadableCell("must be a whole number", "give a whole number, such as 30")
    return int(digits)


def _number(cell: str) -> float:
    if not re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", cell, re.ASCII):
        raise NotReadableCell("must be a number", "give a number, such as 12.5")
    return float(cell)


def _yes_no(cell: str) -> bool:
    if cell.lower() in _TRUE:
        return True
    if cell.lower() in _FALSE:
        return False
    raise NotReadableCell("must be yes or no", "write yes or no")


def _texts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _letters(cell: str) -> list[str]:
    return [part.upper() for part in re.split(r"[;,\s]+", cell) if part]


def _modes(cell: str) -> list[str]:
    return [part.lower().replace(" ", "_").replace("-", "_") for part in _texts(cell.replace(",", ";"))]


def _mode(cell: str) -> str:
    return cell.lower().replace(" ", "_").replace("-", "_")


def _urns(cell: str) -> list[str]:
    return [part for part in re.split(r"[;,\s]+", cell) if part]


def _years(cell: str) -> list[int]:
    years: set[int] = set()
    for part in re.split(r"[;,\s]+", cell.replace("–", "-")):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part, re.ASCII)
        if not match:
            raise NotReadableCell("must be year groups", "write them as 7-9 or 7; 8; 11")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise NotReadableCell(f"goes from {first} down to {last}", f"write it as {last}-{first}")
        years.update(range(first, last + 1))
    return sorted(years)


def _times(cell: str) -> list[dict[str, str]]:
    stretches = []
    for part in _texts(cell):
        match = _STRETCH.fullmatch(part)
        if not match:
            raise NotReadableCell(
                f"“{part[:40]}” is not a day with its hours",
                "write each as 2027-03-02 09:00-12:00, with a semicolon between them",
            )
        day = match["iso"] or f"{match['year']}-{int(match['month']):02}-{int(match['day']):02}"
        stretches.append({"start": f"{day}T{match['from']:0>5}", "end": f"{day}T{match['to']:0>5}"})
    return stretches


CELLS: dict[str, Callable[[str], Any]] = {
    "text": _text, "upper": _upper, "whole": _whole, "number": _number, "yes": _yes_no, "texts": _texts,
    "letters": _letters, "modes": _modes, "mode": _mode, "urns": _urns, "years": _years, "times": _times,
}  # fmt: skip

_AVAILABILITY = {
    "availability": Cell("text", ("availability",), "E0001-A1", "Your own id of this offer; the same id again amends it", required=True),
    "hub": Cell("text", ("hub",), "demo", "The hub in which it is offered", required=True),
    "mode": Cell("mode", ("mode",), "in_school", "in_school, workplace or virtual", required=True),
    "times": Cell("times", ("times",), "2027-03-02 09:00-12:00; 2027-03-09 09:00-12:00", "Days with their hours; a session lies inside one", required=True),
    "repeats": Cell("text", ("repeats",), "", "A recurrence (RFC 5545) of each of the times, such as FREQ=WEEKLY;UNTIL=20270331T235959"),
    "duration_minutes": Cell("whole", ("duration_minutes",), "60", "Minutes that one session takes", required=True),
    "max_sessions": Cell("whole", ("max_sessions",), "4", "Most sessions in all; 1 if empty"),
    "seats": Cell("whole", ("seats",), "30", "Students that one session can take", required=True),
    "years": Cell("years", ("years",), "7-9; 11", "Year groups; all if empty"),
    "max_schools": Cell("whole", ("max_schools",), "", "Most schools in one session"),
    "postcode": Cell("upper", ("postcode",), "", "Where a workplace visit is, if not at the employer's own address"),
    "presenter": Cell("text", ("presenter",), "", "The person or team, if sessions of several offers can't be at one time"),
    "adjustments": Cell("texts", ("adjustments",), "step-free; signed", "Adjustments that can be met, with semicolons"),
    "purpose": Cell("yes", ("meaningful", "purpose"), "yes", "It has a clear purpose, shared with both sides"),
    "outcomes": Cell("yes", ("meaningful", "outcomes"), "yes", "It has learning outcomes that suit the students"),
    "interaction": Cell("yes", ("meaningful", "interaction"), "yes", "Students and the employer talk with each other"),
    "reflection": Cell("yes", ("meaningful", "reflection"), "yes", "There is time to reflect afterwards"),
    "employer": Cell("text", ("employer",), "", "The employer's id; your own if empty"),
    "version": Cell("whole", ("version",), "", "Leave empty: changes are counted for you"),
}  # fmt: skip

_PLEDGES = {
    "hub": Cell("text", ("hub",), "demo", "The hub in which it is pledged", required=True),
    "students": Cell("whole", ("students",), "400", "Student encounters in the academic year", required=True),
    "schools_first": Cell("urns", ("schools_first",), "900001; 900002", "URNs of schools to be served first"),
    "employer": Cell("text", ("employer",), "", "The employer's id; your own if empty"),
    "version": Cell("whole", ("version",), "", "Leave empty: changes are counted for you"),
}  # fmt: skip

_REQUESTS = {
    "group": Cell("text", ("group",), "900001-9A", "Your own id of the group (no student's name); the same id again amends it", required=True),
    "year": Cell("whole", ("year",), "9", "Year group, 7 to 13", required=True),
    "size": Cell("whole", ("size",), "28", "Students in the group", required=True),
    "calendars": Cell("texts", ("calendars",), "tutor; careers-days", "Names of calendars in your school's profile, with semicolons", required=True),
    "needed": Cell("whole", ("needed",), "1", "Encounters still needed this year, 1 to 4; 1 if empty"),
    "sectors_asked": Cell("letters", ("sectors_asked",), "C; J", "SIC 2007 sections (A to U) that are hoped for"),
    "sectors_met": Cell("letters", ("sectors_met",), "", "SIC 2007 sections met before"),
    "stem_needed": Cell("yes", ("stem_needed",), "no", "A STEM employer is needed"),
    "modes": Cell("modes", ("modes",), "in_school; workplace; virtual", "What is possible; all if empty"),
    "adjustments": Cell("texts", ("adjustments",), "", "Adjustments that must be met, with semicolons"),
    "max_travel_km": Cell("number", ("max_travel_km",), "", "Longest way to a workplace, in km; the hub's policy if empty"),
    "may_split": Cell("yes", ("may_split",), "no", "The group may be split where seats are few"),
    "school": Cell("text", ("school",), "", "The school's URN; your own if empty"),
    "version": Cell("whole", ("version",), "", "Leave empty: changes are counted for you"),
}  # fmt: skip

COLUMNS_OF: dict[str, dict[str, Cell]] = {"availability": _AVAILABILITY, "pledges": _PLEDGES, "requests": _REQUESTS}
"""The columns of each kind of file, in the template's order."""
