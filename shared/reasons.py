"""What is wrong with a submission's shape, in words for the person who sent it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MOST_REASONS = 50
_LONGEST_SHOWN = 40

_ID = ("is no id", "use up to 100 letters, digits, spaces and . _ : / @ # + -, a letter or digit first")
_URN = ("is no URN of a school", "write its 6 digits, such as 118785")
_SECTOR = ("is no section of SIC 2007", "write a letter from A to U, such as J")
_DATE = ("is no date", "write it as 2027-03-31")
_TIME = ("is no time of day", "write it as 08:30")
_AUTHORITY = ("is no code of a local authority", "write its 3 digits, such as 886")
_FORMATS: Mapping[str, tuple[str, str]] = {
    "school": _URN,
    "schools_first": _URN,
    "company_number": ("is no company number", "write its 8 digits, or 2 letters and 6 digits such as SC123456; leave it out if there is none"),
    "postcode": ("is no postcode", "write it with one space and capitals, such as ME14 1XX"),
    "sectors": _SECTOR,
    "sectors_asked": _SECTOR,
    "sectors_met": _SECTOR,
    "stem_sectors": _SECTOR,
    "local_authority": _AUTHORITY,
    "local_authorities": _AUTHORITY,
    "employer": _ID,
    "availability": _ID,
    "group": _ID,
    "hub": _ID,
    "calendars": _ID,
    "day_start": _TIME,
    "day_end": _TIME,
    "rrule": ("is no recurrence", "write it as RFC 5545 does, such as FREQ=WEEKLY;BYDAY=TU;UNTIL=20270331T235959"),
    "contact_email": ("is no e-mail address", "write it as name@example.org"),
    "start": _DATE,
    "end": _DATE,
}  # fmt: skip
"""What a field should look like: what to say of a value that does not, and what to write instead."""

_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
_LENGTHS = {
    "too_short": ("min_length", "at least", "entries"),
    "too_long": ("max_length", "at most", "entries"),
    "string_too_short": ("min_length", "at least", "characters"),
    "string_too_long": ("max_length", "at most", "characters"),
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "tuple": "a list",
    "frozen_set": "a list",
    "dict": "an object",
    "model": "an object",
}


def reasons_of(error: ValidationError) -> list[dict[str, str]]:
    """Put what a model refuses into plain words: field (a JSON pointer), message and remedy; 50 at most."""
    faults = error.errors(include_url=False)
    lists = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    # a list whose entries are all wrong is also said to be too short: that is no fault of its own
    faults = [fault for fault in faults if not (fault["type"] == "too_short" and fault["loc"] in lists)]
    return [_reason(fault) for fault in faults[:MOST_REASONS]]


def pointer(location: Sequence[int | str]) -> str:
    """Write a place in a document as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location if part != "[key]")


def _reason(fault: ErrorDetails) -> dict[str, str]:
    message, remedy = _words(fault)
    return {"field": pointer(fault["loc"])[:500], "message": message, "remedy": remedy}


def _words(fault: ErrorDetails) -> tuple[str, str]:
    kind, context = fault["type"], fault.get("ctx", {})
    name = next((part for part in reversed(fault["loc"]) if isinstance(part, str) and part != "[key]"), "")
    value = _shown(fault["input"])
    if kind == "missing":
        return f"{name} is missing", f"give {name}"
    if kind == "extra_forbidden":
        return f"{name[:_LONGEST_SHOWN]} is no field of this submission", "take it out, or correct its spelling"
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return f"{name} is {value}", f"give {words} {context[key]}"
    if kind in _LENGTHS:
        key, words, what = _LENGTHS[kind]
        return f"{name} has too {'few' if 'short' in kind else 'many'} {what}", f"give {words} {context[key]} {what}"
    if kind == "literal_error":
        return f"{name} is {value}", f"choose {context['expected']}"
    if kind == "value_error":
        message, _, remedy = fault["msg"].removeprefix("Value error, ").partition(": ")
        return f"{name} {message}".strip() if name else message, remedy or "correct it"
    if name in _FORMATS and (kind == "string_pattern_mismatch" or kind.startswith("date")):
        message, remedy = _FORMATS[name]
        return f"{value} {message}", remedy
    expected = next((words for prefix, words in _KINDS.items() if kind.startswith(prefix)), None)
    if expected:
        return f"{name} is {value}", f"give {expected}"
    return f"{name}: {fault['msg']}", "correct it"


def _shown(value: Any) -> str:
    """Show a value that was sent, cut short; of lists and objects only that they are."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 1] + "…")
    if isinstance(value, int | float):
        return str(value)[:_LONGEST_SHOWN]
    return "an object" if isinstance(value, dict) else "a list"
