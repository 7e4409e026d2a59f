"""Where each group could be placed: the vertices of its class, and how a plan uses the offers behind them.

Shared by those who give reasons and by the checker, which recounts them. Never imports a solver.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

import numpy as np

from services.matching.planning.model import MINUTES_A_DAY, Minute, Offer
from services.matching.planning.rules import Known
from services.matching.planning.structural import step_up
from services.matching.planning.vertices import NO_SCHOOL, classes_of, vertices_of


class Places:
    """The possible places of a problem's groups; about a second for a county."""

    def __init__(self, known: Known) -> None:
        self.known = known
        problem = known.problem
        self.classes = classes_of(problem)
        self.vertices = vertices_of(problem, self.classes)
        self.number = {group.id: index for index, group in enumerate(problem.groups)}
        self.class_of = dict(zip(self.number, self.classes.of_group.tolist(), strict=True))
        vertices = self.vertices
        owner = np.repeat(np.arange(len(vertices)), np.diff(vertices.ptr))
        order = np.argsort(vertices.classes, kind="stable")
        self._of_class = owner[order]
        self._class_ptr = np.searchsorted(vertices.classes[order], np.arange(len(self.classes) + 1))
        self.first, self.last = vertices.first.tolist(), vertices.last.tolist()
        self.offer = vertices.offer.tolist()
        self._school = vertices.school.tolist()
        self._members: dict[int, frozenset[int]] = {}
        self._by_offer: dict[int, dict[str, list[int]]] = {}

    @cached_property
    def class_of_group(self) -> dict[str, int]:
        """The class of each group, by id."""
        return self.class_of

    def vertices_by_offer(self, class_: int) -> dict[str, list[int]]:
        """Give the vertices at which a class could be, by the id of their offer, in the order of the file."""
        found = self._by_offer.get(class_)
        if found is None:
            found = self._by_offer[class_] = {}
            for vertex in self._of_class[self._class_ptr[class_] : self._class_ptr[class_ + 1]].tolist():
                found.setdefault(self.known.problem.offers[self.offer[vertex]].id, []).append(vertex)
        return found

    def able_at(self, vertex: int) -> frozenset[int]:
        """Give the classes that could be at a vertex."""
        found = self._members.get(vertex)
        if found is None:
            ptr = self.vertices.ptr
            found = self._members[vertex] = frozenset(self.vertices.classes[ptr[vertex] : ptr[vertex + 1]].tolist())
        return found

    def school_at(self, vertex: int) -> str | None:
        """Give the school of an in-school vertex."""
        school = self._school[vertex]
        return None if school == NO_SCHOOL else self.known.problem.schools[school].id

    def starts(self, vertex: int) -> list[Minute]:
        """Give every start of a vertex, on the step."""
        step, start, last = self.known.policy.start_step_minutes, self.first[vertex], self.last[vertex]
        found = []
        while start <= last:
            found.append(start)
            start = step_up(start + 1, step)
        return found

    def sessions_in_a_row(self, offer: Offer, vertices: list[int]) -> dict[int, int]:
        """Count, date by date, how many sessions of an offer fit one after another at these vertices."""
        spans: dict[int, list[tuple[Minute, Minute]]] = defaultdict(list)
        for vertex in vertices:
            spans[self.first[vertex] // MINUTES_A_DAY].append((self.first[vertex], self.last[vertex]))
        return {date: _in_a_row(sorted(runs), offer.duration_minutes) for date, runs in spans.items()}


def _in_a_row(runs: list[tuple[Minute, Minute]], minutes: int) -> int:
    """Start each session as early as the one before allows: no other way holds more (journeys could only hold fewer)."""
    count, free = 0, runs[0][0]
    while True:
        starts = [max(first, free) for first, last in runs if last >= free]
        if not starts:
            return count
        count, free = count + 1, min(starts) + minutes
