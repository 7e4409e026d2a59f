"""Runs a planner on a problem file in a process of its own, within the same seconds, and judges what it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil

from services.matching.planning.checker import check, check_sessions
from services.matching.planning.levels import reckon_levels
from services.matching.planning.model import Session
from services.matching.planning.reading import ProblemFile, read_problem, read_timetable
from services.matching.planning.writing import problem_to_json, write_json
from tests.benchmarks.problems import problem_named
from tests.benchmarks.records import BestKnown, Book, Result

ENGINE = "engine"
COMMAND = [sys.executable, "-c", "from services.command.app import main; main()"]
WORKERS = 2


class Bench:
    """One benchmark run: a folder of problem files and plans, the results so far, and what is best known."""

    def __init__(self, folder: Path, version: str, book: Book, best: BestKnown, *, resume: bool) -> None:
        self.folder, self.best = folder, best
        self._version, self._book, self._resume = version, book, resume
        self._files: dict[str, tuple[Path, ProblemFile]] = {}
        self._adopted: set[str] = set()
        self._done: dict[tuple[str, str, float], Result] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def problem(self, name: str) -> tuple[Path, ProblemFile]:
        """Give a problem's file and content, made from its name at first."""
        if name not in self._files:
            path = self.folder / f"{name.replace(':', '-')}.json.gz"
            if not path.exists():
                write_json(path, problem_to_json(problem_named(name)))
            self._files[name] = path, read_problem(path)
        return self._files[name]

    def adopt(self, name: str, path: Path) -> None:
        """Take a problem file that follows from a plan: it is not the same in the next run, so nothing is kept of it."""
        self._files[name] = path, read_problem(path)
        self._adopted.add(name)

    def plan_path(self, name: str, planner: str, seconds: float) -> Path:
        """Name the file that a planner writes."""
        return self.folder / f"{name} {planner} {seconds:g}.json".replace(":", "-").replace(" ", "-").replace(",", "")

    def run(self, name: str, planner: str, seconds: float, enough: int | None = None) -> Result:
        """Run a planner once, or give the result on file; `enough` students covered is what `first` waits for."""
        path, file = self.problem(name)
        found = self._done.get((file.sha256, planner, seconds))
        if found is None and self._resume:
            found = self._book.get((file.sha256, planner, seconds, self._version))
        if found is not None:
            return found
        output = self.plan_path(name, planner, seconds)
        output.unlink(missing_ok=True)
        if planner == ENGINE:
            result = self._run_engine(name, path, file, seconds, output, enough)
        else:
            result = self._run_peer(name, path, file, planner, seconds, output)
        self._book.add(result)
        self._done[file.sha256, planner, seconds] = result
        if name not in self._adopted:
            self.best.learn(result, _command(path, planner, seconds))
        return result

    def _run_peer(self, name: str, path: Path, file: ProblemFile, planner: str, seconds: float, output: Path) -> Result:
        until = str(time.time() + seconds)
        command = [sys.executable, "-m", "tests.benchmarks.peers", planner, str(path), until, str(output)]
        began = time.monotonic()
        _finish(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), began, seconds)
        took = time.monotonic() - began
        sessions = read_timetable(output).sessions if output.exists() else ()
        return self._judge(name, file, planner, seconds, took, sessions)

    def _run_engine(
        self, name: str, path: Path, file: ProblemFile, seconds: float, output: Path, enough: int | None
    ) -> Result:
        command = [*COMMAND, "solve", str(path), "-o", str(output), "--seconds", str(seconds)]
        command += ["--workers", str(WORKERS), "--progress-json"]
        progress = output.with_suffix(".progress.jsonl")
        began = time.monotonic()
        words = output.with_suffix(".stderr.txt")
        with progress.open("w") as lines, words.open("w") as said:
            _finish(subprocess.Popen(command, stdout=lines, stderr=said), began, seconds)
        took = time.monotonic() - began
        if not output.exists():
            raise EngineFailed(name, seconds, words.read_text())
        timetable = read_timetable(output)
        began = time.monotonic()
        report = check(file, timetable)
        checked = time.monotonic() - began
        result = self._judge(name, file, ENGINE, seconds, took, timetable.sessions)
        return replace(
            result,
            holds=report.holds,
            bound=timetable.proof.bound,
            certified=report.certified_bound,
            first=_first(progress, enough or 0),
            cpu_seconds=timetable.stats.get("cpu_seconds"),
            memory_mb=timetable.stats.get("peak_memory_mb"),
            check_seconds=round(checked, 2),
        )

    def _judge(
        self, name: str, file: ProblemFile, planner: str, seconds: float, took: float, sessions: tuple[Session, ...]
    ) -> Result:
        levels = {level.name: level.value for level in reckon_levels(file.problem, sessions)}
        return Result(
            problem=name,
            sha256=file.sha256,
            planner=planner,
            budget=seconds,
            version=self._version,
            seconds=round(took, 2),
            covered=int(levels["covered"]),
            floor=float(levels["floor_shortfall"]),
            students=sum(group.size for group in file.problem.groups),
            valid=not check_sessions(file.problem, sessions),
            told=int(levels["changes"]),
        )


class EngineFailed(RuntimeError):
    """The engine wrote no timetable, which it always must: the benchmark ends, for its figures would mean nothing."""

    def __init__(self, name: str, seconds: float, said: str) -> None:
        super().__init__(f"no timetable of {name} after {seconds:g} s; the engine said: {said[-2000:]}")


def _command(path: Path, planner: str, seconds: float) -> str:
    """Write down how a result was made, for the list of what is best known."""
    if planner == ENGINE:
        return f"encounters solve {path.name} --seconds {seconds:g} --workers {WORKERS}"
    return f"python -m tests.benchmarks.peers '{planner}' {path.name}, {seconds:g} s"


def _finish(process: subprocess.Popen[bytes], began: float, seconds: float) -> None:
    """Wait for a process, and end it with all its children where it goes on for 2 s or 5 % too long."""
    try:
        process.wait(began + max(seconds + 2, 1.05 * seconds) - time.monotonic())
    except subprocess.TimeoutExpired:
        for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            each.kill()
        process.wait()


def _first(progress: Path, enough: int) -> float | None:
    """Give the seconds after which the engine first told of a plan that covers enough."""
    for line in progress.read_text().splitlines():
        told = json.loads(line)
        if told["covered"] >= max(1, enough):
            return float(told["seconds"])
    return None
