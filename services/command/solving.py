"""`encounters solve`: a problem, or a folder of them, becomes timetables, without any service.

What is loaded before the workers have their jobs is kept light: they set out the sooner. Exit codes: 0 done, 1 a hub of a
folder has no timetable, 2 a file is not a valid problem (each fault with its JSON pointer and a remedy), or cannot be read
or written.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.command.planning_files import (
    check_before_writing,
    check_writable,
    given_problem,
    refuse,
    sound_timetable_of_problem,
    stop,
    write,
)
from services.command.progress import interrupts, reporter, say
from services.matching.planning.faults import InvalidFile
from services.matching.planning.model import Timetable
from services.matching.planning.reading import ProblemFile
from services.matching.planning.telling import how_known
from services.matching.planning.writing import timetable_to_json

if TYPE_CHECKING:
    from services.matching.planning.search.crew import Crew
    from services.matching.planning.solve import Budget

_SOLVE_HELP = """Plan a hub's academic year: the best timetable that the time allows, with its proof and its reasons.

\b
Examples:
  encounters solve problem.json -o timetable.json
  encounters solve kent.json.gz -o kent.timetable.json --seconds 180
  encounters solve problem.json -o same.json --workers 1 --deterministic

Ctrl-C ends it early with the best plan so far. Exit code 0: a valid plan is written. 2: the problem is not valid.

A folder of problems (.json, .json.gz): each hub gets --seconds and one worker, --workers of them side by side; one that
crashes loses itself only, and the same command goes on where it was ended. Exit code 1: a hub is without its timetable.

\b
  encounters solve hubs -o timetables --seconds 180

What if: --what-if names a JSON Patch (RFC 6902) of the problem, --from the timetable in force. The changed problem is planned
as a repair of it, and the effect is told: who gains, who loses, whom it touches.

\b
  encounters solve problem.json --what-if patch.json --from timetable.json -o new.json --problem-out changed.json
"""

ProblemsPath = Annotated[
    Path, typer.Argument(metavar="PROBLEM", help="The problem: .json or .json.gz; or a folder of problems.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the product's one command."""
    app.command(help=_SOLVE_HELP)(solve)


def solve(
    problem: ProblemsPath,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Where to write the timetable (`.gz` packs it); a folder for a folder."),
    ],
    seconds: Annotated[float, typer.Option(min=0, help="The whole budget, from process start to exit.")] = 60.0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that search; default: one a core.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed searches in another order.")] = 1,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="With --workers 1: the same bytes each time, whatever the machine.")
    ] = False,
    what_if: Annotated[
        Path | None, typer.Option(help="A JSON Patch of the problem: plan the problem so changed.")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="With --what-if: the timetable in force; default: what the problem has in force."),
    ] = None,
    problem_out: Annotated[
        Path | None, typer.Option(help="With --what-if: where to write the changed problem, for `check`.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but faults.")] = False,
    progress_json: Annotated[
        bool, typer.Option("--progress-json", help="Print progress as one JSON object a line.")
    ] = False,
) -> None:
    """Plan a hub's academic year, or that of each hub in a folder."""
    if what_if is None and (from_ or problem_out):
        stop("--from and --problem-out belong to --what-if: name the patch, or leave them out.")
    side_by_side = workers or os.cpu_count() or 1
    asked_to_end = threading.Event()
    with interrupts(asked_to_end):
        from services.matching.planning.solve import Budget, start_crew

        if problem.is_dir():
            from services.command.solving_folder import FolderRun, solve_folder

            if what_if:
                stop(f"{problem}: --what-if is asked of one problem, and this is a folder. Name one of its files.")
            run = FolderRun(problem, output, seconds, side_by_side, seed, deterministic)
            raise typer.Exit(solve_folder(run, asked_to_end, quiet=quiet, as_json=progress_json))
        with start_crew() as crew:
            given = problem_file = given_problem(problem)
            check_writable(output)
            if what_if:
                problem_file = _patched(given, what_if, from_)
                if problem_out:
                    check_writable(problem_out)
                    write(problem_out, problem_file.raw)
            budget = Budget(seconds, side_by_side, seed, deterministic, _process_start())
            timetable = _planned(problem_file, budget, asked_to_end, crew, quiet=quiet, as_json=progress_json)
        write(output, timetable_to_json(timetable))
    if quiet or progress_json:
        return
    told: list[str] = []
    if what_if:
        from services.command.what_if import effect

        told += effect(given.problem, problem_file.problem, timetable)
    proof, students = timetable.proof, sum(group.size for group in problem_file.problem.groups)
    how = how_known(proof.bound, students, proof.method, proof.certified_bound)
    told.append(
        f"{output}: {len(timetable.sessions):,} sessions, {proof.covered:,} students covered; "
        f"at most {proof.bound:,} could be ({how}), a gap of {proof.gap:.2%}"
    )
    if problem_file.problem.in_force is not None and not what_if:
        from services.command.explaining import touched_in_words

        told += touched_in_words(problem_file.problem, timetable.sessions)
    say(sys.stdout, "\n".join(told))


def _patched(given: ProblemFile, patch: Path, in_force: Path | None) -> ProblemFile:
    """Give the changed problem as a repair of the timetable in force, or of what the problem itself has in force."""
    from services.command.what_if import DoesNotApply, patched_problem, read_patch

    if in_force:
        sessions = sound_timetable_of_problem(in_force, given).sessions
    elif given.problem.in_force is not None:
        sessions = given.problem.in_force
    else:
        stop("No plan is in force in the problem: name the timetable that is, with --from.")
    try:
        return patched_problem(given, read_patch(patch), sessions)
    except DoesNotApply as refused:
        refuse(f"{patch} does not apply to the problem", patch, [refused.fault])
    except InvalidFile as invalid:
        refuse(f"{patch} leaves no valid problem", patch, invalid.faults)


def _planned(
    problem_file: ProblemFile,
    budget: Budget,
    asked_to_end: threading.Event,
    crew: Crew,
    *,
    quiet: bool,
    as_json: bool,
) -> Timetable:
    """Plan within the budget, tell how it gets on, and check what came out."""
    from services.matching.planning.solve import Progress
    from services.matching.planning.solve import solve as plan

    with reporter(problem_file, quiet=quiet, as_json=as_json) as on_progress:
        timetable = plan(problem_file, budget, on_progress, asked_to_end, crew)
        proof = timetable.proof
        on_progress(Progress("done", proof.covered, proof.bound, time.monotonic() - budget.started))
    check_before_writing(problem_file, timetable)
    return timetable


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
