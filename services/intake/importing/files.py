"""Opening downloaded tables: plain or gzipped, UTF-8 or Windows-1252, with the columns that are needed."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Generic, TypeVar

Made = TypeVar("Made")

MOST_BYTES = 2 << 30
"""Largest table that is read, unpacked; the whole postcode directory has about 1.5 GB."""

_PROBE_CHARACTERS = 1 << 20
_POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})")


class TableRefused(ValueError):
    """A file that is not the table that it should be; the message says what is missing and where to get it."""


@dataclass(slots=True)
class Imported(Generic[Made]):
    """What a table gave: what was made, with the row of each; rows left out, by reason; and notes on what was blank.

    Rows are numbered as a spreadsheet shows them: the header is row 1.
    """

    made: list[Made] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    left_out: dict[str, list[int]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    def take(self, row: int, made: Made) -> None:
        """Take what a row made."""
        self.made.append(made)
        self.rows.append(row)

    def leave_out(self, row: int, why: str) -> None:
        """Leave a row out."""
        self.left_out.setdefault(why, []).append(row)


@contextmanager
def open_table(path: Path, encoding: str = "utf-8-sig") -> Iterator[IO[str]]:
    """Open a table as text; a `.gz` is unpacked. Bytes that are no text of the encoding are shown as �."""
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    if packed:
        with gzip.open(path, "rt", encoding=encoding, errors="replace", newline="") as text:
            yield text
    else:
        with path.open(encoding=encoding, errors="replace", newline="") as text:
            yield text


def encoding_of(path: Path) -> str:
    """Tell the encoding of a table: UTF-8 where all of it is that, else Windows-1252, as the register of schools is."""
    reading = codecs.getincrementaldecoder("utf-8")()
    try:
        with open_table(path, "latin-1") as text:
            while part := text.read(_PROBE_CHARACTERS):
                reading.decode(part.encode("latin-1"))
        reading.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    except (EOFError, gzip.BadGzipFile) as error:
        raise TableRefused(f"the packed file is damaged ({error}): download it again") from error
    return "utf-8-sig"


def rows_of(text: IO[str], needed: Sequence[str], where: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Give the rows with their numbers; raises TableRefused when `needed` columns are missing or the file is too large."""
    reader = csv.DictReader(text, restval="")
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        missing = [name for name in needed if name not in names]
        if missing:
            raise TableRefused(f"the table has no column {', '.join(missing)}: take {where}")
        reader.fieldnames = names
        read = 0
        for number, row in enumerate(reader, start=2):
            read += sum(len(cell) for cell in row.values() if isinstance(cell, str))
            if read > MOST_BYTES:
                raise TableRefused(f"the table has more than {MOST_BYTES >> 20} MB: import it in parts")
            yield number, row
    except csv.Error as error:
        raise TableRefused(f"line {reader.line_num} is not CSV ({error}): take {where}") from error
    except (EOFError, gzip.BadGzipFile) as error:
        raise TableRefused(f"the packed file is damaged ({error}): download it again") from error


def tidy_postcode(text: str) -> str | None:
    """Write a postcode as people do, with one space and capitals; None where it is none."""
    match = _POSTCODE.fullmatch("".join(text.split()).upper())
    return f"{match[1]} {match[2]}" if match else None
