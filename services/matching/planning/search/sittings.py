"""The program that chooses sessions and who comes: held items, fillings of their occasions, covered students, floors.

An *item* is something that can be held (a vertex, or a vertex at one start). Every occasion has a row that links its
fillings to the items held; a row for each class counts its covered students, so that a session may list students whom
another has too: fullest fillings are all that is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from services.matching.planning.fillings import UNLIMITED
from services.matching.planning.search.occasions import Crowd, Occasion
from services.matching.planning.search.program import Layout, Program

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Items:
    """What can be held: the vertex (position) of each item, how often it can be, and the rows over items."""

    vertex: Ints
    most: Ints
    row: Ints
    item: Ints
    limit: Ints


@dataclass(frozen=True)
class Floors:
    """Schools below their floor, by how many students, and what each of these students costs."""

    schools: Ints
    short: Floats
    price: Floats

    @classmethod
    def none(cls) -> Floors:
        """Return no floors."""
        return cls(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Sitting:
    """A chosen session: its item, and how many students of which classes come."""

    item: int
    classes: Ints
    students: Ints


@dataclass
class _Laid:
    """An occasion's columns: its items, its fillings or its classes' groups (or students, for those in parts), its schools.

    `parts` tells of a class (by its place) that comes in parts, how many.
    """

    occasion: Occasion
    items: Ints
    fillings: Ints
    groups: Ints
    schools: dict[int, int] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)


class Sittings:
    """The program over some items; columns are items, then each occasion's, then covered students, then shortfalls.

    `apart`: items of an occasion whose fillings are not listed have students of their own, where they else share their
    seats: a larger program, but all that it chooses can be seated.
    """

    def __init__(
        self, crowd: Crowd, items: Items, occasions: Sequence[Occasion], floors: Floors, *, apart: bool = False
    ) -> None:
        self.crowd, self.items, self.floors = crowd, items, floors
        self._layout = Layout(len(items.vertex))
        self._integral: list[Ints] = [np.arange(len(items.vertex))]
        self._high: list[Floats] = [items.most.astype(float)]
        self._cover: list[tuple[Ints, Ints, Ints]] = []  # classes, columns, students for each unit
        self._laid: list[_Laid] = []
        self._of_item: dict[int, int] = {}
        order = np.argsort(items.vertex, kind="stable")
        at = items.vertex[order]
        for occasion in occasions:
            mine = np.concatenate(
                [order[slice(*np.searchsorted(at, [vertex, vertex + 1]))] for vertex in occasion.vertices]
            )
            together = mine.reshape(-1, 1) if apart and occasion.fillings is None else [mine] if len(mine) else []
            for some in together:
                self._of_item.update(dict.fromkeys(some.tolist(), len(self._laid)))
                self._laid.append(self._lay(occasion, some))
        self._classes = np.unique(np.concatenate([*(c for c, _, _ in self._cover), np.zeros(0, np.int64)])).astype(int)
        self.program = self._program()

    def _lay(self, occasion: Occasion, items: Ints) -> _Laid:
        size = self.crowd.size[occasion.classes]
        if occasion.fillings is None:
            return self._lay_classes(occasion, items)
        columns = self._add(len(occasion.fillings), float(self.items.most[items].sum()))
        self._layout.row((columns, 1.0), (items, -1.0))
        filling, place = np.nonzero(occasion.fillings)
        students = occasion.fillings[filling, place] * size[place]
        self._cover.append((occasion.classes[place], columns[filling], students))
        return _Laid(occasion, items, columns, np.zeros(0, np.int64))

    def _lay_classes(self, occasion: Occasion, items: Ints) -> _Laid:
        """Seat an occasion's classes in all of its sessions together, with what rounding says of each one's seats."""
        size, free = self.crowd.size[occasion.classes], self.crowd.free[occasion.classes]
        students = self.crowd.students[occasion.classes]
        whole, seats = size <= occasion.seats, occasion.seats
        groups = self._add(len(size), 0.0, integral=whole)
        self._high[-1] = np.where(whole, free, students).astype(float)
        unit = np.where(whole, size, 1)
        self._cover.append((occasion.classes, groups, unit))
        most = np.where(whole, np.minimum(free, seats // size), np.minimum(students, seats))
        for column, fits in zip(groups, most, strict=True):
            self._layout.row(([column], 1.0), (items, -float(fits)))
        room = reachable(size, free, seats) if whole.all() else seats
        self._layout.row((groups, unit), (items, -float(room)))
        for least, fits in _counts(size[whole], free[whole], seats):
            large = whole & (size >= least)
            self._layout.row((groups[large], 1.0), (items, -float(fits)))
        laid = _Laid(occasion, items, np.zeros(0, np.int64), groups)
        self._lay_parts(laid, np.flatnonzero(~whole))
        of = self.crowd.school[occasion.classes]
        schools = np.unique(of)
        if occasion.most_schools != UNLIMITED and len(schools) > occasion.most_schools:
            open_ = self._add(len(schools), float(self.items.most[items].sum()))
            laid.schools.update(zip(schools.tolist(), open_.tolist(), strict=True))
            self._layout.row((open_, 1.0), (items, -float(occasion.most_schools)))
            for school, column in laid.schools.items():
                mine = np.flatnonzero(of == school)
                self._layout.row(
                    (groups[mine], unit[mine]), ([column], -float(min(room, int((unit * most)[mine].sum()))))
                )
                for place in mine:
                    self._layout.row(([groups[place]], 1.0), ([column], -float(most[place])))
        return laid

    def _lay_parts(self, laid: _Laid, places: Ints) -> None:
        """Let classes that are too large come in parts of no fewer students than a part must have; where that is one, parts needn't be counted."""
        if self.crowd.least_part <= 1:
            return
        parts = self._add(len(places), 0.0)
        self._high[-1] = (self.crowd.free[laid.occasion.classes[places]] * self.items.most[laid.items].sum()).astype(
            float
        )
        laid.parts.update(zip(places.tolist(), parts.tolist(), strict=True))
        for place, column in laid.parts.items():
            students = laid.groups[place]
            self._layout.row(([students], 1.0), ([column], -float(laid.occasion.seats)))
            self._layout.row(([students], -1.0), ([column], float(self.crowd.least_part)))

    def _add(self, count: int, high: float, integral: NDArray[np.bool_] | None = None) -> Ints:
        columns = self._layout.new(count)
        self._integral.append(columns if integral is None else columns[integral])
        self._high.append(np.full(count, high))
        return columns

    def _program(self) -> Program:
        layout, items, floors = self._layout, self.items, self.floors
        first = len(layout.limits)
        row, column, value = layout.entries()
        classes = self._classes
        number = np.full(len(self.crowd.size), -1, np.int64)
        number[classes] = np.arange(len(classes))
        self.covered = layout.new(len(classes))
        self.short = layout.new(len(floors.schools))
        parts = [(row, column, value), (items.row + first, items.item, np.ones(len(items.row)))]
        base = first + len(items.limit)
        for of, columns, students in self._cover:
            parts.append((base + number[of], columns, -students.astype(float)))
        parts.append((base + np.arange(len(classes)), self.covered, np.ones(len(classes))))
        floor = np.full(int(self.crowd.school.max(initial=-1)) + 1, -1, np.int64)
        floor[floors.schools] = np.arange(len(floors.schools))
        of_class = floor[self.crowd.school[classes]]
        reached = np.flatnonzero(of_class >= 0)
        base_floor = base + len(classes)
        parts.append((base_floor + of_class[reached], self.covered[reached], -np.ones(len(reached))))
        parts.append((base_floor + np.arange(len(self.short)), self.short, -np.ones(len(self.short))))
        row, column, value = (np.concatenate([part[i] for part in parts]) for i in range(3))
        shape = (base_floor + len(self.short), layout.columns)
        matrix = coo_matrix((value, (row, column)), shape=shape).tocsr()
        matrix.sort_indices()
        worth = np.zeros(layout.columns)
        worth[self.covered], worth[self.short] = 1.0, -floors.price
        students = self.crowd.students[classes].astype(float)
        high = np.concatenate((*self._high, students, floors.short))
        limit = np.concatenate((layout.limits, items.limit.astype(float), np.zeros(len(classes)), -floors.short))
        return Program(worth, np.zeros(layout.columns), high, matrix, limit)

    def integral(self) -> Ints:
        """Return the columns that are whole."""
        return np.concatenate(self._integral)

    def hint(self, sittings: Iterable[Sitting]) -> Floats:
        """Write known sessions as a point of the program; a group that attends two of them counts once."""
        point = np.zeros(self._layout.columns)
        reached = np.zeros(len(self.crowd.size))
        for sitting in sittings:
            point[sitting.item] += 1.0
            laid_at = self._of_item.get(sitting.item)
            if laid_at is None:
                continue
            laid = self._laid[laid_at]
            self._hint(point, laid, sitting)
            np.add.at(reached, sitting.classes, sitting.students)
        covered = np.minimum(reached, self.crowd.students)
        point[self.covered] = covered[self._classes]
        of_school = np.bincount(
            self.crowd.school, weights=covered, minlength=int(self.floors.schools.max(initial=-1)) + 1
        )
        point[self.short] = np.maximum(0.0, self.floors.short - of_school[self.floors.schools])
        return np.minimum(point, self.program.high)

    def _hint(self, point: Floats, laid: _Laid, sitting: Sitting) -> None:
        occasion = laid.occasion
        students = np.zeros(len(self.crowd.size), np.int64)
        np.add.at(students, sitting.classes, sitting.students)
        mine, size = students[occasion.classes], self.crowd.size[occasion.classes]
        if occasion.fillings is not None:
            full = np.flatnonzero((occasion.fillings * size >= mine).all(axis=1))
            if len(full):
                point[laid.fillings[full[0]]] += 1.0
            return
        whole = size <= occasion.seats
        point[laid.groups] += np.where(whole, mine // size, mine)
        for place, column in laid.parts.items():
            point[column] += -(-mine[place] // occasion.seats)
        for school in np.unique(self.crowd.school[occasion.classes[mine > 0]]).tolist():
            if school in laid.schools:
                point[laid.schools[school]] += 1.0

    def chosen(self, point: Floats) -> list[Sitting]:
        """Read sessions off a point: an occasion's items held are given its fillings, or its classes, one after another."""
        found = []
        for laid in self._laid:
            items = np.repeat(laid.items, np.rint(point[laid.items]).astype(np.int64)).tolist()
            occasion, size = laid.occasion, self.crowd.size[laid.occasion.classes]
            if occasion.fillings is not None:
                times = np.rint(point[laid.fillings]).astype(np.int64)
                for item, filling in zip(items, np.repeat(np.arange(len(times)), times), strict=False):
                    groups = occasion.fillings[filling]
                    found.append(Sitting(item, occasion.classes[groups > 0], (groups * size)[groups > 0]))
                continue
            left = np.floor(point[laid.groups] + 1e-6).astype(np.int64)
            for item in items:
                come = self._share(occasion, left)
                found.append(Sitting(item, occasion.classes[come > 0], come[come > 0]))
        return found

    def _share(self, occasion: Occasion, left: Ints) -> Ints:
        """Take from what is left (groups, or students of too large ones) what one session can hold, largest groups first."""
        size, school = self.crowd.size[occasion.classes], self.crowd.school[occasion.classes]
        come, room = np.zeros(len(size), np.int64), occasion.seats
        there: set[int] = set()
        for place in np.argsort(-size, kind="stable").tolist():
            if left[place] == 0 or (
                occasion.most_schools != UNLIMITED
                and int(school[place]) not in there
                and len(there) >= occasion.most_schools
            ):
                continue
            unit = int(size[place]) if size[place] <= occasion.seats else 1
            taken = min(int(left[place]), room // unit)
            if size[place] > occasion.seats:
                taken = _leaving_a_part(taken, int(left[place]) - taken, self.crowd.least_part)
            if taken:
                there.add(int(school[place]))
                left[place] -= taken
                come[place] = taken * unit
                room -= taken * unit
        return come


def _leaving_a_part(taken: int, left: int, least: int) -> int:
    """Take fewer students as a part where those left are too few to be another one."""
    fewer = taken - (least - left)
    return fewer if 0 < left < least <= fewer else taken


def reachable(size: Ints, free: Ints, seats: int) -> int:
    """Return the most students that whole groups of these sizes can be together, within the seats."""
    sums = 1
    for one, count in zip(size.tolist(), free.tolist(), strict=True):
        for _ in range(min(count, seats // one)):
            sums |= sums << one
    return (sums & ((1 << (seats + 1)) - 1)).bit_length() - 1


def _counts(size: Ints, free: Ints, seats: int) -> list[tuple[int, int]]:
    """List (least size, most groups): of groups at least so large no more fit into the seats, where that says something."""
    found: list[tuple[int, int]] = []
    for least in np.unique(size).tolist():
        most = seats // least
        if free[size >= least].sum() > most and (not found or most < found[-1][1]):
            found.append((least, most))
    return found
