"""`encounters solve --what-if PATCH.json`: what a change of the problem would do to the plan in force."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonpatch
import jsonpointer

from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import Problem, Session, Timetable
from services.matching.planning.reading import ProblemFile, problem_file_from_json
from services.matching.planning.rules import Known, Plan
from services.matching.planning.writing import session_to_json

_NAMED = 8


class RefusedChange(Exception):
    """The change cannot be tried; it tells why and what to do."""


def read_patch(path: Path) -> list[dict[str, Any]]:
    """Read a JSON Patch (RFC 6902): a list of operations. Raises `RefusedChange`."""
    try:
        patch = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RefusedChange(f"{path}: it cannot be read as JSON ({error}). Give a JSON Patch (RFC 6902).") from error
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise RefusedChange(
            f'{path}: a JSON Patch (RFC 6902) is a list of operations such as {{"op": "replace", ...}}.'
        )
    return patch


def changed(problem_file: ProblemFile, patch: list[dict[str, Any]], in_force: Timetable | None) -> ProblemFile:
    """Give the changed problem, as a repair of the plan in force: that timetable, or what the problem itself has.

    Raises `RefusedChange` where the patch does not apply or nothing is in force, and `InvalidFile` where the changed
    problem is not valid.
    """
    tree = deepcopy(problem_file.raw)
    if in_force is not None:
        tree["in_force"] = {"sessions": [session_to_json(session) for session in in_force.sessions]}
    if tree.get("in_force") is None:
        raise RefusedChange("No plan is in force in the problem. Name the timetable that is, with --in-force.")
    try:
        tree = jsonpatch.JsonPatch(patch).apply(tree, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, ValueError) as error:
        raise RefusedChange(f"The patch does not apply: {error}.") from error
    tree["policy"] = {**(tree.get("policy") or {}), "repair": True}
    return problem_file_from_json(tree)


def effect(before: Problem, after: ProblemFile, timetable: Timetable) -> str:
    """Say what the change does: students covered before and after, who is moved, whom it touches."""
    told: tuple[Session, ...] = after.problem.in_force or ()
    was, now = _covered(before, told), timetable.proof.covered
    changes = next((int(level.value) for level in timetable.levels if level.name == "changes"), 0)
    lines = [
        f"What if: {now:,} students covered instead of {was:,} ({now - was:+,}); "
        f"{changes:,} students who have been told would be moved."
    ]
    touched = timetable.stats.get("touched", {})
    for kind, records in (("Employers", after.problem.employers), ("Schools", after.problem.schools)):
        sides = touched.get(kind.lower(), {})
        names = {record.id: record.name or record.id for record in records}
        parts = [
            f"{names.get(id_, id_)} (-{counts.get('gone', 0)} +{counts.get('new', 0)})" for id_, counts in sides.items()
        ]
        if parts:
            more = f" and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
            lines.append(f"{kind} touched, with students gone and new: {', '.join(parts[:_NAMED])}{more}.")
    return "\n".join(lines)


def _covered(problem: Problem, sessions: tuple[Session, ...]) -> int:
    return sum(covered_by_group(Plan(Known(problem), sessions)).values())
