"""Takes the fields of one JSON object one by one, noting every fault with its pointer and going on.

After a fault a field has some harmless value of the right type: the caller never uses it, because `Faults` refuses the
whole file in the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any, Final

from services.matching.planning.clock import Clock, RefusedTime
from services.matching.planning.faults import Faults, kind_of, pointer_to, shown
from services.matching.planning.model import Minute
from services.matching.planning.strict_json import exactly

NO_LIMIT: Final = 10**15


class _Required:
    """Says that a field has no default."""


REQUIRED: Final = _Required()


class Fields:
    """One JSON object at its pointer. A missing field gives its default; `null` is no value unless the field allows it."""

    __slots__ = ("_faults", "_raw", "pointer")

    def __init__(self, raw: Any, pointer: str, faults: Faults) -> None:
        self.pointer = pointer
        self._faults = faults
        self._raw: dict[str, Any] = {}
        if isinstance(raw, dict):
            self._raw = raw
        else:
            faults.add(
                pointer,
                f"an object is expected here, not {kind_of(raw)}",
                "Write { ... } with the fields of the format",
            )
            self._faults = Faults()  # one fault is enough for an object that is none

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def fault(self, name: str, message: str, remedy: str) -> None:
        """Note a fault of one field."""
        self._faults.add(self.pointer + pointer_to(name), message, remedy)

    def raw(self, name: str, default: Any = REQUIRED, *, null_is_absent: bool = False) -> tuple[Any, bool]:
        """Give a field's raw value and whether it is there; a required one that is not there is a fault."""
        if name not in self._raw:
            if default is REQUIRED:
                self.fault(name, f"`{name}` is missing", f"Add `{name}`")
            return None, False
        value = self._raw[name]
        if value is None and null_is_absent:
            return None, False
        if value is None:
            self.fault(
                name,
                f"`{name}` is null",
                "Give it a value" if default is REQUIRED else "Give it a value or leave it out",
            )
            return None, False
        return value, True

    def text(self, name: str, default: Any = REQUIRED, *, empty: bool = False) -> str:
        """Take a text; unless `empty`, it must hold something."""
        value, there = self.raw(name, default)
        if not there:
            return "" if default is REQUIRED else str(default)
        if not isinstance(value, str):
            self.fault(name, f"`{name}` must be text, not {kind_of(value)} ({shown(value)})", "Write it in quotes")
            return ""
        if not value and not empty:
            self.fault(name, f"`{name}` is empty", "Write at least one character")
        return str(value)

    def whole(self, name: str, least: int, most: int = NO_LIMIT, default: Any = REQUIRED) -> int:
        """Take a whole number from `least` to `most`, both included."""
        value, there = self.raw(name, default)
        if not there:
            return least if default is REQUIRED else int(default)
        return self._whole(name, value, least, most)

    def whole_or_none(self, name: str, least: int, most: int = NO_LIMIT) -> int | None:
        """Take a whole number; absent and null both stand for none."""
        value, there = self.raw(name, None, null_is_absent=True)
        return self._whole(name, value, least, most) if there else None

    def _whole(self, name: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(
                name, f"`{name}` must be a whole number, not {shown(value)}", "Write a whole number, without quotes"
            )
            return least
        if not least <= value <= most:
            allowed = f"{least} or more" if most == NO_LIMIT and value < least else f"from {least} to {most:,}"
            self.fault(name, f"`{name}` is {shown(value)}, outside what is allowed", f"Write a whole number {allowed}")
            return least
        return value

    def decimal(
        self,
        name: str,
        least: str = "0",
        most: str | None = None,
        default: Any = REQUIRED,
        *,
        above_least: bool = False,
    ) -> Decimal:
        """Take a number exactly as it is written; `above_least` leaves `least` itself out."""
        value, there = self.raw(name, default)
        if not there:
            return Decimal(least) if default is REQUIRED else Decimal(default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(name, f"`{name}` must be a number, not {shown(value)}", "Write a number, without quotes")
            return Decimal(least)
        number = exactly(value) if isinstance(value, float) else Decimal(value)
        low = number <= Decimal(least) if above_least else number < Decimal(least)
        greatest = most or (f"{NO_LIMIT:,}" if number > NO_LIMIT else None)
        if low or (most is not None and number > Decimal(most)) or number > NO_LIMIT:
            allowed = f"{'above' if above_least else 'at least'} {least}" + (
                f" and at most {greatest}" if greatest else ""
            )
            self.fault(name, f"`{name}` is {shown(value)}, outside what is allowed", f"Write a number {allowed}")
            return Decimal(least)
        return number

    def flag(self, name: str, default: Any = REQUIRED) -> bool:
        """Take true or false."""
        value, there = self.raw(name, default)
        if not there:
            return default is True
        if not isinstance(value, bool):
            self.fault(
                name, f"`{name}` must be true or false, not {shown(value)}", "Write true or false, without quotes"
            )
            return False
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """Take one of the given words."""
        value = self.text(name)
        if value and value not in allowed:
            self.fault(name, f"`{name}` is {shown(value)}", f"Write one of {_in_words(allowed)}")
            return next(iter(allowed))
        return value or next(iter(allowed))

    def texts(
        self,
        name: str,
        default: Any = REQUIRED,
        *,
        allowed: Collection[str] | None = None,
        null_is_absent: bool = False,
        least: int = 0,
    ) -> tuple[str, ...]:
        """Take a list of non-empty texts, each one of `allowed` where that is given."""
        value, there = self.raw(name, default, null_is_absent=null_is_absent)
        if not there:
            return () if default is REQUIRED else tuple(default)
        if not isinstance(value, list):
            self.fault(name, f"`{name}` must be a list, not {kind_of(value)}", "Write [ ... ]")
            return ()
        if len(value) < least:
            self.fault(name, f"`{name}` is an empty list", "Name at least one")
        for place, item in enumerate(value):
            self._check_item(name, place, item, allowed)
        return tuple(item for item in value if isinstance(item, str))

    def _check_item(self, name: str, place: int, item: Any, allowed: Collection[str] | None) -> None:
        at = f"{self.pointer}{pointer_to(name)}/{place}"
        if not isinstance(item, str):
            self._faults.add(at, f"text is expected here, not {kind_of(item)} ({shown(item)})", "Write it in quotes")
        elif not item:
            self._faults.add(at, "this text is empty", "Write at least one character, or leave it out")
        elif allowed is not None and item not in allowed:
            self._faults.add(at, f"{shown(item)} is not known here", f"Write one of {_in_words(allowed)}")

    def years(self, name: str) -> frozenset[int]:
        """Take a list of year groups, 7 to 13."""
        found = set()
        for pointer, item in self.items(name):
            if isinstance(item, bool) or not isinstance(item, int) or not 7 <= item <= 13:
                self._faults.add(pointer, f"{shown(item)} is not a year group", "Write a whole number from 7 to 13")
            else:
                found.add(item)
        return frozenset(found)

    def items(
        self, name: str, default: Any = REQUIRED, *, least: int = 0, most: int = NO_LIMIT
    ) -> Iterator[tuple[str, Any]]:
        """Give the items of a list with their pointers; a list longer than `most` is refused unread."""
        value, there = self.raw(name, default)
        if not there:
            return
        at = self.pointer + pointer_to(name)
        if not isinstance(value, list):
            self._faults.add(at, f"`{name}` must be a list, not {kind_of(value)}", "Write [ ... ]")
            return
        if len(value) < least:
            self._faults.add(at, f"`{name}` is an empty list", "Give at least one")
        if len(value) > most:
            self._faults.add(at, f"`{name}` holds {len(value):,}; the most is {most:,}", "Plan one hub at a time")
            return
        for place, item in enumerate(value):
            yield f"{at}/{place}", item

    def fields(self, name: str, default: Any = REQUIRED) -> Fields:
        """Take an object; an absent one with a default is read as empty."""
        value, there = self.raw(name, default)
        silent = not there and default is REQUIRED
        return Fields(value if there else {}, self.pointer + pointer_to(name), Faults() if silent else self._faults)

    def position(self, name: str) -> tuple[float, float]:
        """Take `[latitude, longitude]` in degrees."""
        value, there = self.raw(name)
        if not there:
            return 0.0, 0.0
        numbers = isinstance(value, list) and all(
            isinstance(item, int | float) and not isinstance(item, bool) for item in value
        )
        if not numbers or len(value) != 2:
            self.fault(name, f"`{name}` must be two numbers", "Write [latitude, longitude] in degrees")
            return 0.0, 0.0
        if not (-90 <= value[0] <= 90 and -180 <= value[1] <= 180):
            self.fault(
                name,
                f"`{name}` lies outside the globe",
                "Write [latitude, longitude]: from -90 to 90, and from -180 to 180 degrees",
            )
        return float(value[0]), float(value[1])

    def time(self, name: str, clock: Clock | None) -> Minute:
        """Take a local time of the hub."""
        value, there = self.raw(name)
        if not there or clock is None:
            return 0
        return time_of(value, clock, self.pointer + pointer_to(name), self._faults)


def time_of(value: Any, clock: Clock, pointer: str, faults: Faults) -> Minute:
    """Take a local time that stands at a pointer."""
    if not isinstance(value, str):
        faults.add(
            pointer, f"a local time is expected here, not {kind_of(value)}", "Write text such as 2026-10-05T09:30"
        )
        return 0
    try:
        return clock.minute(value)
    except RefusedTime as refused:
        faults.add(pointer, refused.message, refused.remedy)
        return 0


def _in_words(words: Collection[str]) -> str:
    return ", ".join(sorted(words)) if len(words) <= 25 else "the ids that the file lists"
