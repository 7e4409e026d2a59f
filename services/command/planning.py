"""`encounters check` and `explain`: the planning files on the command line, without any service.

Exit codes: 0 done, 1 rules broken, 2 a file is not a valid problem or timetable (each fault with its JSON pointer and a
remedy), or cannot be read or written.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from services.command.explaining import (
    asked_set_in_words,
    explanation_of_group,
    explanation_of_plan,
    with_help,
    with_help_for,
)
from services.command.planning_files import (
    given_problem,
    given_timetable,
    sound_timetable_of_problem,
    stop,
    timetable_of_problem,
)
from services.matching.planning.checker import Report
from services.matching.planning.checker import check as check_timetable
from services.matching.planning.model import Timetable
from services.matching.planning.writing import json_number

_CHECK_HELP = """Check a timetable without any solver: every rule, every level, the proof's certificate, every reason and remedy.

\b
Examples:
  encounters check problem.json timetable.json
  encounters check problem.json timetable.json --json

Exit code 0: all holds. 1: something is broken; each finding is told. 2: a file is not a valid problem or timetable.
"""
_EXPLAIN_HELP = """Tell in plain English who is left out, why, and what would help.

\b
Examples:
  encounters explain problem.json timetable.json
  encounters explain problem.json timetable.json --group hartsdown-9b
  encounters explain problem.json timetable.json --asks 600

Exit code 0: told. 2: a file is not valid, the timetable is of another problem, or there is no such group.
"""
_SHOWN_FINDINGS = 50
_ASKING_SECONDS = 60.0

ProblemPath = Annotated[Path, typer.Argument(metavar="PROBLEM", help="The problem: .json or .json.gz.")]
TimetablePath = Annotated[Path, typer.Argument(metavar="TIMETABLE", help="The timetable: .json or .json.gz.")]


def register(app: typer.Typer) -> None:
    """Add the planning commands to the product's one command."""
    app.command(help=_CHECK_HELP)(check)
    app.command(help=_EXPLAIN_HELP)(explain)


def check(
    problem: ProblemPath,
    timetable: TimetablePath,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Check a timetable."""
    problem_file = given_problem(problem, as_json=as_json)
    planned = given_timetable(timetable, problem_file, as_json=as_json)
    report = check_timetable(problem_file, planned)
    if as_json:
        typer.echo(json.dumps(_report_as_json(report, planned), ensure_ascii=False))
    else:
        _print_report(report, planned)
    raise typer.Exit(0 if report.holds else 1)


def explain(
    problem: ProblemPath,
    timetable: TimetablePath,
    group: Annotated[str | None, typer.Option("--group", help="Tell of this group only (its id).")] = None,
    asks: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="MINUTES",
            help="Find the best set of asks within so many minutes of people's time (about a minute).",
        ),
    ] = None,
) -> None:
    """Tell who is left out, why, and what would help."""
    problem_file = given_problem(problem)
    if asks is None:
        planned = timetable_of_problem(timetable, problem_file)
    else:
        planned = sound_timetable_of_problem(timetable, problem_file)
    if group is not None and asks is not None:
        stop("--asks is about everybody and --group about one group: leave one of them out.")
    if group is not None and group not in {each.id for each in problem_file.problem.groups}:
        stop(f"{problem}: there is no group {group!r}. Give the id of one of its groups.")
    if group is not None:
        helped = with_help_for(problem_file, planned, group)
        typer.echo(explanation_of_group(problem_file.problem, helped, group))
        return
    typer.echo(explanation_of_plan(problem_file.problem, with_help(problem_file, planned)))
    if asks is not None:
        from services.matching.planning.remedies import best_set

        asked = best_set(problem_file, planned.sessions, minutes=asks, seconds=_ASKING_SECONDS)
        typer.echo("\n" + asked_set_in_words(asked, asks))
    elif planned.unmet:
        typer.echo("\n`--asks MINUTES` finds the asks that together help most within so many minutes of people's time.")


def _report_as_json(report: Report, timetable: Timetable) -> dict[str, object]:
    return {
        "holds": report.holds,
        "students": report.students,
        "covered": report.covered,
        "certified_bound": report.certified_bound,
        "proof": {
            "bound": timetable.proof.bound,
            "gap": timetable.proof.gap,
            "method": timetable.proof.method,
        },
        "levels": [{"name": level.name, "value": json_number(level.value)} for level in report.levels],
        "violations": [asdict(violation) for violation in report.violations],
    }


def _print_report(report: Report, timetable: Timetable) -> None:
    for violation in report.violations[:_SHOWN_FINDINGS]:
        typer.echo(f"{violation.code} {violation.pointer or '(whole plan)'}: {violation.message}")
    if len(report.violations) > _SHOWN_FINDINGS:
        typer.echo(f"... and {len(report.violations) - _SHOWN_FINDINGS:,} more")
    levels = ", ".join(f"{level.name} {level.value:,}" for level in report.levels)
    typer.echo(
        f"{report.covered:,} of {report.students:,} students covered; certified: at most {report.certified_bound:,} can be."
    )
    if timetable.proof.bound < report.certified_bound:
        typer.echo(f"A search says at most {timetable.proof.bound:,}; that rests on running it again.")
    typer.echo(f"Levels: {levels}.")
    if report.holds:
        typer.echo(
            f"All holds: {len(timetable.sessions):,} sessions, every rule, level and claim, "
            f"{len(timetable.unmet):,} reasons, {len(timetable.remedies):,} remedies."
        )
    else:
        typer.echo(f"{len(report.violations):,} findings.")
