"""What a rule is, and what is said when one is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.matching.planning.rules.view import Plan, Scope


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


@dataclass(frozen=True, slots=True)
class Rule:
    """A hard rule: its code, one sentence for coordinators, and the check that yields what breaks it in a scope."""

    code: str
    sentence: str
    check: Callable[[Plan, Scope], Iterator[Violation]]
