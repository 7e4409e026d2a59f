"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


@dataclass(frozen=True, slots=True)
class Rule:
    """A hard rule: its code, one sentence for coordinators, and the check that yields what breaks it in a scope."""

    code: str
    sentence: str
    check: Callable[[Plan, Scope], Iterator[Violation]]
