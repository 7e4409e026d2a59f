"""Checks `unmet`: who is left out, why, and whether the facts given for it are so.

Structural reasons are found again from the problem alone, so code and facts must be the same. For the other codes the
facts that are given are recounted; that no other reason exists is never claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isclose
from typing import Any

from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import Problem, Session, Unmet
from services.matching.planning.rules import Known, Plan, Violation
from services.matching.planning.structural import STRUCTURAL_CODES, Structure

CODE = "unmet"
NOT_PROVEN = "not-proven"
CODES = (*STRUCTURAL_CODES, "hosting-limit", "shared-shortage", "crowded-out", NOT_PROVEN)
_KM_TOLERANCE = 0.0011


def check_unmet(plan: Plan, unmet: Sequence[Unmet], bound: int) -> Iterator[Violation]:
    """Tell what is wrong with `unmet`: its entries, their numbers, codes and facts. `bound` is that of the proof."""
    covered = covered_by_group(plan)
    yield from _entries(plan, unmet, covered)
    structure = Structure(plan.known)
    for place, entry in enumerate(unmet):
        if entry.group in plan.known.groups:
            yield from _structural(structure, entry, f"/unmet/{place}")
    problem, sessions = plan.known.problem, plan.given
    for place, entry in enumerate(unmet):
        for message in verify_unmet_facts(problem, sessions, [entry], known=plan.known, plan=plan):
            yield Violation(CODE, message, f"/unmet/{place}/facts", groups=(entry.group,))
    not_proven = sum(entry.students for entry in unmet if entry.code == NOT_PROVEN)
    possible = bound - sum(covered.values())
    if not_proven > max(0, possible):
        message = (
            f"{not_proven} students are `not-proven`; by the bound at most {max(0, possible)} more can be covered."
        )
        yield Violation(CODE, message, "/unmet")


def _entries(plan: Plan, unmet: Sequence[Unmet], covered: Mapping[str, int]) -> Iterator[Violation]:
    """Tell which groups are missing from the list, in it twice, or in it with a wrong number."""
    missing = {
        id_: group.size - covered.get(id_, 0)
        for id_, group in plan.known.groups.items()
        if covered.get(id_, 0) < group.size
    }
    seen: set[str] = set()
    for place, entry in enumerate(unmet):
        at = f"/unmet/{place}"
        if entry.group not in plan.known.groups:
            yield Violation(CODE, f"There is no group {entry.group!r}.", f"{at}/group", groups=(entry.group,))
        elif entry.group in seen:
            yield Violation(CODE, f"Group {entry.group} is listed twice.", f"{at}/group", groups=(entry.group,))
        elif entry.group not in missing:
            message = f"Group {entry.group} is fully covered and needs no reason."
            yield Violation(CODE, message, f"{at}/group", groups=(entry.group,))
        elif entry.students != missing[entry.group]:
            message = f"{missing[entry.group]} students of group {entry.group} are not covered, not {entry.students}."
            yield Violation(CODE, message, f"{at}/students", groups=(entry.group,))
        if entry.code not in CODES:
            yield Violation(CODE, f"{entry.code!r} is no reason code.", f"{at}/code", groups=(entry.group,))
        seen.add(entry.group)
    for id_ in missing.keys() - seen:
        message = f"{plan.known.describe(plan.known.groups[id_])} is not fully covered and has no reason."
        yield Violation(CODE, message, "/unmet", groups=(id_,))


def _structural(structure: Structure, entry: Unmet, at: str) -> Iterator[Violation]:
    reason = structure.reason(structure.known.groups[entry.group])
    if reason is None:
        if entry.code in STRUCTURAL_CODES:
            message = f"`{entry.code}` does not hold for group {entry.group}: an offer passes every filter."
            yield Violation(CODE, message, f"{at}/code", groups=(entry.group,))
    elif reason.code != entry.code:
        message = f"The first reason that holds for group {entry.group} is `{reason.code}`, not `{entry.code}`."
        yield Violation(CODE, message, f"{at}/code", groups=(entry.group,))
    else:
        for name, value in reason.facts.items():
            if name not in entry.facts or not _equal(entry.facts[name], value):
                message = f"The fact `{name}` of group {entry.group} is {value!r}, not {entry.facts.get(name)!r:.80}."
                yield Violation(CODE, message, f"{at}/facts", groups=(entry.group,))


def _equal(given: Any, true: Any) -> bool:
    """Compare JSON values; numbers with a fraction are kilometres, given to the metre."""
    if isinstance(true, dict):
        return isinstance(given, dict) and all(name in given and _equal(given[name], true[name]) for name in true)
    if isinstance(true, list):
        return isinstance(given, list) and len(given) == len(true) and all(map(_equal, given, true))
    if isinstance(true, float) and isinstance(given, int | float) and not isinstance(given, bool):
        return isclose(given, true, rel_tol=0, abs_tol=_KM_TOLERANCE)
    return type(given) is type(true) and bool(given == true)


def verify_unmet_facts(
    problem: Problem,
    sessions: Sequence[Session],
    unmet: Sequence[Unmet],
    *,
    known: Known | None = None,
    plan: Plan | None = None,
) -> list[str]:
    """Give, in words, the facts of non-structural reasons that are not so. `known` and `plan` save arranging again."""
    arranged = plan or Plan(known or Known(problem), sessions)
    found: list[str] = []
    for entry in unmet:
        found += _rivals(arranged, entry)
        verify = _FACT_CHECKS.get(entry.code)
        if verify is not None:
            found += verify(arranged, entry)
    return found


def _rivals(plan: Plan, entry: Unmet) -> Iterator[str]:
    """Tell when a group named beside a reason does not exist, is the group itself, or stands there twice."""
    if len(set(entry.with_groups)) < len(entry.with_groups):
        yield f"A group is named twice beside group {entry.group}."
    for id_ in entry.with_groups:
        if id_ not in plan.known.groups or id_ == entry.group:
            yield f"{id_!r} cannot be a group beside group {entry.group}."


def _crowded_out(plan: Plan, entry: Unmet) -> Iterator[str]:
    """Tell when no group is named that keeps this one out, or one that has no encounter itself."""
    if not entry.with_groups:
        yield f"It is not said which groups crowd out group {entry.group}."
    for id_ in entry.with_groups:
        if id_ in plan.known.groups and id_ not in plan.seatings_of_group:
            yield f"Group {id_} has no encounter, so it does not crowd out group {entry.group}."


_FACT_CHECKS: Mapping[str, Callable[[Plan, Unmet], Iterator[str]]] = {
    "crowded-out": _crowded_out,
}
