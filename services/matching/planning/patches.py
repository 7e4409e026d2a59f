"""Applies a remedy's JSON Patch (RFC 6902) to a problem's JSON without copying what it leaves alone.

A patch touches only what a person could be asked for; sizes, needs and the policy are never touched.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import jsonpatch
import jsonpointer

ASKS_OF_EMPLOYERS = frozenset({"radius_km", "max_sessions_per_day", "max_sessions"})
ASKS_OF_SCHOOLS = frozenset({"hosting_limit"})
ASKS_OF_GROUPS = frozenset({"calendars", "modes", "max_travel_km", "may_split"})


class RefusedPatch(Exception):
    """A patch touches what nobody can be asked for, or does not apply."""


def apply_patch(tree: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the patched tree; the given one stays as it is, and what the patch leaves alone is shared by both.

    Raises `RefusedPatch`.
    """
    patched: Any = tree
    for operation in patch:
        for name in ("path", "from"):
            if operation.get("op") != "test" and name in operation:
                patched = _own(patched, _steps(operation[name]))
        try:
            patched = jsonpatch.JsonPatch([operation]).apply(patched, in_place=True)
        except (
            jsonpatch.JsonPatchException,
            jsonpointer.JsonPointerException,
            TypeError,
            KeyError,
            ValueError,
        ) as error:
            raise RefusedPatch(f"the operation {_shown(operation)} does not apply: {error}") from error
    return dict(patched)


def _steps(pointer: Any) -> list[str]:
    try:
        steps = [str(step) for step in jsonpointer.JsonPointer(pointer).parts]
    except (jsonpointer.JsonPointerException, TypeError) as error:
        raise RefusedPatch(f"{pointer!r:.60} is no JSON pointer") from error
    if not _may_be_asked(steps):
        raise RefusedPatch(f"{pointer!r:.60} is nothing that a person could be asked for")
    return steps


def _may_be_asked(steps: list[str]) -> bool:
    if len(steps) < 2:
        return False
    if steps[0] in ("calendars", "offers"):
        return True
    allowed = {"employers": ASKS_OF_EMPLOYERS, "schools": ASKS_OF_SCHOOLS, "groups": ASKS_OF_GROUPS}.get(steps[0])
    return allowed is not None and len(steps) >= 3 and steps[2] in allowed


def _own(tree: Any, steps: list[str]) -> Any:
    """Copy the containers on the way to a place, and no others, so that they can be changed."""
    root = node = copy(tree)
    for step in steps[:-1]:
        try:
            key = int(step) if isinstance(node, list) else step
            child = copy(node[key])
            node[key] = child
        except (KeyError, IndexError, ValueError, TypeError):
            return root  # there is no such place: applying the patch tells
        node = child
    return root


def _shown(operation: dict[str, Any]) -> str:
    return f"{operation.get('op')!r:.20} at {operation.get('path')!r:.60}"
