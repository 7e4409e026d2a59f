"""`encounters solve`, `check` and `explain`: the planning files on the command line, without any service.

Exit codes: 0 done, 1 rules broken, 2 a file is not a valid problem or timetable (each fault with its JSON pointer and a
remedy), or cannot be read or written.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from services.command.explaining import explanation_of_group, explanation_of_plan
from services.command.progress import interrupts, reporter
from services.command.what_if import RefusedChange, changed, effect, read_patch
from services.matching.planning.checker import Report, check_sessions
from services.matching.planning.checker import check as check_timetable
from services.matching.planning.faults import InvalidFile
from services.matching.planning.levels import reckon_levels
from services.matching.planning.model import Timetable
from services.matching.planning.reading import ProblemFile, read_problem, read_timetable
from services.matching.planning.writing import json_number, timetable_to_json, write_json

_SOLVE_HELP = """Plan a hub's academic year: the best timetable that the time allows, with its proof and its reasons.

\b
Examples:
  encounters solve problem.json -o timetable.json
  encounters solve kent.json.gz -o kent.timetable.json --seconds 180
  encounters solve problem.json -o same.json --workers 1 --deterministic

Ctrl-C ends it early with the best plan so far. Exit code 0: a valid plan is written. 2: the problem is not valid.
"""
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

Exit code 0: told. 2: a file is not valid, the timetable is of another problem, or there is no such group.
"""
_SHOWN_FINDINGS = 50

ProblemPath = Annotated[Path, typer.Argument(metavar="PROBLEM", help="The problem: .json or .json.gz.")]
TimetablePath = Annotated[Path, typer.Argument(metavar="TIMETABLE", help="The timetable: .json or .json.gz.")]


def register(app: typer.Typer) -> None:
    """Add the planning commands to the product's one command."""
    app.command(help=_SOLVE_HELP)(solve)
    app.command(help=_CHECK_HELP)(check)
    app.command(help=_EXPLAIN_HELP)(explain)


def solve(
    problem: ProblemPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the timetable; `.gz` packs it.")],
    seconds: Annotated[float, typer.Option(min=0, help="The whole budget, from process start to exit.")] = 60.0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that search; default: one a core.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed searches in another order.")] = 1,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="With --workers 1: the same bytes each time, whatever the machine.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but faults.")] = False,
    progress_json: Annotated[
        bool, typer.Option("--progress-json", help="Print progress as one JSON object a line.")
    ] = False,
    what_if: Annotated[
        Path | None,
        typer.Option(
            "--what-if",
            metavar="PATCH",
            help="Tell what a JSON Patch (RFC 6902) of the problem would do to the plan in force; "
            "the changed problem is written beside the timetable, as OUTPUT.problem.json.",
        ),
    ] = None,
    in_force: Annotated[
        Path | None,
        typer.Option("--in-force", metavar="TIMETABLE", help="With --what-if: the timetable in force."),
    ] = None,
) -> None:
    """Plan a hub's academic year."""
    from services.matching.planning.solve import Budget, Progress
    from services.matching.planning.solve import solve as plan

    stop = threading.Event()
    with interrupts(stop):
        given = problem_file = _problem(problem)
        _check_writable(output)
        if what_if is not None:
            problem_file = _changed(problem, given, what_if, in_force, output)
        budget = Budget(seconds, workers or os.cpu_count() or 1, seed, deterministic, _process_start())
        with reporter(problem_file, quiet=quiet, as_json=progress_json) as on_progress:
            timetable = plan(problem_file, budget, on_progress, stop)
            proof = timetable.proof
            on_progress(Progress("done", proof.covered, proof.bound, time.monotonic() - budget.started))
        _check_before_writing(problem_file, timetable)
        _write(output, timetable)
    if not quiet and not progress_json:
        typer.echo(
            f"{output}: {len(timetable.sessions):,} sessions, {proof.covered:,} students covered; "
            f"at most {proof.bound:,} can be (gap {proof.gap:.2%})"
        )
        if what_if is not None:
            typer.echo(effect(given.problem, problem_file, timetable))


def check(
    problem: ProblemPath,
    timetable: TimetablePath,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Check a timetable."""
    problem_file = _problem(problem, as_json=as_json)
    planned = _timetable(timetable, problem_file, as_json=as_json)
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
) -> None:
    """Tell who is left out, why, and what would help."""
    problem_file = _problem(problem)
    planned = _timetable(timetable, problem_file)
    if planned.problem_sha256 != problem_file.sha256:
        _stop(
            f"{timetable}: /problem_sha256: the timetable is of another problem. Give the problem that it was made for."
        )
    if group is not None and group not in {each.id for each in problem_file.problem.groups}:
        _stop(f"{problem}: there is no group {group!r}. Give the id of one of its groups.")
    if group is None:
        typer.echo(explanation_of_plan(problem_file.problem, planned))
    else:
        typer.echo(explanation_of_group(problem_file.problem, planned, group))


def _changed(path: Path, given: ProblemFile, patch: Path, in_force: Path | None, output: Path) -> ProblemFile:
    """Give the changed problem, and write it, so that the timetable can be checked against it."""
    told = None if in_force is None else _timetable(in_force, given)
    try:
        problem_file = changed(given, read_patch(patch), told)
    except RefusedChange as refused:
        _stop(str(refused))
    except InvalidFile as invalid:
        _refuse(path, "problem once changed", invalid, as_json=False)
    write_json(output.with_name(f"{output.name}.problem.json"), problem_file.raw)
    return problem_file


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)


def _problem(path: Path, *, as_json: bool = False) -> ProblemFile:
    try:
        return read_problem(path)
    except InvalidFile as invalid:
        _refuse(path, "problem", invalid, as_json=as_json)


def _timetable(path: Path, problem_file: ProblemFile, *, as_json: bool = False) -> Timetable:
    try:
        return read_timetable(path, time_zone=problem_file.problem.hub.time_zone)
    except InvalidFile as invalid:
        _refuse(path, "timetable", invalid, as_json=as_json)


def _refuse(path: Path, kind: str, invalid: InvalidFile, *, as_json: bool) -> NoReturn:
    if as_json:
        faults = [asdict(fault) for fault in invalid.faults]
        typer.echo(json.dumps({"holds": False, "file": str(path), "faults": faults}, ensure_ascii=False))
    count = len(invalid.faults)
    faults_in_words = "\n".join(f"  {fault}" for fault in invalid.faults)
    _stop(f"{path} is not a valid {kind} ({count} fault{'s' if count != 1 else ''}):\n{faults_in_words}")


def _check_writable(output: Path) -> None:
    """Refuse before planning what could not be written after it."""
    if output.is_dir() or not output.absolute().parent.is_dir():
        _stop(f"{output}: nothing can be written there. Name a file in a folder that exists.")


def _check_before_writing(problem_file: ProblemFile, timetable: Timetable) -> None:
    """Check rules and levels of what is about to be written; a fault here is the program's own."""
    broken = [f"{each.code}: {each.message}" for each in check_sessions(problem_file.problem, timetable.sessions)]
    reckoned = reckon_levels(problem_file.problem, timetable.sessions)
    if [(level.name, level.value) for level in timetable.levels] != [(level.name, level.value) for level in reckoned]:
        broken.append("levels: they are not those of the plan")
    if broken:
        typer.echo("The plan breaks its own rules, so it is not written. Please report this.", err=True)
        typer.echo("\n".join(broken[:_SHOWN_FINDINGS]), err=True)
        raise typer.Exit(1)


def _write(output: Path, timetable: Timetable) -> None:
    try:
        write_json(output, timetable_to_json(timetable))
    except OSError as error:
        _stop(
            f"{output}: it cannot be written ({error.strerror or error}). Name a file in a folder that you may write to."
        )


def _process_start() -> float:
    """Give the `time.monotonic()` at which this process began: the interpreter's own start belongs to the budget.

    On Linux the time since boot is exact; the time of day of a start, which psutil gives elsewhere, is up to 1 s off.
    """
    if sys.platform == "linux":
        ticks_after_boot = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks_after_boot / os.sysconf("SC_CLK_TCK")
    else:
        import psutil

        age = time.time() - psutil.Process().create_time()
    return time.monotonic() - max(0.0, age)


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
