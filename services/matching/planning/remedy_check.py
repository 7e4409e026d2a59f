"""Checks remedies: each is a patch of the problem, and sessions that prove how many more students it covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from services.matching.planning.faults import InvalidFile
from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import Problem, Remedy, Session
from services.matching.planning.patches import RefusedPatch, apply_patch
from services.matching.planning.reading import ProblemFile, reread_patched
from services.matching.planning.rules import Known, Plan, Scope, Violation, broken_references, check_rules

CODE = "remedy"


class RemedyCheck:
    """Checks remedies of one plan, which must keep the hard rules: what a remedy does not touch then still keeps them."""

    def __init__(self, problem_file: ProblemFile, sessions: Sequence[Session], known: Known | None = None) -> None:
        self._file = problem_file
        self._known = known or Known(problem_file.problem)
        self._sessions = {session.id: session for session in sessions}
        self._kept = problem_file.kept_records()
        self._covered = sum(covered_by_group(Plan(self._known, sessions)).values())

    def all_of(self, remedies: Sequence[Remedy]) -> Iterator[Violation]:
        """Tell what is wrong with the remedies and with their order."""
        for place, remedy in enumerate(remedies):
            pointer = f"/remedies/{place}"
            yield from (Violation(CODE, message, pointer) for message in self.faults_of(remedy))
        for place, (first, second) in enumerate(pairwise(remedies), start=1):
            if first.would_cover * second.cost_minutes < second.would_cover * first.cost_minutes:
                message = "The remedies are not ranked by students gained for each minute asked."
                yield Violation(CODE, message, f"/remedies/{place}")
                return

    def faults_of(self, remedy: Remedy) -> list[str]:
        """Give what is wrong with one remedy, in words; nothing when patch and sessions hold what it promises."""
        if remedy.would_cover < 1:
            return [f"It would cover {remedy.would_cover} more students; a remedy covers at least one."]
        try:
            tree = apply_patch(self._file.raw, remedy.patch)
            problem = reread_patched(tree, self._kept)
        except RefusedPatch as refused:
            return [f"Its patch is refused: {refused}."]
        except InvalidFile as invalid:
            return [f"The patched problem is not valid: {fault}" for fault in invalid.faults[:3]]
        merged = {**self._sessions, **{session.id: session for session in remedy.sessions}}
        plan = Plan(Known(problem, like=self._known), list(merged.values()))
        broken = [*broken_references(plan), *check_rules(plan, self._touched(plan, problem, remedy))]
        found = [f"With it the rule `{violation.code}` is broken: {violation.message}" for violation in broken[:3]]
        covered = sum(covered_by_group(plan).values())
        if covered < self._covered + remedy.would_cover:
            found.append(f"It covers {covered - self._covered} more students, not {remedy.would_cover}.")
        return found

    def _touched(self, plan: Plan, problem: Problem, remedy: Remedy) -> Scope:
        """Give everything that a remedy could have broken: its sessions, and all that uses a patched record."""
        known, before = plan.known, self._known
        calendars = _changed(problem.calendars.items(), before.problem.calendars)
        offers = _changed(known.offers.items(), before.offers)
        offers |= {offer.id for offer in problem.offers if not calendars.isdisjoint(offer.calendars)}
        groups = _changed(known.groups.items(), before.groups)
        groups |= {group.id for group in problem.groups if not calendars.isdisjoint(group.calendars)}
        employers = _changed(known.employers.items(), before.employers)
        schools = _changed(known.schools.items(), before.schools)
        touched = {session.id: session for session in remedy.sessions if session.id in plan.by_id}
        for uses in (
            [plan.of_offer.get(offer, ()) for offer in offers],
            [plan.of_employer.get(employer, ()) for employer in employers],
            [[seating.session for seating in plan.seatings_of_group.get(group, ())] for group in groups],
        ):
            touched.update((session.id, session) for sessions in uses for session in sessions)
        offers |= {session.offer for session in touched.values()}
        return Scope(
            sessions=touched.keys(),
            offers=offers,
            employers=employers | {known.offers[offer].employer for offer in offers},
            presenters={known.offers[offer].presenter for offer in offers},
            schools=schools | {session.school for session in touched.values() if session.school is not None},
            groups=groups | {seating.group.id for id_ in touched for seating in plan.seatings_of_session[id_]},
        )


def _changed(now: Iterable[tuple[str, Any]], before: dict[str, Any]) -> set[str]:
    return {id_ for id_, record in now if before.get(id_) is not record}
