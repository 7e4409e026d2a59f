"""Who still needs an encounter, and the best filling of a session by them: a knapsack, solved exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.matching.planning.fillings import MOST_SEATS, UNLIMITED, filling
from services.matching.planning.model import Attendance, Problem
from services.matching.planning.relaxation import Prices, Relaxation, relax
from services.matching.planning.rules import Plan
from services.matching.planning.vertices import Integers


class Need:
    """The groups of a plan that attend nothing (or one of them alone), by the classes of a problem's relaxation.

    The problem may be a wider one than the plan's.
    """

    def __init__(self, problem: Problem, plan: Plan, alone: str | None = None) -> None:
        self.problem = problem
        self.relaxation: Relaxation = relax(problem)
        classes = self.relaxation.classes
        waits = {
            group.id for group in problem.groups if group.id not in plan.seatings_of_group and alone in (None, group.id)
        }
        self.waiting: list[list[str]] = [
            [problem.groups[member].id for member in members if problem.groups[member].id in waits]
            for members in classes.members
        ]
        self.count: Integers = np.array([len(groups) for groups in self.waiting], dtype=np.int64)
        self._worth = (self.count > 0).astype(np.int64)

    def most_students(self) -> Integers:
        """Give for each vertex how many of these students one session could take."""
        relaxation = self.relaxation
        scarce = replace(relaxation, classes=replace(relaxation.classes, count=self.count))
        none = (np.zeros(len(limits), dtype=np.int64) for limits in self._limits())
        return np.asarray(scarce.gains(Prices(1, 1 - self._worth, *none)), dtype=np.int64)

    def _limits(self) -> tuple[Integers, Integers, Integers]:
        relaxation = self.relaxation
        return relaxation.offer_sessions, relaxation.employer_sessions, relaxation.employer_day_sessions

    def at_vertex(self, vertex: int) -> tuple[Attendance, ...]:
        """Fill a new session at a vertex best."""
        vertices = self.relaxation.vertices
        pairs = vertices.classes[vertices.ptr[vertex] : vertices.ptr[vertex + 1]]
        return self.fill(pairs, int(self.relaxation.seats[vertex]), int(self.relaxation.most_schools[vertex]))

    def fill(self, classes: Integers, seats: int, most_schools: int = UNLIMITED) -> tuple[Attendance, ...]:
        """Fill so many seats best with waiting groups of these classes, ordered by school; none twice."""
        classes = classes[self.count[classes] > 0]
        if not len(classes) or seats < 1:
            return ()
        every = self.relaxation.classes
        students = filling(
            classes,
            min(seats, MOST_SEATS),
            most_schools,
            every.school,
            self.relaxation.min_part,
            every.size,
            self.count,
            self._worth,
        )
        found: list[Attendance] = []
        for class_, taken in zip(classes.tolist(), students.tolist(), strict=True):
            size = int(every.size[class_])
            if size > seats and taken:
                found.append(Attendance(self.waiting[class_][0], taken))
            else:
                found += [Attendance(group, size) for group in self.waiting[class_][: taken // size]]
        return tuple(found)
