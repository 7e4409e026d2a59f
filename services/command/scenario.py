"""`encounters scenario`: write a seeded planning problem over invented or given schools and employers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from services.matching.planning.model import Problem
from services.matching.planning.scenario import Area, area_from_tables, fictional_area
from services.matching.planning.scenario.planted import planted_problem
from services.matching.planning.scenario.tables import (
    EMPLOYER_COLUMNS,
    SCHOOL_COLUMNS,
    TERM_COLUMNS,
    Row,
    read_employers,
    read_schools,
    read_terms,
)
from services.matching.planning.writing import problem_to_json, write_json

T = TypeVar("T")


def _columns(columns: dict[str, str]) -> str:
    return "CSV with the columns " + ", ".join(f"{name} ({meaning})" for name, meaning in columns.items()) + "."


def scenario(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the problem; `.gz` packs it.")],
    schools: Annotated[int, typer.Option(help="Invented schools, 1 to 300.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed and options always write the same bytes.")] = 1,
    seats: Annotated[str, typer.Option(help="Seats of all offers together, as a multiple of the students.")] = "1.05",
    employers: Annotated[
        int | None, typer.Option(help="Invented employers; default: as many as the seats need.")
    ] = None,
    cornerstones: Annotated[int, typer.Option(help="Employers who pledge, disadvantaged schools first.")] = 3,
    planted: Annotated[
        bool, typer.Option("--planted", help="Hide a timetable that covers every student (takes --schools and --seed).")
    ] = False,
    from_schools: Annotated[Path | None, typer.Option(help="Given schools. " + _columns(SCHOOL_COLUMNS))] = None,
    from_employers: Annotated[Path | None, typer.Option(help="Given employers. " + _columns(EMPLOYER_COLUMNS))] = None,
    terms: Annotated[Path | None, typer.Option(help="Given terms. " + _columns(TERM_COLUMNS))] = None,
) -> None:
    """Write a planning problem with realistic shapes, of invented schools and employers or of tables of real ones.

    Exit code 0: written. 2: an option or a table can't be used; the message says which, and what would be right.
    """
    notes: tuple[str, ...] = ()
    try:
        if planted:
            problem = planted_problem(schools, seed).problem
        elif from_schools or from_employers or terms:
            area = _from_tables(from_schools, from_employers, terms, seed, seats_of(seats), cornerstones)
            problem, notes = area.problem, area.notes
        else:
            problem = fictional_area(schools, seed, seats_of(seats), employers, cornerstones).problem
        write_json(output, problem_to_json(problem))
    except (ValueError, OSError) as fault:
        typer.echo(f"encounters scenario: {fault}", err=True)
        raise typer.Exit(2) from None
    for note in notes:
        typer.echo(note)
    typer.echo(f"{output}: {summary(problem)}")


def summary(problem: Problem) -> str:
    """Count what a problem holds, in one line for people."""
    students = sum(group.size for group in problem.groups)
    seats = sum(offer.max_sessions * offer.seats for offer in problem.offers)
    return (
        f"{len(problem.schools):,} schools, {len(problem.groups):,} groups, {students:,} students; "
        f"{len(problem.employers):,} employers, {len(problem.offers):,} offers, "
        f"{sum(offer.max_sessions for offer in problem.offers):,} sessions, {seats:,} seats; "
        f"{len(problem.pledges)} pledges"
    )


def register(app: typer.Typer) -> None:
    """Add the command to the product's one command."""
    app.command("scenario")(scenario)


def seats_of(text: str) -> Decimal:
    """Read the option `--seats`. Raises ValueError."""
    try:
        seats = Decimal(text)
    except InvalidOperation:
        seats = Decimal(0)
    if not (seats.is_finite() and Decimal("0.01") <= seats <= 10):
        raise ValueError(f"--seats {text}: write a multiple of the students from 0.01 to 10, e.g. 1.05")
    return seats


def _from_tables(
    schools: Path | None, employers: Path | None, terms: Path | None, seed: int, seats: Decimal, cornerstones: int
) -> Area:
    if schools is None or employers is None or terms is None:
        raise ValueError("--from-schools, --from-employers and --terms go together: give all three")
    school_parties, school_notes = _read(schools, lambda rows: read_schools(rows, seed))
    employer_parties, employer_notes = _read(employers, lambda rows: read_employers(rows, seed))
    return area_from_tables(
        school_parties,
        employer_parties,
        _read(terms, read_terms),
        seed,
        seats,
        cornerstones,
        notes=[*school_notes, *employer_notes],
    )


def _read(path: Path, parse: Callable[[list[Row]], T]) -> T:
    """Read a CSV file; a fault in it names the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return parse(list(csv.DictReader(lines)))
    except ValueError as fault:
        raise ValueError(f"{path}: {fault}") from None
