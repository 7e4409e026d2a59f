"""Reads the two planning files; what is wrong with one is told all at once by `InvalidFile`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from services.matching.planning.clock import Clock
from services.matching.planning.collecting import nothing_collected
from services.matching.planning.faults import Fault, Faults, InvalidFile
from services.matching.planning.model import Problem, Timetable
from services.matching.planning.reading_problem import ProblemReader
from services.matching.planning.reading_timetable import timetable_of
from services.matching.planning.references import check_pinned, check_references
from services.matching.planning.strict_json import (
    LIMIT_BYTES,
    NotStrictJson,
    canonical_sha256,
    has_lone_surrogate,
    load_json,
)

__all__ = [
    "LIMIT_BYTES",
    "Fault",
    "InvalidFile",
    "ProblemFile",
    "problem_file_from_json",
    "problem_from_json",
    "read_problem",
    "read_timetable",
    "reread_patched",
    "timetable_from_json",
]


@dataclass(frozen=True)
class ProblemFile:
    """A valid problem, and its JSON as it was written (unknown fields included)."""

    problem: Problem
    raw: dict[str, Any] = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """The hash that timetables name the problem by, reckoned when first asked for (half a second for a county)."""
        return canonical_sha256(self.raw)

    def kept_records(self) -> dict[int, Any]:
        """Give every record by the `id` of the raw part that it was read from, for `reread_patched`."""
        problem, kept = self.problem, dict[int, Any]()
        for name in ("schools", "groups", "employers", "offers", "pledges", "pinned", "forbidden"):
            kept.update(zip(map(id, self.raw.get(name, ())), getattr(problem, name), strict=True))
        kept[id(self.raw.get("in_force"))] = problem.in_force
        kept.update((id(windows), problem.calendars[name]) for name, windows in self.raw["calendars"].items())
        return kept


@nothing_collected()
def read_problem(source: Path | bytes, *, limit_bytes: int = LIMIT_BYTES) -> ProblemFile:
    """Read a problem from a `.json` or `.json.gz` file, or from the bytes of one.

    Raises `InvalidFile` with up to 50 faults, each with its JSON pointer and a remedy. At most `limit_bytes` are read
    or unpacked.
    """
    try:
        tree = load_json(source, limit_bytes=limit_bytes)
    except NotStrictJson as refused:
        raise _with_the_rest(refused, _read_problem) from None
    return problem_file_from_json(tree)


@nothing_collected()
def problem_file_from_json(tree: Any) -> ProblemFile:
    """Make a problem file of a JSON tree (as of `writing.problem_to_json`); raises `InvalidFile`."""
    return ProblemFile(problem_from_json(tree), tree)


def problem_from_json(tree: Any) -> Problem:
    """Make a problem of a JSON tree; raises `InvalidFile` with everything that is wrong."""
    faults = Faults()
    problem = _read_problem(tree, faults)
    faults.refuse_if_any()
    check_pinned(problem, faults)
    faults.refuse_if_any()
    return problem


def _read_problem(tree: Any, faults: Faults) -> Problem:
    problem = ProblemReader(tree, faults).read()
    check_references(problem, faults)
    return problem


def reread_patched(tree: dict[str, Any], kept: dict[int, Any]) -> Problem:
    """Make a problem of a patched tree that shares with a problem file what the patch left alone; raises `InvalidFile`.

    `kept` is that file's `kept_records`. Only the parts that are new are read, and all references are checked. The patch must leave the policy and where
    employers are alone (`patches.apply_patch` does). Pins are not held against the rules: a plan that keeps all rules
    holds them, and shows that they can be kept.
    """
    faults = Faults()
    problem = ProblemReader(tree, faults, kept).read()
    check_references(problem, faults)
    faults.refuse_if_any()
    return problem


@nothing_collected()
def read_timetable(source: Path | bytes, *, time_zone: str | None = None, limit_bytes: int = LIMIT_BYTES) -> Timetable:
    """Read a timetable from a `.json` or `.json.gz` file, or from the bytes of one.

    `time_zone` is the hub's: with it, starts that its clocks skip or show twice are refused. Raises `InvalidFile`.
    """
    try:
        tree = load_json(source, limit_bytes=limit_bytes)
    except NotStrictJson as refused:
        clock = Clock(time_zone or "UTC")
        raise _with_the_rest(refused, lambda tree, faults: timetable_of(tree, clock, faults)) from None
    return timetable_from_json(tree, time_zone=time_zone)


def timetable_from_json(tree: Any, *, time_zone: str | None = None) -> Timetable:
    """Make a timetable of a JSON tree; raises `InvalidFile` with everything that is wrong."""
    faults = Faults()
    timetable = timetable_of(tree, Clock(time_zone or "UTC"), faults)
    faults.refuse_if_any()
    return timetable


def _with_the_rest(refused: NotStrictJson, read: Callable[[Any, Faults], object]) -> InvalidFile:
    """Add what else is wrong with a file that is no strict JSON, so that all is told at once."""
    faults = Faults()
    with suppress(InvalidFile):  # as many as are ever shown
        read(refused.tree, faults)
    told = {fault.pointer for fault in refused.faults}
    more = (fault for fault in faults.found if fault.pointer not in told and not has_lone_surrogate(str(fault)))
    return InvalidFile([*refused.faults, *more])
