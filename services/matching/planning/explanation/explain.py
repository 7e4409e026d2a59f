"""Says why each group is not fully covered, in the order of the codes, with facts that the checker recounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice
from threading import Thread
from time import monotonic, thread_time

from services.matching.planning.explanation.crowding import Crowd, Crowding, crowding_facts
from services.matching.planning.explanation.hosting import hosting_around
from services.matching.planning.explanation.places import Places
from services.matching.planning.explanation.shortage import Shortages
from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import Problem, Session, Unmet
from services.matching.planning.rules import Known, Plan
from services.matching.planning.structural import StructuralReason, Structure, structural_reasons

MOST_RIVALS = 12


def explain_unmet(
    problem: Problem, sessions: Sequence[Session], bound: int, *, seconds: float | None, optimal: bool
) -> tuple[Unmet, ...]:
    """Say why each group is not fully covered, in the order of the file.

    `bound` is the proof's on students covered; where the plan is proven `optimal`, nothing is `not-proven`. After
    `seconds` (None: whatever it takes) the rest is told by what the bound alone says.
    """
    return Explainer(problem).explain(sessions, bound, seconds=seconds, optimal=optimal)


class Explainer:
    """Says why groups of one problem are left out of its plans; what lies in the problem alone is worked out once."""

    def __init__(self, problem: Problem) -> None:
        self.known = Known(problem)
        self._thread: Thread | None = None
        self._given_up = False
        self._structural: dict[str, StructuralReason] | None = None
        self.prepared_seconds = 1.0

    @cached_property
    def places(self) -> Places:
        """The places that groups could have, found when first asked for (a second for a county)."""
        return Places(self.known)

    @cached_property
    def shortages(self) -> Shortages:
        """The shortages found so far."""
        return Shortages(self.places)

    def prepare(self) -> None:
        """Begin to work out what lies in the problem alone, beside whatever else goes on."""
        if self._thread is None:
            self._thread = Thread(target=self._prepare)  # no daemon: killed in compiled code it would abort the process
            self._thread.start()

    def _prepare(self) -> None:
        begun, worked, structure = monotonic(), thread_time(), Structure(self.known)
        structural: dict[str, StructuralReason] = {}
        for id_, group in self.known.groups.items():
            if self._given_up:
                return
            reason = structure.reason(group)
            if reason is not None:
                structural[id_] = reason
        self._structural = structural
        if self.known.groups and not self._given_up:
            self.shortages.around(next(iter(self.known.groups)))
        self.prepared_seconds = (monotonic() - begun + thread_time() - worked) / 2  # half of the waiting for workers

    def give_up(self) -> None:
        """End what was begun as soon as it can be: there is no time for it any more."""
        self._given_up = self._thread is None or self._thread.is_alive()

    def _is_ready(self, ends: float | None) -> bool:
        """Wait for what was begun, at most until half of the time that is left is gone; then it is given up."""
        if self._given_up:
            return False
        self.prepare()
        if self._thread is not None:
            self._thread.join(None if ends is None else max(0.0, ends - monotonic()) / 2)
            self._given_up = self._thread.is_alive()
        return not self._given_up

    def explain(
        self, sessions: Sequence[Session], bound: int, *, seconds: float | None, optimal: bool
    ) -> tuple[Unmet, ...]:
        """Say why each group is not fully covered by these sessions; see `explain_unmet`."""
        ends = None if seconds is None else monotonic() + seconds
        plan = Plan(self.known, sessions)
        covered = covered_by_group(plan)
        short = {
            group.id: group.size - covered.get(group.id, 0)
            for group in self.known.problem.groups
            if covered.get(group.id, 0) < group.size
        }
        room = 0 if optimal else max(0, bound - sum(covered.values()))
        is_ready = bool(short) and self._is_ready(ends)
        structural = self._structural
        if structural is None:
            structural = structural_reasons(self.known.problem, short, known=self.known)
        found = {
            id_: Unmet(id_, short[id_], reason.code, reason.facts) for id_, reason in structural.items() if id_ in short
        }
        left = {id_: students for id_, students in short.items() if id_ not in found}
        if left and is_ready:
            found.update(self._by_plan(plan, left, bound, room, ends))
        elif left:
            found.update(_by_bound(plan, left, bound, room))
        return tuple(found[id_] for id_ in short)

    def _by_plan(
        self, plan: Plan, short: Mapping[str, int], bound: int, room: int, ends: float | None
    ) -> dict[str, Unmet]:
        """Give the reasons that lie in what others need or hold; `room` students at most are `not-proven`."""
        found: dict[str, Unmet] = {}
        half = None if ends is None else (monotonic() + ends) / 2
        for id_, students in short.items():
            if half is not None and monotonic() > half:
                break
            reason = self._hosting(plan, id_, students) or self._shortage(id_, students)
            if reason is not None:
                found[id_] = reason
        crowd, spare = Crowd(plan, self.places), bound - sum(covered_by_group(plan).values())
        around: dict[str, Crowding] = {}
        for id_ in short:
            if ends is not None and monotonic() > ends:
                break
            if id_ not in found:
                around[id_] = crowd.around(id_)
        lack = {id_: around[id_].gains if id_ in around else short[id_] for id_ in short if id_ not in found}
        for id_ in sorted(lack, key=lambda each: (-lack[each], -short[each])):
            rivals = crowd.rivals_of(id_, around.get(id_), MOST_RIVALS)
            if not rivals or (lack[id_] > 0 and short[id_] <= room):
                room -= short[id_]
                found[id_] = _not_proven(id_, short[id_], bound)
            else:
                facts = crowding_facts(around.get(id_), short[id_], spare)
                found[id_] = Unmet(id_, short[id_], "crowded-out", facts, tuple(rivals))
        return found

    def _hosting(self, plan: Plan, id_: str, students: int) -> Unmet | None:
        hosting = hosting_around(plan, self.places, id_)
        return Unmet(id_, students, "hosting-limit", hosting.facts(), hosting.rivals) if hosting else None

    def _shortage(self, id_: str, students: int) -> Unmet | None:
        shortage = self.shortages.around(id_)
        if shortage is None:
            return None
        others = tuple(other for other in shortage.groups if other != id_)
        return Unmet(id_, students, "shared-shortage", shortage.facts(), others)


def _by_bound(plan: Plan, short: Mapping[str, int], bound: int, room: int) -> dict[str, Unmet]:
    """Say what the bound alone says: all but `room` of these students would take the place of others of their year."""
    spare = bound - sum(covered_by_group(plan).values())
    of_year: dict[int, list[str]] = {}
    for group in plan.known.problem.groups:
        if group.id in plan.seatings_of_group:
            of_year.setdefault(group.year, []).append(group.id)
    everyone = list(islice(plan.seatings_of_group, MOST_RIVALS + 1))
    found = {}
    for id_ in sorted(short, key=lambda each: -short[each]):
        nearest = of_year.get(plan.known.groups[id_].year, everyone)[: MOST_RIVALS + 1]
        rivals = tuple(other for other in nearest if other != id_)[:MOST_RIVALS]
        if short[id_] <= room or not rivals:
            room -= short[id_]
            found[id_] = _not_proven(id_, short[id_], bound)
        else:
            facts = crowding_facts(None, short[id_], spare)
            found[id_] = Unmet(id_, short[id_], "crowded-out", facts, rivals)
    return found


def _not_proven(id_: str, students: int, bound: int) -> Unmet:
    return Unmet(id_, students, "not-proven", {"bound": bound})
