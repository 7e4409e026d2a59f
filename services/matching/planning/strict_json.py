"""Reads JSON (RFC 8259) strictly and within limits, and gives it its canonical form (RFC 8785).

Refused, with a pointer where there is one: a file above the limit (also after unpacking), text that is not UTF-8 or not
JSON, keys that stand twice in one object, NaN and Infinity, numbers beyond a double, lone surrogates, deep nesting.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from math import isinf
from pathlib import Path
from typing import IO, Any

import rfc8785

from services.matching.planning.faults import Fault, InvalidFile, pointer_to

LIMIT_BYTES = 64 * 1024 * 1024
MOST_LEVELS_OF_NESTING = 100
MOST_CONTAINERS = 2_000_000
_GZIP = b"\x1f\x8b"
_DIGITS_A_DOUBLE_KEEPS = 15
_LONGEST_NUMBER = 300
_GREATEST_WHOLE_DOUBLE = 2**53 - 1


class WrittenNumber(float):
    """A decimal with more digits than a double keeps: the double (for the hash), and the number as it was written."""

    __slots__ = ("written",)
    written: str


class NotStrictJson(InvalidFile):
    """A file holds what JSON must not; `tree` is all of it as far as it can be read, so that other faults can be told too."""

    def __init__(self, faults: list[Fault], tree: Any) -> None:
        super().__init__(faults)
        self.tree = tree


class _Refused:
    """Stands in the tree for something that JSON must not hold, until its pointer is known."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy


class _RepeatedKeys(dict[str, Any]):
    """An object in which keys stand more than once."""

    repeated: tuple[str, ...] = ()


def exactly(number: float) -> Decimal:
    """Give the decimal that was written for a number read by `load_json`."""
    if isinstance(number, WrittenNumber):
        return Decimal(number.written)
    return Decimal(repr(number))


def canonical_bytes(tree: Any) -> bytes:
    """Give the canonical JSON (RFC 8785) of a tree; whole numbers beyond 2**53 count as the doubles they are read as.

    Raises `InvalidFile` where the tree is nested deeper than a reader can follow.
    """
    try:
        return rfc8785.dumps(tree)
    except rfc8785.IntegerDomainError:
        return rfc8785.dumps(_as_doubles(tree))
    except RecursionError:
        return bytes(_refuse_deep_nesting())


def canonical_sha256(tree: Any) -> str:
    """Give the SHA-256 of a tree's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_bytes(tree)).hexdigest()


def load_json(source: Path | bytes, *, limit_bytes: int = LIMIT_BYTES) -> Any:
    """Read JSON from a file or from bytes, packed with gzip or not; raise `InvalidFile` for what is no strict JSON.

    At most `limit_bytes` are read, and at most as many are unpacked, so that neither a huge file nor a gz bomb fills
    the memory. Numbers with a fraction come as `float` (`WrittenNumber` where a double drops digits), whole ones as `int`.
    """
    text = _decode(_read_bytes(source, limit_bytes))
    if text.count("{") + text.count("[") > MOST_CONTAINERS:  # each takes much more memory than text
        _refuse(
            f"the file holds more than {MOST_CONTAINERS:,} lists and objects",
            "Plan one hub at a time, and leave out what the format does not ask for",
        )
    loader = _Loader()
    try:
        tree = json.loads(
            text,
            object_pairs_hook=loader.object,
            parse_float=loader.decimal,
            parse_int=loader.whole,
            parse_constant=loader.constant,
        )
        if loader.refused_any or "\\ud" in text or "\\uD" in text:
            _refuse_what_is_no_json(tree)
        _refuse_beyond_limit_of_nesting(tree)
        return tree
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        _refuse(f"this is not JSON: {error.msg} at {where}", f"Correct the text at {where}")
    except RecursionError:
        _refuse_deep_nesting()


def _refuse_beyond_limit_of_nesting(tree: Any) -> None:
    """Refuse what is nested so deeply that not every reader can follow."""
    level, levels = [tree], 0
    while level:
        level = [
            part
            for whole in level
            if isinstance(whole, dict | list)
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, dict | list)
        ]
        levels += 1
        if levels > MOST_LEVELS_OF_NESTING + 1:  # the file itself is one
            _refuse_deep_nesting()


def _refuse_deep_nesting() -> Any:
    _refuse("lists and objects are nested too deeply", f"Nest at most {MOST_LEVELS_OF_NESTING} levels deep")


def _refuse(message: str, remedy: str) -> Any:
    raise InvalidFile([Fault("", message, remedy)]) from None


def _read_bytes(source: Path | bytes, limit_bytes: int) -> bytes:
    try:
        raw = source[: limit_bytes + 1] if isinstance(source, bytes) else _read_file(source, limit_bytes)
        if raw[:2] == _GZIP and len(raw) <= limit_bytes:
            raw = _unpack(source, limit_bytes)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        _refuse(f"the gzip data is damaged ({error})", "Pack the file again, or give it unpacked")
    except OSError as error:
        _refuse(
            f"the file cannot be read ({error.strerror or error})", "Give the path of a readable .json or .json.gz file"
        )
    if len(raw) > limit_bytes:
        _refuse(
            f"the file holds more than {limit_bytes / 1_048_576:g} MiB (unpacked)",
            "Plan one hub at a time, and leave out what the format does not ask for",
        )
    return raw


def _read_file(path: Path, limit_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit_bytes + 1)


def _unpack(source: Path | bytes, limit_bytes: int) -> bytes:
    file: IO[bytes]
    with (
        io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file,
        gzip.GzipFile(fileobj=file) as packed,
    ):
        return packed.read(limit_bytes + 1)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return str(_refuse(f"the text is not UTF-8 (byte {error.start})", "Save the file as UTF-8"))


class _Loader:
    """The hooks of one reading; what JSON must not hold is marked in the tree and told afterwards with its pointer."""

    def __init__(self) -> None:
        self.refused_any = False

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        self.refused_any = True
        marked = _RepeatedKeys(found)
        times = Counter(key for key, _ in pairs)
        marked.repeated = tuple(key for key in found if times[key] > 1)
        return marked

    def refused(self, message: str, remedy: str) -> Any:
        self.refused_any = True
        return _Refused(message, remedy)

    def constant(self, name: str) -> Any:
        return self.refused(f"{name} is not a number in JSON", "Write a number")

    def whole(self, text: str) -> Any:
        if len(text) > _LONGEST_NUMBER:
            return self.refused(f"a number of {len(text)} digits", f"Write at most {_LONGEST_NUMBER} characters")
        return int(text)

    def decimal(self, text: str) -> Any:
        if len(text) > _LONGEST_NUMBER:
            return self.refused(f"a number of {len(text)} characters", f"Write at most {_LONGEST_NUMBER}")
        number = float(text)
        mantissa = text.lower().partition("e")[0]
        if isinf(number) or (number == 0 and mantissa.strip("-0.")):
            return self.refused(f"{text[:40]} is beyond what a double can hold", "Write a number of a usual size")
        if number.is_integer() and abs(number) <= _GREATEST_WHOLE_DOUBLE and Decimal(text) == int(number):
            return int(number)
        if len(text) <= _DIGITS_A_DOUBLE_KEEPS and "e" not in text and "E" not in text:
            return number
        kept = WrittenNumber(number)
        kept.written = text
        return kept


def _refuse_what_is_no_json(tree: Any) -> None:
    found = [fault for fault, _ in zip(_broken_places(tree), range(50), strict=False)]
    if found:
        raise NotStrictJson(found, tree)


def _broken_places(tree: Any) -> Iterator[Fault]:
    waiting: list[tuple[str, Any]] = [("", tree)]
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, _Refused):
            yield Fault(pointer, value.message, value.remedy)
        elif isinstance(value, str):
            if has_lone_surrogate(value):
                yield Fault(pointer, "the text holds half a character (a lone surrogate)", "Write the whole character")
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{place}", item) for place, item in enumerate(value)][::-1]
        elif isinstance(value, dict):
            if isinstance(value, _RepeatedKeys):
                for key in value.repeated:
                    named = pointer + pointer_to(_printable(key))
                    yield Fault(named, "this key stands more than once in one object", "Keep one of them")
            for key in value:
                if has_lone_surrogate(key):
                    yield Fault(pointer, "a key holds half a character (a lone surrogate)", "Write the whole character")
            waiting += [(pointer + pointer_to(_printable(key)), item) for key, item in value.items()][::-1]


def has_lone_surrogate(text: str) -> bool:
    """Tell whether a text holds half a character, which no encoding can write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _printable(key: str) -> str:
    return key.encode(errors="backslashreplace").decode()


def _as_doubles(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _as_doubles(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_as_doubles(item) for item in tree]
    if isinstance(tree, int) and not isinstance(tree, bool) and abs(tree) > _GREATEST_WHOLE_DOUBLE:
        return float(tree)
    return tree
