"""Checks `unmet`: who is left out, why, and whether the facts given for it are so.

Structural reasons are found again from the problem alone, so the code must be the same. The facts that are given, by the
names of the format, are recounted; that no other reason exists is never claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import isclose
from typing import Any

from services.matching.planning.explanation.crowding import Crowd, crowding_facts
from services.matching.planning.explanation.hosting import hosting_around
from services.matching.planning.explanation.places import Places
from services.matching.planning.explanation.shortage import Shortage, count_shortage
from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import Problem, Session, Unmet
from services.matching.planning.rules import Known, Plan, Violation
from services.matching.planning.structural import STRUCTURAL_CODES, Structure

CODE = "unmet"
NOT_PROVEN = "not-proven"
CODES = (*STRUCTURAL_CODES, "hosting-limit", "shared-shortage", "crowded-out", NOT_PROVEN)
_KM_TOLERANCE = 0.0011
_OF_NEAREST = ("offer", "years", "mode", "missing", "km", "limit_km", "minutes_short", "days_apart", "seats")


def check_unmet(plan: Plan, unmet: Sequence[Unmet], bound: int) -> Iterator[Violation]:
    """Tell what is wrong with `unmet`: its entries, their numbers, codes and facts. `bound` is that of the proof."""
    covered = covered_by_group(plan)
    yield from _entries(plan, unmet, covered)
    structure = Structure(plan.known)
    for place, entry in enumerate(unmet):
        if entry.group in plan.known.groups:
            yield from _structural(structure, entry, f"/unmet/{place}")
    recount = Recount(plan, bound)
    for place, entry in enumerate(unmet):
        for message in recount.faults_of(entry):
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
        for message in _differing(entry, reason.facts):
            yield Violation(CODE, message, f"{at}/facts", groups=(entry.group,))


def _equal(given: Any, true: Any) -> bool:
    """Compare JSON values; numbers with a fraction are kilometres, given to the metre."""
    if isinstance(true, dict):
        named = isinstance(given, dict) and [name for name in given if name in true or name in _OF_NEAREST]
        return isinstance(named, list) and all(name in true and _equal(given[name], true[name]) for name in named)
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
    bound: int | None = None,
    known: Known | None = None,
    plan: Plan | None = None,
) -> list[str]:
    """Give, in words, the facts of non-structural reasons that are not so.

    `bound` is the proof's on students covered (None: all students); `known` and `plan` save arranging again.
    """
    arranged = plan or Plan(known or Known(problem), sessions)
    recount = Recount(arranged, sum(group.size for group in problem.groups) if bound is None else bound)
    return [message for entry in unmet for message in recount.faults_of(entry)]


class Recount:
    """Recounts the facts of reasons that lie in what other groups need or hold."""

    def __init__(self, plan: Plan, bound: int) -> None:
        self.plan = plan
        self._spare = bound - sum(covered_by_group(plan).values())
        self._shortages: dict[frozenset[str], Shortage] = {}

    @cached_property
    def _places(self) -> Places:
        return Places(self.plan.known)

    @cached_property
    def _crowd(self) -> Crowd:
        return Crowd(self.plan, self._places)

    def faults_of(self, entry: Unmet) -> Iterator[str]:
        """Tell, in words, what is not so in one entry."""
        yield from _rivals(self.plan, entry)
        if entry.group not in self.plan.known.groups or any(g not in self.plan.known.groups for g in entry.with_groups):
            return
        if entry.code == "hosting-limit":
            yield from self._hosting(entry)
        elif entry.code == "shared-shortage":
            yield from self._shortage(entry)
        elif entry.code == "crowded-out":
            yield from self._crowded_out(entry)

    def _hosting(self, entry: Unmet) -> Iterator[str]:
        hosting = hosting_around(self.plan, self._places, entry.group)
        if hosting is None:
            yield f"The school of group {entry.group} could host a session for it, or it could go elsewhere."
        else:
            yield from _differing(entry, hosting.facts())

    def _shortage(self, entry: Unmet) -> Iterator[str]:
        """Recount a Hall certificate: all the offers that could take any of the groups, and what these hold at most."""
        groups = frozenset((entry.group, *entry.with_groups))
        if groups not in self._shortages:
            self._shortages[groups] = count_shortage(self._places, sorted(groups))
        shortage = self._shortages[groups]
        if not shortage.holds:
            yield (
                f"The {len(groups)} groups around group {entry.group} have {shortage.students} students, "
                f"for whom there are {shortage.seats} seats: that is no shortage."
            )
        yield from _differing(entry, shortage.facts())

    def _crowded_out(self, entry: Unmet) -> Iterator[str]:
        """Tell when nobody is named, or somebody without an encounter, or when fewer would be left out than is said."""
        if not entry.with_groups:
            yield f"It is not said which groups crowd out group {entry.group}."
        for id_ in entry.with_groups:
            if id_ not in self.plan.seatings_of_group:
                yield f"Group {id_} has no encounter, so it does not crowd out group {entry.group}."
        if "would_leave_out" in entry.facts:
            crowding = self._crowd.around(entry.group) if "offers" in entry.facts else None
            yield from _differing(entry, crowding_facts(crowding, entry.students, self._spare))


def _differing(entry: Unmet, facts: Mapping[str, Any]) -> Iterator[str]:
    """Tell which of the facts that are given differ: what a plan's maker has not claimed need not hold."""
    for name, value in facts.items():
        if name in entry.facts and not _equal(entry.facts[name], value):
            yield f"The fact `{name}` of group {entry.group} is {value!r:.120}, not {entry.facts[name]!r:.80}."


def _rivals(plan: Plan, entry: Unmet) -> Iterator[str]:
    """Tell when a group named beside a reason does not exist, is the group itself, or stands there twice."""
    if len(set(entry.with_groups)) < len(entry.with_groups):
        yield f"A group is named twice beside group {entry.group}."
    for id_ in entry.with_groups:
        if id_ not in plan.known.groups or id_ == entry.group:
            yield f"{id_!r} cannot be a group beside group {entry.group}."
