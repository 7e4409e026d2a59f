"""Reads and writes the planning files of a command; what cannot be used ends it with exit code 2 and says why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import typer

from services.matching.planning.faults import Fault, InvalidFile
from services.matching.planning.model import Timetable
from services.matching.planning.reading import ProblemFile, read_problem, read_timetable
from services.matching.planning.writing import write_json

_SHOWN_FINDINGS = 50


def stop(message: str) -> NoReturn:
    """Say why nothing can be done, and end with exit code 2."""
    typer.echo(message, err=True)
    raise typer.Exit(2)


def given_problem(path: Path, *, as_json: bool = False) -> ProblemFile:
    """Read the problem that was given, or tell all its faults and end with exit code 2."""
    try:
        return read_problem(path)
    except InvalidFile as invalid:
        refuse(f"{path} is not a valid problem", path, invalid.faults, as_json=as_json)


def given_timetable(path: Path, problem_file: ProblemFile, *, as_json: bool = False) -> Timetable:
    """Read a timetable, of whatever problem it is, or tell all its faults and end with exit code 2."""
    try:
        return read_timetable(path, time_zone=problem_file.problem.hub.time_zone)
    except InvalidFile as invalid:
        refuse(f"{path} is not a valid timetable", path, invalid.faults, as_json=as_json)


def timetable_of_problem(path: Path, problem_file: ProblemFile) -> Timetable:
    """Read the timetable of this very problem, or end with exit code 2."""
    planned = given_timetable(path, problem_file)
    if planned.problem_sha256 != problem_file.sha256:
        stop(f"{path}: /problem_sha256: the timetable is of another problem. Give the problem that it was made for.")
    return planned


def sound_timetable_of_problem(path: Path, problem_file: ProblemFile) -> Timetable:
    """Read a timetable of this very problem that keeps every hard rule, or end with exit code 2."""
    from services.matching.planning.checker import check_sessions

    planned = timetable_of_problem(path, problem_file)
    broken = check_sessions(problem_file.problem, planned.sessions)
    if broken:
        stop(f"{path}: {broken[0].pointer}: the plan breaks a rule: {broken[0].message} `check` tells all findings.")
    return planned


def refuse(what: str, path: Path, faults: Iterable[Fault], *, as_json: bool = False) -> NoReturn:
    """Tell all faults of a file, as one JSON object too where that was asked for, and end with exit code 2."""
    found = list(faults)
    if as_json:
        told = {"holds": False, "file": str(path), "faults": [asdict(fault) for fault in found]}
        typer.echo(json.dumps(told, ensure_ascii=False))
    in_words = "\n".join(f"  {fault}" for fault in found)
    stop(f"{what} ({len(found)} fault{'s' if len(found) != 1 else ''}):\n{in_words}")


def check_writable(output: Path) -> None:
    """Refuse before planning what could not be written after it."""
    if output.is_dir() or not output.absolute().parent.is_dir():
        stop(f"{output}: nothing can be written there. Name a file in a folder that exists.")


def check_before_writing(problem_file: ProblemFile, timetable: Timetable) -> None:
    """Check rules and levels of what is about to be written; a fault here is the program's own (exit code 1)."""
    from services.matching.planning.checker import check_sessions
    from services.matching.planning.levels import reckon_levels

    broken = [f"{each.code}: {each.message}" for each in check_sessions(problem_file.problem, timetable.sessions)]
    reckoned = reckon_levels(problem_file.problem, timetable.sessions)
    if [(level.name, level.value) for level in timetable.levels] != [(level.name, level.value) for level in reckoned]:
        broken.append("levels: they are not those of the plan")
    if broken:
        typer.echo("The plan breaks its own rules, so it is not written. Please report this.", err=True)
        typer.echo("\n".join(broken[:_SHOWN_FINDINGS]), err=True)
        raise typer.Exit(1)


def write(output: Path, tree: Any) -> None:
    """Write a JSON tree, or end with exit code 2."""
    try:
        write_json(output, tree)
    except OSError as error:
        stop(
            f"{output}: it cannot be written ({error.strerror or error}). Name a file in a folder that you may write to."
        )
