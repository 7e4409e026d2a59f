"""What a scenario knows beside its planning problem: the parties as they would register themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.matching.planning.model import Position, Problem
from services.matching.planning.scenario.terms import Term


@dataclass(frozen=True, slots=True)
class SchoolParty:
    """A school as a register lists it, before it has asked for anything.

    `students_a_year` is the size of a year group in Years 7 to 11, `sixth_form_a_year` in Years 12 and 13 (0: none).
    `fsm_percent` is the share of pupils eligible for free school meals, in percent.
    """

    urn: str
    name: str
    local_authority: str
    postcode: str
    position: Position
    phase: str
    type: str
    special: bool
    low_age: int
    high_age: int
    students_a_year: int
    sixth_form_a_year: int
    fsm_percent: Decimal

    @property
    def years(self) -> tuple[int, ...]:
        """The year groups from 7 to 13 that the school teaches: pupils of Year 7 turn 12, those of Year 13 turn 18."""
        lower = [year for year in range(7, 12) if self.low_age <= year + 4 and year + 5 <= self.high_age]
        upper = [12, 13] if self.sixth_form_a_year and self.high_age >= 18 else []
        return tuple((lower if self.students_a_year else []) + upper)


@dataclass(frozen=True, slots=True)
class EmployerParty:
    """An employer as it would register: `sectors` are SIC 2007 sections; a sole trader has no company number."""

    id: str
    name: str
    company_number: str | None
    postcode: str
    position: Position
    sectors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absence:
    """Dates, first and last included, on which a year group sees no visitor: mock exams, or exams to the year's end."""

    year: int
    start: date
    end: date
    reason: str


@dataclass(frozen=True, slots=True)
class SchoolProfile:
    """What a school says about itself: its days without pupils, its bell times and its exams.

    `bell` are the lessons of a day as (start, end) in minutes past midnight. The windows of the school's groups in the
    problem already leave out `closures` and the `absences` of their year.
    """

    party: SchoolParty
    hosting_limit: int
    closures: tuple[date, ...]
    bell: tuple[tuple[int, int], ...]
    absences: tuple[Absence, ...]
    contact_email: str


@dataclass(frozen=True, slots=True)
class EmployerProfile:
    """An employer and the invented address that its mail goes to."""

    party: EmployerParty
    contact_email: str


@dataclass(frozen=True, slots=True)
class Area:
    """A hub's planning problem, and all that its schools and employers would have to submit to arrive at it.

    `local_authorities` maps a code to a name; `postcodes` is the postcode table: every party's position is that of its
    postcode. `notes` say in plain words what was missing in the tables and has been drawn.
    """

    problem: Problem
    local_authorities: dict[str, str]
    terms: tuple[Term, ...]
    postcodes: dict[str, Position]
    schools: tuple[SchoolProfile, ...]
    employers: tuple[EmployerProfile, ...]
    notes: tuple[str, ...] = ()
