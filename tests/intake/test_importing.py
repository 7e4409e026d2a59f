"""Public tables as their publishers write them: what is usable is taken, the rest is counted with its reason."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.command.app import build
from services.command.ring import environment_of
from services.command.submitting import submit
from services.intake.app import running
from services.intake.importing.employers import company_number, read_employers
from services.intake.importing.files import TableRefused, tidy_postcode
from services.intake.importing.postcodes import read_postcodes
from services.intake.importing.schools import COLUMNS, read_schools
from services.intake.importing.sectors import section, sections
from services.intake.postcodes import put_postcodes
from shared.settings import Settings
from tests import realdata
from tests.intake.parties import make_hub

SCHOOL = {
    "URN": "118785", "EstablishmentName": "Coláiste Dénis", "LA (code)": "886", "Postcode": "ZZ1 1AA",
    "TypeOfEstablishment (name)": "Foundation school", "EstablishmentStatus (name)": "Open",
    "EstablishmentTypeGroup (name)": "Local authority maintained schools", "PhaseOfEducation (name)": "Secondary",
    "StatutoryLowAge": "11", "StatutoryHighAge": "18", "NumberOfPupils": "860", "PercentageFSM": "20.7",
    "HeadLastName": "Nobody",
}  # fmt: skip
EMPLOYER = {
    "EmployerName": "Harbour Foods Ltd", "EmployerId": "77", "PostCode": "zz22bb", "CompanyNumber": "123456",
    "SicCodes": "1110,\r\n86210", "ResponsiblePerson": "Nobody Invented",
}  # fmt: skip


def table(path: Path, rows: list[dict[str, str]], encoding: str = "utf-8") -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig"])
def test_a_school_is_read_whatever_the_encoding(tmp_path: Path, encoding: str) -> None:
    imported = read_schools(table(tmp_path / "s.csv", [SCHOOL], encoding), 7)
    (school,) = imported.made
    assert (school.school, school.name, school.version) == ("118785", "Coláiste Dénis", 7)
    assert (school.low_age, school.high_age, school.pupils, school.fsm_share) == (11, 18, 860, 0.207)
    assert "Nobody" not in school.model_dump_json()


def test_schools_left_out_are_counted_by_reason(tmp_path: Path) -> None:
    rows = [
        SCHOOL,
        SCHOOL | {"URN": "2", "StatutoryLowAge": "3", "StatutoryHighAge": "11", "PhaseOfEducation (name)": "Primary"},
        SCHOOL | {"URN": "100002", "EstablishmentStatus (name)": "Closed"},
        SCHOOL | {"URN": "12345"},
        SCHOOL,
        SCHOOL | {"URN": "100003", "StatutoryLowAge": "", "StatutoryHighAge": "", "PhaseOfEducation (name)": "Nursery"},
    ]
    imported = read_schools(table(tmp_path / "s.csv", rows), 1)
    assert imported.rows == [2]
    assert imported.left_out == {
        "no pupils aged 11 to 18": [3],
        "not open": [4],
        "not usable: school": [5],
        "the same URN as a row before": [6],
        "no ages given, and neither a secondary phase nor a special school": [7],
    }


def test_blanks_are_taken_where_they_may_be_and_noted(tmp_path: Path) -> None:
    blank = {"StatutoryLowAge": "", "StatutoryHighAge": "", "NumberOfPupils": "0", "PercentageFSM": ""}
    special = {"PhaseOfEducation (name)": "Not applicable", "TypeOfEstablishment (name)": "Community special school"}
    college = {"URN": "130000", "StatutoryLowAge": "16", "StatutoryHighAge": "99"}
    imported = read_schools(table(tmp_path / "s.csv", [SCHOOL | blank | special, SCHOOL | college]), 1)
    school, other = imported.made
    assert (school.low_age, school.high_age, school.pupils, school.fsm_share, school.special) == (
        None,
        None,
        None,
        0,
        True,
    )
    assert (other.high_age, other.special) == (25, False)
    assert sum(imported.notes.values()) == 3


def test_an_employer_is_read(tmp_path: Path) -> None:
    imported = read_employers(table(tmp_path / "e.csv", [EMPLOYER], "utf-8-sig"), 3)
    (employer,) = imported.made
    assert (employer.employer, employer.company_number, employer.postcode) == ("gpg-77", "00123456", "ZZ2 2BB")
    assert employer.sectors == {"A", "Q"}
    assert "Nobody" not in employer.model_dump_json()


def test_employers_left_out_are_counted_by_reason(tmp_path: Path) -> None:
    rows = [
        EMPLOYER | {"CompanyNumber": "", "SicCodes": "1"},
        EMPLOYER | {"EmployerId": "78", "SicCodes": ""},
        EMPLOYER | {"EmployerId": "79", "PostCode": "nowhere"},
        EMPLOYER | {"EmployerId": "", "CompanyNumber": ""},
        EMPLOYER | {"EmployerId": ""},
        EMPLOYER,
    ]
    imported = read_employers(table(tmp_path / "e.csv", rows), 1)
    assert [employer.employer for employer in imported.made] == ["gpg-77", "company-00123456"]
    assert imported.made[0].sectors == {"O"}
    assert imported.notes == {"without a company number": 1}
    assert imported.left_out == {
        "no SIC code, so no sector": [3],
        "no postcode": [4],
        "neither an employer's id nor a company number": [5],
        "the same employer as a row before": [7],
    }


@pytest.mark.parametrize(
    ("code", "letter"),
    [("01110", "A"), ("1110", "A"), ("09900", "B"), ("10110", "C"), ("35110", "D"), ("43999", "F"), ("62012", "J"),
     ("69102", "M"), ("82990", "N"), ("84110", "O"), ("99000", "U"), ("1", "O"), ("00000", None), ("34000", None),
     ("620", None), ("", None)],
)  # fmt: skip
def test_sections_of_sic_codes(code: str, letter: str | None) -> None:
    assert section(code) == letter


def test_a_list_of_codes_is_read_however_it_is_separated() -> None:
    assert sections("62012; 85310,\r\n 1110") == {"J", "P", "A"}


@pytest.mark.parametrize(
    ("text", "number"),
    [("123456", "00123456"), ("SC12345", "SC012345"), ("oc 301234", "OC301234"), ("RC000651", "RC000651"),
     ("IP12345R", "IP12345R"), ("", None), ("123456789", None), ("X1", None)],
)  # fmt: skip
def test_company_numbers_have_eight_characters(text: str, number: str | None) -> None:
    assert company_number(text) == number


@pytest.mark.parametrize(
    ("text", "postcode"),
    [("ME141XX", "ME14 1XX"), ("me14 1xx", "ME14 1XX"), ("M1  1AA", "M1 1AA"), ("EC1A1BB", "EC1A 1BB"), ("ME14", None)],
)
def test_postcodes_are_written_as_people_do(text: str, postcode: str | None) -> None:
    assert tidy_postcode(text) == postcode


@pytest.mark.parametrize(
    "header", ["pcds,lat,long", 'pcd,"lat","long"', "postcode,lat,lon", "x,Postcode,Latitude,Longitude"]
)
def test_postcode_directories_are_known_by_their_columns(tmp_path: Path, header: str) -> None:
    x = "," if header.startswith("x") else ""
    lines = [f"{x}ZZ1 1AA,51.27,0.52", f"{x}ZZ22BB,51.3,-0.6", f"{x}GY1 1AA,99.999999,0", f"{x},51,0", f"{x}ZZ3 3CC,,"]
    path = tmp_path / "p.csv.gz"
    path.write_bytes(gzip.compress("\n".join([header, *lines]).encode()))
    left_out: Counter[str] = Counter()
    assert list(read_postcodes(path, left_out)) == [("ZZ1 1AA", 51.27, 0.52), ("ZZ2 2BB", 51.3, -0.6)]
    assert left_out == {"no position": 2, "not a postcode": 1}


def test_a_table_without_the_columns_is_refused_with_what_to_take(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", [{"a": "1"}])
    with pytest.raises(TableRefused, match=r"no column URN.*get-information-schools"):
        read_schools(path, 1)
    with pytest.raises(TableRefused, match=r"EmployerName.*gender-pay-gap"):
        read_employers(path, 1)
    with pytest.raises(TableRefused, match=r"postcode, latitude, longitude.*ONS"):
        list(read_postcodes(path, Counter()))
    assert "URN" in COLUMNS


def test_a_damaged_packed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.csv.gz"
    path.write_bytes(gzip.compress(table(tmp_path / "s.csv", [SCHOOL] * 500).read_bytes())[:-20])
    with pytest.raises(TableRefused, match="damaged"):
        read_schools(path, 1)


async def test_postcodes_are_added_and_moved_in_one_go(ring_settings: Settings) -> None:
    async with running(ring_settings) as wiring:
        rows = [(f"ZZ{n // 1000} {n // 100 % 10}AA", 50 + n / 1e4, 0.1) for n in range(0, 5000, 100)]
        assert await put_postcodes(wiring.database, rows) == 50
        assert await put_postcodes(wiring.database, rows) == 0
        assert await put_postcodes(wiring.database, [(rows[0][0], 51.0, 0.1), (rows[0][0], 51.0, 0.1)]) == 1


async def test_the_commands_fill_the_register_and_say_what_came(ring_settings: Settings, tmp_path: Path) -> None:
    rows = [SCHOOL, SCHOOL | {"URN": "100002", "LA (code)": "999"}]
    postcodes = table(
        tmp_path / "p.csv", [{"pcds": code, "lat": "51", "long": "0.5"} for code in ("ZZ1 1AA", "ZZ2 2BB")]
    )
    schools, employers = table(tmp_path / "s.csv", rows, "cp1252"), table(tmp_path / "e.csv", [EMPLOYER])

    def run(what: str, path: Path) -> tuple[int, str]:
        result = CliRunner().invoke(
            build(["importing"]), ["import", what, str(path)], env=environment_of(ring_settings)
        )
        return result.exit_code, result.output

    async with running(ring_settings):
        code, said = await asyncio.to_thread(run, "postcodes", postcodes)
        assert (code, "2 postcodes are new" in said) == (0, True), said
        await submit(ring_settings, "/test", [make_hub()])
        code, said = await asyncio.to_thread(run, "schools", schools)
        assert (code, "1 taken, 1 refused" in said) == (1, True), said
        assert "row 3: local authority 999 belongs to no hub" in said
        for _ in range(2):
            code, said = await asyncio.to_thread(run, "employers", employers)
            assert (code, "1 taken, 0 refused" in said) == (0, True), said
        code, said = await asyncio.to_thread(run, "schools", postcodes)
        assert (code, "no column URN" in said) == (2, True), said


@pytest.mark.skipif(not realdata.available(), reason="the real tables lie beside the repository, not in it")
def test_the_real_tables_in_their_publishers_columns(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(realdata.gias_csv(realdata.raw("schools_kent.csv")))
    (tmp_path / "e.csv").write_bytes(realdata.gender_pay_gap_csv(realdata.raw("employers_kent.csv")))
    schools, employers = read_schools(tmp_path / "s.csv", 1), read_employers(tmp_path / "e.csv", 1)
    assert len(schools.made) >= 220
    assert sum(school.special for school in schools.made) >= 25
    assert len(employers.made) > 100
    assert len(employers.made) + sum(map(len, employers.left_out.values())) == 589
