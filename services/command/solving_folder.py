"""Plans a folder of hubs: each in a process of its own with one worker, some side by side, resumable.

A process that crashes, or runs out of memory, loses its own hub only. A timetable that is already there for the very
problem (by `problem_sha256`) is left alone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table

from services.command.planning_files import stop as refuse
from services.matching.planning.faults import InvalidFile
from services.matching.planning.strict_json import canonical_sha256, load_json

State = Literal["planned", "kept", "ended early", "invalid", "failed", "not begun"]
_WITHOUT_TIMETABLE = ("invalid", "failed", "not begun")
_SUFFIXES = (".json", ".json.gz")
_TICK_SECONDS = 0.1
# A process keeps its budget by itself; one that hangs is ended after so much more, that the other hubs go on.
_HANGING_FACTOR, _HANGING_SECONDS = 1.1, 120.0


@dataclass(frozen=True, slots=True)
class FolderRun:
    """What to plan: the problems of a folder, `seconds` for each, so many at one time."""

    folder: Path
    output: Path
    seconds: float
    side_by_side: int
    seed: int
    deterministic: bool


@dataclass(frozen=True, slots=True)
class Hub:
    """How one hub's problem came out; the numbers are 0 where there is no timetable, `told` is what went wrong."""

    name: str
    state: State
    students: int = 0
    covered: int = 0
    bound: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    told: str = ""

    @property
    def gap(self) -> float:
        """The part of the bound that is not covered."""
        return (self.bound - self.covered) / max(1, self.bound)


def solve_folder(run: FolderRun, stop: threading.Event, *, quiet: bool, as_json: bool) -> int:
    """Plan every problem of the folder and tell of each and of all; give the exit code.

    Exit codes: 0 every hub has its timetable; 1 a hub has none (crashed, or not begun when asked to stop); 2 a file is
    not a valid problem. Once `stop` is set, running hubs end with their best plan and no other is begun.
    """
    problems = _problems(run)
    children = _Children(stop)
    hubs: list[Hub] = []
    with ThreadPoolExecutor(run.side_by_side) as pool:
        waiting: set[Future[Hub]] = {pool.submit(_hub, run, path, children) for path in problems}
        while waiting:
            done, waiting = wait(waiting, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
            if stop.is_set():
                children.end()
            for hub in sorted((future.result() for future in done), key=lambda hub: hub.name):
                hubs.append(hub)
                _tell(hub, len(hubs), len(problems), quiet=quiet, as_json=as_json)
    hubs.sort(key=lambda hub: hub.name)
    if not quiet and not as_json:
        _summary(hubs)
    states = {hub.state for hub in hubs}
    return 2 if "invalid" in states else 1 if states & {"failed", "not begun"} else 0


class _Children:
    """The running processes, so that all can be asked to end."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._asked: set[int] = set()

    def run(self, command: Sequence[str], seconds: float) -> tuple[int, str] | None:
        """Run to the end and give exit code and what was told on stderr; None when stopped before it began."""
        with self._lock:
            if self.stop.is_set():
                return None
            # In a session of its own: Ctrl-C reaches it once, from here, and not from the terminal as well.
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(child)
        try:
            _, told = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            _, told = child.communicate()
        finally:
            with self._lock:
                self._running.discard(child)
        return child.returncode, told.strip()

    def end(self) -> None:
        """Ask each running process once to end with its best plan."""
        with self._lock:
            for child in self._running:
                if child.pid not in self._asked and child.poll() is None:
                    self._asked.add(child.pid)
                    child.send_signal(signal.SIGTERM)


def _problems(run: FolderRun) -> list[Path]:
    if run.output.exists() and (not run.output.is_dir() or run.output.samefile(run.folder)):
        refuse(f"{run.output}: timetables of a folder go to another folder. Name one with -o; it is made if need be.")
    try:
        problems = [path for path in sorted(run.folder.iterdir()) if path.name.endswith(_SUFFIXES) and path.is_file()]
        run.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}. Name folders that you may read and write.")
    if not problems:
        refuse(f"{run.folder}: there is no problem in it. Put problems there as .json or .json.gz.")
    return problems


def _hub(run: FolderRun, problem: Path, children: _Children) -> Hub:
    """Plan one hub, unless its timetable is there; never raises for what a file or a process does."""
    suffix = next(suffix for suffix in reversed(_SUFFIXES) if problem.name.endswith(suffix))
    name = problem.name.removesuffix(suffix)
    timetable = run.output / f"{name}.timetable{suffix}"
    try:
        if timetable.exists() and not children.stop.is_set():
            kept = _outcome(name, "kept", problem, timetable)
            if kept:
                return kept
        begun = time.monotonic()
        ended = children.run(_command(run, problem, timetable), run.seconds * _HANGING_FACTOR + _HANGING_SECONDS)
        code, told = ended or (0, "")
        if ended is None or (children.stop.is_set() and code == -signal.SIGTERM):
            return Hub(name, "not begun")  # or asked to end before it could hear that
        if code == 0:
            early = children.stop.is_set() and time.monotonic() - begun < run.seconds
            planned = _outcome(name, "ended early" if early else "planned", problem, timetable)
            return planned or Hub(name, "failed", told="its timetable cannot be read back")
        if code == 2:
            return Hub(name, "invalid", told=told)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Hub(name, "failed", told=f"its process ended with {how}. {told[-2000:]}".rstrip())
    except InvalidFile as invalid:
        return Hub(name, "invalid", told=f"{problem}: {invalid}")
    except OSError as error:
        return Hub(name, "failed", told=str(error))


def _command(run: FolderRun, problem: Path, timetable: Path) -> list[str]:
    command = [sys.executable, "-m", "services.command.app", "solve", str(problem.absolute()), "--quiet"]
    command += ["-o", str(timetable.absolute()), "--workers", "1"]
    command += ["--seconds", str(run.seconds), "--seed", str(run.seed)]
    return [*command, "--deterministic"] if run.deterministic else command


def _outcome(name: str, state: State, problem: Path, timetable: Path) -> Hub | None:
    """Read how a timetable came out; None where it is not one of this problem. Raises `InvalidFile` of the problem."""
    tree = load_json(problem)
    try:
        planned = load_json(timetable)
        if planned["problem_sha256"] != canonical_sha256(tree):
            return None
        proof, stats = planned["proof"], planned["stats"]
        students = sum(group["size"] for group in tree["groups"])
        seconds = float(stats["seconds"]), float(stats["cpu_seconds"])
        return Hub(name, state, students, int(proof["covered"]), int(proof["bound"]), *seconds)
    except (InvalidFile, KeyError, TypeError, ValueError):
        return None  # not a timetable as this command writes it: it is planned again


def _tell(hub: Hub, done: int, of: int, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        told = {
            "hub": hub.name,
            "state": hub.state,
            "done": done,
            "of": of,
            "students": hub.students,
            "covered": hub.covered,
            "bound": hub.bound,
            "gap": hub.gap,
            "seconds": hub.seconds,
            "cpu_seconds": hub.cpu_seconds,
        }
        typer.echo(json.dumps(told, ensure_ascii=False))
    if hub.told:
        typer.echo(f"{hub.name}: {hub.told}", err=True)
    if not quiet and not as_json:
        typer.echo(f"{done}/{of}  {hub.name}: {_in_words(hub)}")


def _in_words(hub: Hub) -> str:
    if hub.state in _WITHOUT_TIMETABLE:
        return hub.state
    reached = f"{hub.covered:,} of {hub.students:,} students covered, at most {hub.bound:,} (gap {hub.gap:.2%})"
    return reached if hub.state == "planned" else f"{reached}, {hub.state}"


def _summary(hubs: Sequence[Hub]) -> None:
    planned = [hub for hub in hubs if hub.state not in _WITHOUT_TIMETABLE]
    table = Table(title=f"{len(planned):,} of {len(hubs):,} hubs planned", title_justify="left")
    for column in ("hub", "students", "covered", "at most", "gap", "CPU s", "state"):
        table.add_column(column, justify="left" if column in ("hub", "state") else "right", overflow="fold")
    for row in _rows(hubs):
        table.add_row(*row)
    table.add_section()
    everything = Hub(
        "all",
        "planned",
        sum(hub.students for hub in planned),
        sum(hub.covered for hub in planned),
        sum(hub.bound for hub in planned),
        cpu_seconds=sum(hub.cpu_seconds for hub in planned),
    )
    table.add_row(*next(_rows([everything]))[:-1], "")
    Console().print(table)
    for state, meaning in _REMARKS.items():
        names = [hub.name for hub in hubs if hub.state == state]
        if names:
            typer.echo(f"{meaning}: {', '.join(names)}")


_REMARKS: dict[State, str] = {
    "kept": "Left alone, a timetable of the same problem was there",
    "ended early": "Ended early with the best plan so far (remove its timetable to have it planned longer)",
    "invalid": "Not a valid problem",
    "failed": "Failed (the same command tries again)",
    "not begun": "Not begun (the same command goes on with them)",
}


def _rows(hubs: Sequence[Hub]) -> Iterator[tuple[str, ...]]:
    for hub in hubs:
        if hub.state in _WITHOUT_TIMETABLE:
            yield (hub.name, "", "", "", "", "", hub.state)
        else:
            numbers = (f"{hub.students:,}", f"{hub.covered:,}", f"{hub.bound:,}", f"{hub.gap:.2%}")
            yield (hub.name, *numbers, f"{hub.cpu_seconds:,.1f}", hub.state)
