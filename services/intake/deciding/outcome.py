"""What can come of a submission."""

from __future__ import annotations

from dataclasses import dataclass

from shared.events.facts import Fact
from shared.events.fields import Reason

MOST_REASONS = 50


@dataclass(frozen=True, slots=True)
class Accepted:
    """The submission became facts: its own, and new versions of those that depend on it."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The submission was refused; all reasons at once, up to 50."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class ChangedNothing:
    """The submission says what the register holds already."""


Outcome = Accepted | Refused | ChangedNothing


@dataclass(frozen=True, slots=True)
class Built:
    """A fact as a submission makes it, and what speaks against it; without a hub there may be no fact."""

    fact: Fact | None
    reasons: tuple[Reason, ...]
    hub: str | None = None


def refuse(pointer: str, message: str, remedy: str) -> Reason:
    """Name the field (a JSON pointer), what is wrong, and what to do."""
    return Reason(field=pointer, message=message, remedy=remedy)
