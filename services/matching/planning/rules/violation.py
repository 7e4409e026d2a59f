"""What is said when something in a plan is not as it must be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as it must be.

    `code` is a rule's code or the name of a claim, `message` tells a coordinator what is wrong, `pointer` (JSON
    pointer, into the timetable unless the message says otherwise), `sessions` and `groups` (ids) say where.
    """

    code: str
    message: str
    pointer: str = ""
    sessions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
