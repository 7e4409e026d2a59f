"""Tables of schools, employers and terms are read cell by cell, and what is blank or wrong is said plainly."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from services.matching.planning.reading import problem_from_json
from services.matching.planning.scenario import Term, area_from_tables
from services.matching.planning.scenario.tables import CellRefused, read_employers, read_schools, read_terms
from services.matching.planning.writing import problem_to_json

SCHOOL = {
    "urn": "900901",
    "name": "Quillmere Academy",
    "local_authority": "991",
    "postcode": "ZZ7 1AA",
    "latitude": "52.5",
    "longitude": "0.5",
    "phase": "Secondary",
    "type": "Academy converter",
    "special": "no",
    "low_age": "11",
    "high_age": "18",
    "students_a_year": "180.4",
    "sixth_form_a_year": "90",
    "fsm_percent": "23.4",
}
EMPLOYER = {
    "name": "Fairbarrow Joinery",
    "company_number": "",
    "postcode": "ZZ7 1AB",
    "latitude": "52.51",
    "longitude": "0.52",
    "sectors": "C; m",
}
TERMS = [{"start": "2027-01-04", "end": "2027-02-12"}, {"start": "2026-09-02", "end": "2026-10-23"}]


def test_a_school_is_read() -> None:
    (school,), notes = read_schools([SCHOOL], seed=1)
    assert (school.urn, school.students_a_year, school.fsm_percent) == ("900901", 180, Decimal("23.4"))
    assert school.years == (7, 8, 9, 10, 11, 12, 13)
    assert notes == []


@pytest.mark.parametrize(
    ("low", "high", "sixth_form", "years"),
    [
        ("11", "16", "", (7, 8, 9, 10, 11)),
        ("13", "18", "60", (9, 10, 11, 12, 13)),
        ("9", "13", "", (7, 8)),
        ("4", "19", "0", (7, 8, 9, 10, 11)),
    ],
)
def test_a_school_teaches_the_years_of_its_ages(low: str, high: str, sixth_form: str, years: tuple[int, ...]) -> None:
    row = SCHOOL | {"low_age": low, "high_age": high, "sixth_form_a_year": sixth_form}
    (school,), _ = read_schools([row], seed=1)
    assert school.years == years


def test_what_is_blank_is_left_out_or_drawn_and_told() -> None:
    unsized, poor = SCHOOL | {"students_a_year": ""}, SCHOOL | {"fsm_percent": ""}
    schools, notes = read_schools([unsized, poor], seed=1)
    assert len(schools) == 1
    assert schools == read_schools([unsized, poor], seed=1)[0]
    assert notes == [
        "1 schools have no size and are left out",
        "1 schools have no free-school-meal rate: drawn with the seed",
    ]
    employers, notes = read_employers([EMPLOYER, EMPLOYER | {"sectors": ""}], seed=1)
    assert employers[0].sectors == ("C", "M")
    assert employers[0].company_number is None
    assert len(employers[1].sectors) == 1
    assert notes == ["1 employers have no sector: drawn with the seed"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("urn", "12345"),
        ("urn", "९००९०१"),
        ("name", " "),
        ("latitude", "north"),
        ("latitude", "nan"),
        ("longitude", ""),
        ("students_a_year", "many"),
        ("students_a_year", "-4"),
        ("low_age", ""),
        ("fsm_percent", "140"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named_with_its_row(column: str, value: str) -> None:
    with pytest.raises(CellRefused, match=rf"row 3, column {column}: .* write "):
        read_schools([SCHOOL, SCHOOL | {column: value}], seed=1)


@pytest.mark.parametrize("sectors", ["V", "C,M", "62012"])
def test_a_sector_is_a_section(sectors: str) -> None:
    with pytest.raises(CellRefused, match="row 2, column sectors"):
        read_employers([EMPLOYER | {"sectors": sectors}], seed=1)


def test_terms_are_put_in_order_and_do_not_end_before_they_start() -> None:
    assert read_terms(TERMS)[0] == Term(date(2026, 9, 2), date(2026, 10, 23))
    with pytest.raises(CellRefused, match="row 2, column end"):
        read_terms([{"start": "2026-09-02", "end": "2026-09-01"}])
    with pytest.raises(CellRefused, match="row 2, column start"):
        read_terms([{"start": "2 September", "end": "2026-09-01"}])


def test_an_area_of_tables_is_a_valid_problem_and_one_postcode_is_one_place() -> None:
    schools, _ = read_schools(
        [SCHOOL, SCHOOL | {"urn": "900902", "name": "Tarnwick School", "latitude": "52.6"}], seed=1
    )
    employers, _ = read_employers(
        [EMPLOYER | {"name": f"Works {at}", "postcode": "ZZ7 1AA"} for at in range(4)], seed=1
    )
    terms = read_terms([*TERMS, {"start": "2027-06-07", "end": "2027-07-21"}])
    area = area_from_tables(schools, employers, terms, seed=3, notes=["told"])
    assert problem_from_json(problem_to_json(area.problem)) == area.problem
    assert {school.position for school in area.problem.schools} == {(52.5, 0.5)}
    assert {employer.position for employer in area.problem.employers} == {(52.5, 0.5)}
    assert area.postcodes == {"ZZ7 1AA": (52.5, 0.5)}
    assert area.local_authorities == {"991": "991"}
    assert area.notes == ("told",)


def test_an_area_of_nothing_is_refused() -> None:
    schools, _ = read_schools([SCHOOL], seed=1)
    with pytest.raises(ValueError, match="at least one school with students, one employer and one term"):
        area_from_tables(schools, [], read_terms(TERMS), seed=1)
