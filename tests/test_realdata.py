"""The adapter over the real open data; all of this is skipped where the data is not beside the repository."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from services.command.scenario import register
from services.matching.planning.reading import problem_from_json, read_problem
from services.matching.planning.scenario.terms import day_of
from services.matching.planning.writing import problem_to_json
from tests import realdata

pytestmark = pytest.mark.skipif(not realdata.available(), reason="the real open data is not beside the repository")


def test_kent_is_a_county() -> None:
    area = realdata.area(realdata.tables())
    problem = area.problem
    students = sum(group.size for group in problem.groups)
    assert len(problem.schools) == 130
    assert 105_000 < students < 120_000
    assert 280 <= len(problem.offers) <= 360
    assert sum(offer.max_sessions * offer.seats for offer in problem.offers) == pytest.approx(1.05 * students, rel=0.01)
    assert max(group.size for group in problem.groups) <= 30
    assert len(area.terms) == 6
    assert any("no sector" in note for note in area.notes)
    assert problem_from_json(problem_to_json(problem)) == problem


def test_real_windows_lie_in_the_real_terms() -> None:
    area = realdata.area(realdata.town_tables())
    for windows in area.problem.calendars.values():
        assert all(any(term.start <= day_of(window.start) <= term.end for term in area.terms) for window in windows)


def test_a_town_has_fifteen_schools_and_a_small_authority_its_own_employers() -> None:
    assert len(realdata.area(realdata.town_tables()).problem.schools) == 15
    tables = realdata.tables("Hartlepool")
    assert tables.code == "805"
    assert len(tables.employers) >= 4 * len(tables.schools)
    with pytest.raises(LookupError, match="Atlantis"):
        realdata.tables("Atlantis")


def test_the_tables_go_through_the_command(tmp_path: Path) -> None:
    source = realdata.town_tables(schools=4)
    paths = {name: tmp_path / f"{name}.csv" for name in ("schools", "employers", "terms")}
    realdata.write_table(paths["schools"], source.schools)
    realdata.write_table(paths["employers"], source.employers)
    realdata.write_table(paths["terms"], source.terms)
    app = typer.Typer()
    register(app)
    options = ["--from-schools", paths["schools"], "--from-employers", paths["employers"], "--terms", paths["terms"]]
    result = CliRunner().invoke(app, [*map(str, options), "--seed", "3", "-o", str(tmp_path / "problem.json")])
    assert result.exit_code == 0, result.output
    written = read_problem(tmp_path / "problem.json").problem
    direct = realdata.area(source, seed=3).problem
    assert (written.schools, written.groups, written.offers) == (direct.schools, direct.groups, direct.offers)


def test_schools_are_written_as_the_register_writes_them() -> None:
    rows = realdata.raw("schools_kent.csv")
    text = realdata.gias_csv(rows).decode("cp1252")
    read = list(csv.DictReader(io.StringIO(text)))
    assert len(read) == len(rows)
    assert read[0]["URN"] == "118785"
    assert {"LA (code)", "EstablishmentName", "TypeOfEstablishment (name)", "StatutoryLowAge", "Postcode"} <= set(
        read[0]
    )
    groups = {row["TypeOfEstablishment (name)"]: row["EstablishmentTypeGroup (name)"] for row in read}
    assert groups["Academy special converter"] == "Academies"
    assert groups["Community special school"] == "Special schools"
    assert groups["Other independent special school"] == "Independent schools"
    assert groups["Foundation school"] == "Local authority maintained schools"


def test_employers_and_postcodes_are_written_as_their_publishers_write_them() -> None:
    rows = realdata.raw("employers_kent.csv")
    read = list(csv.DictReader(io.StringIO(realdata.gender_pay_gap_csv(rows).decode("utf-8-sig"), newline="")))
    assert len(read) == len(rows)
    assert {"EmployerName", "EmployerId", "Address", "PostCode", "CompanyNumber", "SicCodes", "EmployerSize"} <= set(
        read[0]
    )
    assert any("\n" in row["SicCodes"] for row in read)
    (place,) = csv.DictReader(io.StringIO(realdata.postcode_directory_csv({"CT2 9DT": (51.3, 1.05)}).decode()))
    assert place == {"pcd": "CT2 9DT", "pcds": "CT2 9DT", "doterm": "", "lat": "51.3", "long": "1.05"}
