"""Shows how a planning run gets on: a live display for people, one JSON object a line for programs; and hears Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from services.matching.planning.reading import ProblemFile

if TYPE_CHECKING:
    from services.matching.planning.solve import Progress

_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def interrupts(stop: threading.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM ask for the end (`stop`); a second one of either kind ends the process at once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def reporter(problem_file: ProblemFile, *, quiet: bool, as_json: bool) -> Iterator[Callable[[Progress], None]]:
    """Give what a run calls to tell where it stands; terminals get a live display on stderr."""
    if as_json:
        yield _json_line
    elif quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _live_display(problem_file) as show:
            yield show
    else:
        yield _lines()


def say(stream: TextIO, line: str) -> None:
    """Write a line; where nobody reads any more (`| head`), the run goes on unheard, and its plan is not lost."""
    try:
        stream.write(line + "\n")
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _json_line(progress: Progress) -> None:
    told = {
        "phase": progress.phase,
        "covered": progress.covered,
        "bound": progress.bound,
        "seconds": round(progress.seconds, 3),
    }
    say(sys.stdout, json.dumps(told))


def _lines() -> Callable[[Progress], None]:
    """Write a line when the phase changes, and now and then."""
    last: dict[str, float | str] = {"phase": "", "seconds": 0.0}

    def tell(progress: Progress) -> None:
        if progress.phase == last["phase"] and progress.seconds < float(last["seconds"]) + _SECONDS_BETWEEN_LINES:
            return
        last.update(phase=progress.phase, seconds=progress.seconds)
        say(
            sys.stderr,
            f"{progress.seconds:6.1f} s  {progress.phase}: {progress.covered:,} covered, at most {progress.bound:,}",
        )

    return tell


@contextmanager
def _live_display(problem_file: ProblemFile) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    problem = problem_file.problem
    students = sum(group.size for group in problem.groups)

    def table(progress: Progress | None) -> Table:
        shown = Table(title=f"{problem.hub.name or problem.hub.id}, {problem.academic_year}", title_justify="left")
        for column in ("phase", "students", "covered", "at most", "gap", "seconds"):
            shown.add_column(column, justify="left" if column == "phase" else "right")
        if progress is None:
            shown.add_row("starting", f"{students:,}", "", "", "", "")
        else:
            gap = (progress.bound - progress.covered) / max(1, progress.bound)
            shown.add_row(
                progress.phase,
                f"{students:,}",
                f"{progress.covered:,}",
                f"{progress.bound:,}",
                f"{gap:.2%}",
                f"{progress.seconds:.1f}",
            )
        return shown

    with Live(table(None), console=Console(stderr=True), refresh_per_second=4) as live:
        yield lambda progress: live.update(table(progress))
