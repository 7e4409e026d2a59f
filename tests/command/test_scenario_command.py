"""`encounters scenario` writes valid problems, and says what is wrong with an option or a table."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from services.command.scenario import register
from services.matching.planning.reading import read_problem
from services.matching.planning.scenario import fictional_area

app = typer.Typer()
register(app)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_it_writes_the_problem_of_its_options(tmp_path: Path) -> None:
    path = tmp_path / "problem.json"
    result = run("--schools", 3, "--seed", 5, "--seats", "0.7", "--employers", 7, "--cornerstones", 2, "-o", path)
    assert result.exit_code == 0
    problem = read_problem(path).problem
    assert len(problem.schools) == 3
    assert len(problem.employers) == 7
    assert len(problem.pledges) == 2
    assert f"{len(problem.groups)} groups" in result.output


def test_defaults_are_a_hub_of_twelve_schools(tmp_path: Path) -> None:
    path = tmp_path / "problem.json.gz"
    assert run("-o", path).exit_code == 0
    assert read_problem(path).problem == fictional_area(12, 1).problem


def test_it_plants(tmp_path: Path) -> None:
    path = tmp_path / "planted.json"
    assert run("--planted", "--schools", 12, "-o", path).exit_code == 0
    assert read_problem(path).problem.pledges == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--seats", "lots"), "--seats lots"),
        (("--seats", "nan"), "--seats nan"),
        (("--schools", "0"), "1 to 300 schools"),
        (("--terms", "terms.csv"), "give all three"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path: Path, options: tuple[str, str], said: str) -> None:
    result = run(*options, "-o", tmp_path / "problem.json")
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "problem.json").exists()


def test_a_fault_in_a_table_names_file_row_and_column(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("schools.csv", "employers.csv", "terms.csv")]
    for path in paths:
        with path.open("w", newline="") as lines:
            csv.writer(lines).writerows([["urn", "students_a_year"], ["12", "180"]])
    result = run(
        "--from-schools", paths[0], "--from-employers", paths[1], "--terms", paths[2], "-o", tmp_path / "p.json"
    )
    assert result.exit_code == 2
    assert "schools.csv: row 2, column urn" in result.output.replace("\n", "")
