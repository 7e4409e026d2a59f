"""What if: a problem changed by a JSON Patch (RFC 6902), and in plain words what that does to the plan in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonpatch
import jsonpointer

from services.command.explaining import touched_in_words
from services.matching.planning.faults import Fault, kind_of, pointer_to, shown
from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import Problem, Session, Timetable
from services.matching.planning.reading import ProblemFile, problem_file_from_json
from services.matching.planning.rules import Known, Plan
from services.matching.planning.strict_json import load_json
from services.matching.planning.telling import how_known, name_group
from services.matching.planning.writing import session_to_json

_NAMED = 10
_FAILS = (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, ValueError)


class DoesNotApply(Exception):
    """An operation of a patch does not apply; the fault's pointer is its place in the patch."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


def read_patch(path: Path) -> list[dict[str, Any]]:
    """Read a JSON Patch; raises `DoesNotApply` with a pointer into it, and `InvalidFile` where it is no JSON."""
    patch = load_json(path)
    if not isinstance(patch, list):
        what = f"a JSON Patch is a list of operations, and this is {kind_of(patch)}"
        raise DoesNotApply(Fault("", what, "Write `[{...}, ...]`"))
    for place, operation in enumerate(patch):
        if not isinstance(operation, dict):
            what = f"an operation is an object, and this is {kind_of(operation)}"
            raise DoesNotApply(Fault(pointer_to(place), what, "Write `op`, `path` and what they need"))
    return patch


def patched_problem(problem_file: ProblemFile, patch: list[dict[str, Any]], in_force: Sequence[Session]) -> ProblemFile:
    """Give the patched problem as a repair: these sessions are in force, `policy.repair` is true.

    The given problem stays as it is. Raises `DoesNotApply`, and `InvalidFile` with the faults of the patched problem.
    """
    tree: Any = deepcopy(problem_file.raw)
    for place, operation in enumerate(patch):
        try:
            tree = jsonpatch.JsonPatch([operation]).apply(tree, in_place=True)
        except _FAILS as error:
            what = f"the operation {shown(operation.get('op'))} at {shown(operation.get('path'))} does not apply"
            remedy = "Operations are as in RFC 6902, each on what those before it left; see what the problem has there"
            raise DoesNotApply(Fault(pointer_to(place), f"{what} ({_in_one_line(error)})", remedy)) from error
    if isinstance(tree, dict) and isinstance(tree.setdefault("policy", {}), dict):
        tree["policy"]["repair"] = True
        tree["in_force"] = {"sessions": [session_to_json(session) for session in in_force]}
    return problem_file_from_json(tree)


def effect(before: Problem, after: Problem, repaired: Timetable) -> Iterator[str]:
    """Tell line by line what the patch does: students covered before and after, who gains, who loses, whom it touches.

    Before is what `after.in_force` covers of the problem as it was.
    """
    old, new = Known(before), Known(after)
    was, is_ = covered_by_group(Plan(old, after.in_force or ())), covered_by_group(Plan(new, repaired.sessions))
    total, now = sum(was.values()), sum(is_.values())
    yield f"Students covered: {total:,} before, {now:,} after ({_difference(now - total)})."
    gains = {id_: is_[id_] - was.get(id_, 0) for id_ in is_ if is_[id_] > was.get(id_, 0)}
    losses = {id_: was[id_] - is_.get(id_, 0) for id_ in was if was[id_] > is_.get(id_, 0)}
    yield _groups("Gain", gains, lambda id_: name_group(new, id_))
    yield _groups("Lose", losses, lambda id_: name_group(new if id_ in new.groups else old, id_))
    yield from touched_in_words(after, repaired.sessions)
    proof, students = repaired.proof, sum(group.size for group in after.groups)
    how = how_known(proof.bound, students, proof.method, proof.certified_bound)
    yield f"No plan of the changed problem can cover more than {proof.bound:,} ({how})."
    yield f"Answered in {repaired.stats['seconds']:,.1f} s."


def _groups(verb: str, students: Mapping[str, int], name: Callable[[str], str]) -> str:
    if not students:
        return f"{verb}: no group."
    ranked = sorted(students, key=lambda id_: (-students[id_], id_))
    names = ", ".join(f"{name(id_)} {students[id_]:,}" for id_ in ranked[:_NAMED])
    more = f" and {len(ranked) - _NAMED:,} more" if len(ranked) > _NAMED else ""
    return f"{verb}: {_times(len(ranked), 'group')} of {sum(students.values()):,} students: {names}{more}."


def _difference(students: int) -> str:
    if not students:
        return "as many"
    return f"{abs(students):,} {'more' if students > 0 else 'fewer'}"


def _times(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error.args[0] if error.args else error).split())
    return text if len(text) <= 120 else text[:117] + "..."
