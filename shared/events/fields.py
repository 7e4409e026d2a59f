"""Kinds of value that events are made of; each says in plain words what it refuses."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Mode = Literal["in_school", "workplace", "virtual"]

_LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
_ACADEMIC_YEAR = re.compile(r"(\d{4})/(\d{2})")


def _clean(text: str) -> str:
    """Refuse control characters (but line breaks) and lone surrogates; bring all else to Unicode's composed form."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character != "\n" for character in text):
        raise ValueError("has control characters: remove them")
    return unicodedata.normalize("NFC", text)


def _one_line(text: str) -> str:
    """Refuse line breaks, which the subject of a mail can't have."""
    if len(text.splitlines()) > 1:
        raise ValueError("has line breaks: write it on one line")
    return text


def _local_time(text: str) -> str:
    if not _LOCAL_TIME.fullmatch(text):
        raise ValueError("is no local time: write it as 2027-03-02T09:30, with no seconds and no offset")
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is not in the calendar: name a day and a time that exist") from error
    return text


def _academic_year(text: str) -> str:
    match = _ACADEMIC_YEAR.fullmatch(text)
    if not match or (int(match[1]) + 1) % 100 != int(match[2]):
        raise ValueError("is no academic year: write it as 2026/27")
    return text


_EMAIL_PART = r'[^@\s.<>()\[\]\\,;:"]+'
_EMAIL = rf"^{_EMAIL_PART}(\.{_EMAIL_PART})*@{_EMAIL_PART}(\.{_EMAIL_PART})+$"

Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:/@#+-]*$")]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_clean),
    AfterValidator(_one_line),
]
LongText = Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True), AfterValidator(_clean)]
Urn = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
CompanyNumber = Annotated[str, StringConstraints(pattern=r"^([0-9]{8}|[A-Z]{2}[0-9]{5}[0-9R])$")]
Postcode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}$")]
Sector = Annotated[str, StringConstraints(pattern=r"^[A-U]$")]
YearGroup = Annotated[int, Field(ge=7, le=13, strict=True)]
LocalTime = Annotated[str, AfterValidator(_local_time)]
AcademicYear = Annotated[str, AfterValidator(_academic_year)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=_EMAIL), AfterValidator(_clean)]
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Version = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Position = tuple[Annotated[float, Field(ge=-90, le=90)], Annotated[float, Field(ge=-180, le=180)]]
WindowPair = tuple[LocalTime, LocalTime]


class Part(BaseModel):
    """A part of an event's data; what a submission says beyond its fields is refused, not dropped in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Times(Part):
    """A stretch of local time on one day, `start` included, `end` not; or, with `rrule` (RFC 5545), its recurrence.

    "Any Tuesday morning in March" is start 2027-03-02T09:00, end 2027-03-02T12:00,
    rrule FREQ=WEEKLY;BYDAY=TU;UNTIL=20270331T235959.
    """

    start: LocalTime
    end: LocalTime
    rrule: Annotated[str, StringConstraints(max_length=500, pattern=r"^[A-Z0-9=;,:+-]+$")] | None = None


class DateSpan(Part):
    """Whole days from `start` to `end`, both included, such as a term or an INSET day."""

    start: date
    end: date
    what: Text | None = None


class Absence(Part):
    """Days on which some year groups can't be seen, such as exams."""

    years: Annotated[frozenset[YearGroup], Field(min_length=1)]
    start: date
    end: date
    what: Text | None = None


class Meaningful(Part):
    """The four tests of a meaningful encounter."""

    purpose: bool = False
    outcomes: bool = False
    interaction: bool = False
    reflection: bool = False


class AttendanceOf(Part):
    """So many students of one group of one school."""

    group: Id
    school: Urn
    year: YearGroup
    students: Count


class Reason(Part):
    """Why a submission was refused: the field, what is wrong with it, and what to do."""

    field: str
    message: str
    remedy: str
