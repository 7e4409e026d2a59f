"""How encounters are brokered without planning: first come first served on a message board, and best fit.

Both count coverage alone: a group is placed whole and once. They know every hard rule, so what they give is valid.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import defaultdict
from time import monotonic

import numpy as np

from services.matching.planning.geometry import travel_minutes
from services.matching.planning.model import Attendance, Minute, Position, Problem, Session
from services.matching.planning.scenario.draw import Draw
from services.matching.planning.vertices import NO_SCHOOL, Classes, Vertices, classes_of, vertices_of


class Room:
    """One open session: where its groups come from, and how many seats are left."""

    def __init__(self, vertex: int, start: Minute, seats: int) -> None:
        self.vertex, self.start, self.left = vertex, start, seats
        self.groups: list[int] = []
        self.schools: set[int] = set()


class Diary:
    """What has been agreed so far, and what could still be opened without breaking a rule."""

    def __init__(self, problem: Problem, classes: Classes, vertices: Vertices) -> None:
        if problem.pinned:
            raise ValueError("the greedy peers plan from nothing: they take no pins")
        self.problem, self.classes, self.vertices = problem, classes, vertices
        self.rooms: list[Room] = []
        self.rooms_of: dict[int, list[Room]] = defaultdict(list)
        self.waiting = [list(members) for members in classes.members]
        self._employers = {employer.id: employer for employer in problem.employers}
        self._of_offer: dict[int, int] = defaultdict(int)
        self._of_employer: dict[str, int] = defaultdict(int)
        self._of_day: dict[tuple[str, int], int] = defaultdict(int)
        self._presented: dict[tuple[str, int], list[tuple[int, int, Position | None]]] = defaultdict(list)
        self._hosted: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._step = problem.policy.start_step_minutes

    def start_for(self, vertex: int) -> Minute | None:
        """Give the earliest start at which a session could be opened here, if there is one."""
        offer_number, day = int(self.vertices.offer[vertex]), int(self.vertices.day[vertex])
        offer = self.problem.offers[offer_number]
        employer = self._employers[offer.employer]
        if self._of_offer[offer_number] >= offer.max_sessions:
            return None
        if employer.max_sessions is not None and self._of_employer[employer.id] >= employer.max_sessions:
            return None
        if employer.max_sessions_per_day is not None and (
            self._of_day[employer.id, day] >= employer.max_sessions_per_day
        ):
            return None
        for start in range(int(self.vertices.first[vertex]), int(self.vertices.last[vertex]) + 1):
            on_step = start % 60 % self._step == 0
            if on_step and self._presenter_free(vertex, start) and self._host_free(vertex, start):
                return start
        return None

    def open(self, vertex: int, start: Minute) -> Room:
        """Agree on a session."""
        offer_number, day = int(self.vertices.offer[vertex]), int(self.vertices.day[vertex])
        offer = self.problem.offers[offer_number]
        self._of_offer[offer_number] += 1
        self._of_employer[offer.employer] += 1
        self._of_day[offer.employer, day] += 1
        end = start + offer.duration_minutes
        self._presented[offer.presenter, day].append((start, end, self._place(vertex)))
        if offer.mode == "in_school":
            insort(self._hosted[int(self.vertices.school[vertex])], (start, end))
        room = Room(vertex, start, offer.seats)
        self.rooms.append(room)
        self.rooms_of[vertex].append(room)
        return room

    def has_place(self, room: Room, class_number: int) -> bool:
        """Tell whether one more group of a class may join a session."""
        offer = self.problem.offers[int(self.vertices.offer[room.vertex])]
        school = int(self.classes.school[class_number])
        full = offer.max_schools is not None and school not in room.schools and len(room.schools) >= offer.max_schools
        return int(self.classes.size[class_number]) <= room.left and not full

    def join(self, room: Room, class_number: int) -> None:
        """Send the next waiting group of a class to a session."""
        room.groups.append(self.waiting[class_number].pop())
        room.schools.add(int(self.classes.school[class_number]))
        room.left -= int(self.classes.size[class_number])

    def sessions(self) -> tuple[Session, ...]:
        """Write down what has been agreed."""
        groups = self.problem.groups
        return tuple(
            Session(
                id=f"S{number:05d}",
                offer=self.problem.offers[int(self.vertices.offer[room.vertex])].id,
                start=room.start,
                school=self._host(room.vertex),
                attendances=tuple(Attendance(groups[group].id, groups[group].size) for group in room.groups),
            )
            for number, room in enumerate(self.rooms, start=1)
            if room.groups
        )

    def _host(self, vertex: int) -> str | None:
        school = int(self.vertices.school[vertex])
        return None if school == NO_SCHOOL else self.problem.schools[school].id

    def _place(self, vertex: int) -> Position | None:
        offer = self.problem.offers[int(self.vertices.offer[vertex])]
        if offer.mode == "in_school":
            return self.problem.schools[int(self.vertices.school[vertex])].position
        return offer.position if offer.mode == "workplace" else None

    def _presenter_free(self, vertex: int, start: Minute) -> bool:
        offer = self.problem.offers[int(self.vertices.offer[vertex])]
        place, end = self._place(vertex), start + offer.duration_minutes
        for other_start, other_end, other_place in self._presented[offer.presenter, int(self.vertices.day[vertex])]:
            apart = travel_minutes(self.problem.policy, place, other_place) if place and other_place else 0
            if start < other_end + apart and other_start < end + apart:
                return False
        return True

    def _host_free(self, vertex: int, start: Minute) -> bool:
        school = int(self.vertices.school[vertex])
        if school == NO_SCHOOL:
            return True
        end = start + self.problem.offers[int(self.vertices.offer[vertex])].duration_minutes
        overlapping = [(s, e) for s, e in self._hosted[school] if s < end and start < e]
        busiest = max(
            (sum(s <= at < e for s, e in overlapping) for at in [start, *(s for s, _ in overlapping)]), default=0
        )
        return busiest < self.problem.schools[school].hosting_limit


def first_come_first_served(problem: Problem, seconds: float) -> tuple[Session, ...]:
    """Let groups come in a drawn order; each takes the earliest place that is left, opening a session if it must."""
    stop = monotonic() + seconds
    classes = classes_of(problem)
    vertices = vertices_of(problem, classes)
    diary = Diary(problem, classes, vertices)
    owner = np.repeat(np.arange(len(vertices)), np.diff(vertices.ptr))
    order = np.lexsort((vertices.first[owner], vertices.classes))
    cuts = np.searchsorted(vertices.classes[order], np.arange(len(classes) + 1))
    for group in Draw("message board").shuffled(range(len(problem.groups))):
        if monotonic() > stop:
            break
        class_number = int(classes.of_group[group])
        _take_first_place(diary, class_number, owner[order[cuts[class_number] : cuts[class_number + 1]]].tolist())
    return diary.sessions()


def _take_first_place(diary: Diary, class_number: int, vertices: list[int]) -> None:
    for vertex in vertices:
        for room in diary.rooms_of.get(vertex, ()):
            if diary.has_place(room, class_number):
                diary.join(room, class_number)
                return
        offer = diary.problem.offers[int(diary.vertices.offer[vertex])]
        if offer.seats >= int(diary.classes.size[class_number]):
            start = diary.start_for(vertex)
            if start is not None:
                diary.join(diary.open(vertex, start), class_number)
                return


def best_fit(problem: Problem, seconds: float) -> tuple[Session, ...]:
    """Open, again and again, the session that most students can still fill, and fill it as full as whole groups allow."""
    stop = monotonic() + seconds
    classes = classes_of(problem)
    vertices = vertices_of(problem, classes)
    diary = Diary(problem, classes, vertices)
    queue = [(-_most(diary, vertex), vertex) for vertex in range(len(vertices))]
    heapq.heapify(queue)
    while queue and monotonic() < stop:
        promised, vertex = heapq.heappop(queue)
        chosen = _fullest(diary, vertex)
        students = sum(int(classes.size[number]) * groups for number, groups in chosen)
        if students == 0:
            continue
        if students < -promised:
            heapq.heappush(queue, (-students, vertex))
            continue
        start = diary.start_for(vertex)
        if start is None:
            continue
        room = diary.open(vertex, start)
        for number, groups in chosen:
            for _ in range(groups):
                diary.join(room, number)
        heapq.heappush(queue, (-_most(diary, vertex), vertex))
    return diary.sessions()


def _there(diary: Diary, vertex: int) -> list[tuple[int, int, int]]:
    """List (class, size, groups still waiting) at a vertex, those of as many schools as may come together."""
    vertices, classes = diary.vertices, diary.classes
    numbers = vertices.classes[vertices.ptr[vertex] : vertices.ptr[vertex + 1]].tolist()
    offer = diary.problem.offers[int(vertices.offer[vertex])]
    there = [
        (number, int(classes.size[number]), len(diary.waiting[number])) for number in numbers if diary.waiting[number]
    ]
    there = [entry for entry in there if entry[1] <= offer.seats]
    if offer.max_schools is None or offer.mode == "in_school":
        return there
    students: dict[int, int] = defaultdict(int)
    for number, size, groups in there:
        students[int(classes.school[number])] += size * groups
    kept = set(sorted(students, key=lambda school: (-students[school], school))[: offer.max_schools])
    return [entry for entry in there if int(classes.school[entry[0]]) in kept]


def _most(diary: Diary, vertex: int) -> int:
    seats = diary.problem.offers[int(diary.vertices.offer[vertex])].seats
    return min(seats, sum(size * groups for _, size, groups in _there(diary, vertex)))


def _fullest(diary: Diary, vertex: int) -> list[tuple[int, int]]:
    """Choose how many groups of each class come, so that most seats are taken (a bounded subset sum on bits)."""
    seats = diary.problem.offers[int(diary.vertices.offer[vertex])].seats
    there = _there(diary, vertex)
    within = (1 << (seats + 1)) - 1
    reachable = [1]
    for _, size, groups in there:
        sums = reachable[-1]
        for _ in range(min(groups, seats // size)):
            sums |= (sums << size) & within
        reachable.append(sums)
        if sums >> seats & 1:
            break
    left = reachable[-1].bit_length() - 1
    chosen = []
    for (number, size, _), before in zip(reversed(there[: len(reachable) - 1]), reversed(reachable[:-1]), strict=True):
        groups = 0
        while not before >> left & 1:
            left -= size
            groups += 1
        if groups:
            chosen.append((number, groups))
    return chosen
