"""What is wrong with a file, told so that the person who wrote it can put it right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MOST_FAULTS = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (an RFC 6901 JSON pointer, "" is the whole file), what, and what to do about it."""

    pointer: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.pointer or '(whole file)'}: {self.message}. {self.remedy}."


class InvalidFile(Exception):
    """A file is not a valid problem or timetable; `faults` holds everything that was found, at most `MOST_FAULTS`."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults[:MOST_FAULTS]
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Faults:
    """Gathers the faults of one file, and stops the reading when there are `MOST_FAULTS`."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, pointer: str, message: str, remedy: str) -> None:
        """Note one fault; raise `InvalidFile` once there are as many as are ever shown."""
        self.found.append(Fault(pointer, message, remedy))
        if len(self.found) >= MOST_FAULTS:
            self.refuse_if_any()

    def refuse_if_any(self) -> None:
        """Raise `InvalidFile` if anything was found."""
        if self.found:
            raise InvalidFile(self.found)


def pointer_to(*steps: object) -> str:
    """Join keys and positions to a JSON pointer, escaped as RFC 6901 asks."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def kind_of(value: Any) -> str:
    """Name the kind of a JSON value as a person would."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


def shown(value: Any) -> str:
    """Show a value inside a message: short, and never more than a line."""
    if isinstance(value, list | dict):
        return kind_of(value)
    text = (
        {True: "true", False: "false"}[value] if isinstance(value, bool) else "null" if value is None else repr(value)
    )
    return text if len(text) <= 60 else text[:57] + "..."
