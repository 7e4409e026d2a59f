"""Faults that the events' models find, in words that a person at a school or an employer understands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from services.portal.problems import FieldFault
from shared.reasons import pointer

MOST_FAULTS = 50

_EXPECTED = {
    "school": ("is not a URN", "give the school's URN: 6 digits, such as 118901"),
    "schools_first": ("has something that is not a URN", "give each school's URN: 6 digits, such as 118901"),
    "postcode": ("is not a postcode", "write it in capitals with one space, such as CT9 1NX"),
    "company_number": ("is not a company number", "give 8 digits, or two letters and 6 digits, such as SC123456"),
    "sectors": ("has something that is not a sector", "give SIC 2007 sections: letters from A to U"),
    "sectors_asked": ("has something that is not a sector", "give SIC 2007 sections: letters from A to U"),
    "sectors_met": ("has something that is not a sector", "give SIC 2007 sections: letters from A to U"),
    "stem_sectors": ("has something that is not a sector", "give SIC 2007 sections: letters from A to U"),
    "rrule": ("is not a recurrence", "write it as RFC 5545 does, such as FREQ=WEEKLY;BYDAY=TU"),
    "local_authority": ("is not a local authority's code", "give its 3 digits, such as 886 for Kent"),
    "local_authorities": ("has something that is not a local authority's code", "give 3 digits, such as 886 for Kent"),
    "contact_email": ("is not an e-mail address", "write it as name@example.org"),
    "day_start": ("is not a time of day", "write it as 08:30"),
    "day_end": ("is not a time of day", "write it as 15:30"),
}
_ID = (
    "has characters that an id can't have",
    "begin with a letter or digit; then letters, digits, spaces and . _ : / @ # + - may follow",
)


def faults_of(errors: Iterable[Mapping[str, Any]], model: type[BaseModel] | None = None) -> list[FieldFault]:
    """Say up to 50 of pydantic's errors in plain words; `model`'s fields are named where one is not known."""
    faults = []
    for error in list(errors)[:MOST_FAULTS]:
        place = [str(part) for part in error["loc"]]
        message, remedy = _say(error, place, model)
        faults.append(FieldFault(field=pointer(place) or "/", message=message, remedy=remedy))
    return faults


def _say(error: Mapping[str, Any], place: list[str], model: type[BaseModel] | None) -> tuple[str, str]:
    kind: str = error["type"]
    context: Mapping[str, Any] = error.get("ctx") or {}
    if kind == "missing":
        return "is missing", "add it"
    if kind == "extra_forbidden":
        known = ", ".join(model.model_fields) if model and len(place) == 1 else ""
        return "is not a field that is known here", f"remove it, or correct its spelling{': ' + known if known else ''}"
    if kind == "string_pattern_mismatch":
        return next((_EXPECTED[part] for part in reversed(place) if part in _EXPECTED), _ID)
    if kind == "value_error":
        message = str(error["msg"]).removeprefix("Value error, ")
        return message, "correct it and send it again"
    for names, say in _SAYINGS:
        if kind in names:
            said: tuple[str, str] = say(context)
            return said
    return str(error["msg"])[:1].lower() + str(error["msg"])[1:], "correct it and send it again"


def _number(word: str, key: str) -> Any:
    return lambda context: (f"must be {word} {context[key]}", f"give a number that is {word} {context[key]}")


_SAYINGS: tuple[tuple[frozenset[str], Any], ...] = (
    (frozenset({"greater_than_equal"}), _number("at least", "ge")),
    (frozenset({"less_than_equal"}), _number("at most", "le")),
    (frozenset({"greater_than"}), _number("more than", "gt")),
    (frozenset({"less_than"}), _number("less than", "lt")),
    (
        frozenset({"int_type", "int_parsing", "int_from_float", "int_parsing_size"}),
        lambda _: ("must be a whole number", "give a whole number, such as 30"),
    ),
    (frozenset({"float_type", "float_parsing", "finite_number"}), lambda _: ("must be a number", "give a number, such as 12.5")),
    (
        frozenset({"bool_type", "bool_parsing"}),
        lambda _: ("must be true or false", "give true or false (in a file: yes or no)"),
    ),
    (frozenset({"string_type", "string_sub_type"}), lambda _: ("must be text", "put it in quotation marks")),
    (frozenset({"string_unicode"}), lambda _: ("has characters that are no text", "remove them")),
    (frozenset({"string_too_short"}), lambda _: ("is empty", "fill it in")),
    (
        frozenset({"string_too_long"}),
        lambda context: (f"is longer than {context['max_length']} characters", "make it shorter"),
    ),
    (
        frozenset({"too_short"}),
        lambda context: (f"has fewer than {context['min_length']}", f"give at least {context['min_length']}"),
    ),
    (
        frozenset({"too_long"}),
        lambda context: (f"has more than {context['max_length']}", f"give at most {context['max_length']}"),
    ),
    (
        frozenset({"literal_error"}),
        lambda context: (f"must be {context['expected']}".replace("'", ""), "take one of these"),
    ),
    (
        frozenset({"date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"}),
        lambda _: ("is not a date", "write it as 2026-10-26"),
    ),
    (
        frozenset({"tuple_type", "list_type", "frozen_set_type", "set_type"}),
        lambda _: ("must be a list", "put it in square brackets"),
    ),
    (
        frozenset({"model_type", "model_attributes_type", "dict_type"}),
        lambda _: ("must be an object with fields", "put it in braces"),
    ),
)  # fmt: skip
