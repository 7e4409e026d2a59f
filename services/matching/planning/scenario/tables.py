"""Tables of schools, employers and terms, as rows of text, read into what a scenario is made of.

The columns are `SCHOOL_COLUMNS`, `EMPLOYER_COLUMNS` and `TERM_COLUMNS`; others are ignored. A blank cell is an answer
only where it is said to be one, and what is drawn or left out for it is told in the notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from services.matching.planning.model import Position
from services.matching.planning.scenario.area import EmployerParty, SchoolParty
from services.matching.planning.scenario.draw import Draw
from services.matching.planning.scenario.groups import SECTORS_ASKED
from services.matching.planning.scenario.terms import Term

SCHOOL_COLUMNS = {
    "urn": "6 digits",
    "name": "as people say it",
    "local_authority": "code of 3 digits",
    "postcode": "e.g. ZZ1 1AA",
    "latitude": "degrees, WGS 84",
    "longitude": "degrees, WGS 84",
    "phase": "e.g. Secondary",
    "type": "e.g. Academy converter",
    "special": "yes or no",
    "low_age": "statutory, in years",
    "high_age": "statutory, in years",
    "students_a_year": "in each of Years 7 to 11; blank: the school is left out",
    "sixth_form_a_year": "in each of Years 12 and 13; blank: none",
    "fsm_percent": "eligible for free school meals; blank: drawn",
}
EMPLOYER_COLUMNS = {
    "name": "as people say it",
    "company_number": "8 characters; blank: none",
    "postcode": "e.g. ZZ1 1AA",
    "latitude": "degrees, WGS 84",
    "longitude": "degrees, WGS 84",
    "sectors": "SIC 2007 sections, e.g. C;M; blank: drawn",
}
TERM_COLUMNS = {"start": "first day, YYYY-MM-DD", "end": "last day, YYYY-MM-DD"}
TRUE = {"yes", "true", "1"}

T = TypeVar("T")
Row = Mapping[str, str | None]


class CellRefused(ValueError):
    """A cell of a table says nothing that can be used; the message names row, column and what would be right."""

    def __init__(self, row: int, column: str, value: str, wanted: str) -> None:
        super().__init__(f"row {row}, column {column}: {value!r} is not usable; write {wanted}")


class _Cells:
    """The cells of one row, read by what they must be; rows are numbered as a spreadsheet does, the header being 1."""

    def __init__(self, number: int, row: Row, columns: Mapping[str, str]) -> None:
        self._number, self._row, self._columns = number, row, columns

    def text(self, column: str) -> str:
        return (self._row.get(column) or "").strip()

    def read(self, column: str, parse: Callable[[str], T]) -> T:
        text = self.text(column)
        try:
            return parse(text)
        except (ValueError, InvalidOperation):
            raise CellRefused(self._number, column, text, self._columns[column]) from None

    def position(self) -> Position:
        return self.read("latitude", _degrees), self.read("longitude", _degrees)


def read_schools(rows: Iterable[Row], seed: int) -> tuple[list[SchoolParty], list[str]]:
    """Read a table of schools; return them and notes on what was blank. Raises CellRefused."""
    schools, unsized, drawn = [], 0, 0
    for number, row in enumerate(rows, start=2):
        cells = _Cells(number, row, SCHOOL_COLUMNS)
        if not cells.text("students_a_year"):
            unsized += 1
            continue
        urn = cells.read("urn", _urn)
        fsm = cells.text("fsm_percent")
        drawn += not fsm
        schools.append(
            SchoolParty(
                urn=urn,
                name=cells.read("name", _some_text),
                local_authority=cells.read("local_authority", _some_text),
                postcode=cells.read("postcode", _some_text),
                position=cells.position(),
                phase=cells.text("phase"),
                type=cells.text("type"),
                special=cells.text("special").lower() in TRUE,
                low_age=cells.read("low_age", int),
                high_age=cells.read("high_age", int),
                students_a_year=cells.read("students_a_year", _count),
                sixth_form_a_year=cells.read("sixth_form_a_year", lambda text: _count(text or "0")),
                fsm_percent=cells.read("fsm_percent", _percent)
                if fsm
                else Decimal(Draw("fsm", seed, urn).between(80, 400)) / 10,
            )
        )
    notes = [f"{unsized} schools have no size and are left out"] if unsized else []
    return schools, notes + ([f"{drawn} schools have no free-school-meal rate: drawn with the seed"] if drawn else [])


def read_employers(rows: Iterable[Row], seed: int) -> tuple[list[EmployerParty], list[str]]:
    """Read a table of employers; return them and notes on what was blank. Raises CellRefused."""
    employers, drawn = [], 0
    draw = Draw("sectors", seed)
    for number, row in enumerate(rows, start=2):
        cells = _Cells(number, row, EMPLOYER_COLUMNS)
        sectors = cells.read("sectors", _sectors)
        drawn += not sectors
        employers.append(
            EmployerParty(
                id=f"E{number - 1:04d}",
                name=cells.read("name", _some_text),
                company_number=cells.text("company_number") or None,
                postcode=cells.read("postcode", _some_text),
                position=cells.position(),
                sectors=sectors or (draw.weighted(SECTORS_ASKED),),
            )
        )
    return employers, [f"{drawn} employers have no sector: drawn with the seed"] if drawn else []


def read_terms(rows: Iterable[Row]) -> tuple[Term, ...]:
    """Read a table of terms, in order. Raises CellRefused, also where a term ends before it starts."""
    terms = []
    for number, row in enumerate(rows, start=2):
        cells = _Cells(number, row, TERM_COLUMNS)
        term = Term(cells.read("start", date.fromisoformat), cells.read("end", date.fromisoformat))
        if term.end < term.start:
            raise CellRefused(number, "end", cells.text("end"), "a day that is not before the start")
        terms.append(term)
    return tuple(sorted(terms))


def _some_text(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def _urn(text: str) -> str:
    if not (len(text) == 6 and text.isascii() and text.isdigit()):
        raise ValueError(text)
    return text


def _degrees(text: str) -> float:
    degrees = float(text)
    if not -180 <= degrees <= 180:
        raise ValueError(text)
    return round(degrees, 6)


def _count(text: str) -> int:
    """Read a count of students; an estimate such as 144.8 is rounded to the nearest whole student."""
    count = int(Decimal(text) + Decimal("0.5"))
    if not 0 <= count <= 5000:
        raise ValueError(text)
    return count


def _percent(text: str) -> Decimal:
    percent = Decimal(text)
    if not 0 <= percent <= 100:
        raise ValueError(text)
    return percent


def _sectors(text: str) -> tuple[str, ...]:
    sectors = {part.strip().upper() for part in text.split(";") if part.strip()}
    if any(sector not in "ABCDEFGHIJKLMNOPQRSTU" or len(sector) > 1 for sector in sectors):
        raise ValueError(text)
    return tuple(sorted(sectors))
