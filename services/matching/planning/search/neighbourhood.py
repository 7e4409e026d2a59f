"""Neighbourhoods: some offers are set free, and all their sessions are chosen anew by a small whole-number program.

The program's columns are whole sessions (a vertex with students of its classes), generated against the prices of its
linear relaxation; a row for each class counts its covered students, so that a session may list students whom another has
too. Starts are chosen in the same program: an item is a vertex at one start, and rows over items keep presenters and
schools apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from services.matching.planning.fillings import UNLIMITED, fillings, gains
from services.matching.planning.search.board import MIN_PART, NO_LIMIT, Board
from services.matching.planning.search.classes import Classes
from services.matching.planning.search.conflicts import items_of, rows_over_items
from services.matching.planning.search.program import Program
from services.matching.planning.search.state import State
from services.matching.planning.vertices import laid_ranges

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
STARTS_EACH = 3
ROUNDS = 12
FLOOR_PENALTY = 3.0
LEAST_GAIN = 1e-6


@dataclass
class Columns:
    """Generated sessions: vertex positions, and their (class, students) entries."""

    where: list[int] = field(default_factory=list)
    entries: list[tuple[Ints, Ints]] = field(default_factory=list)
    number: dict[tuple[int, bytes, bytes], int] = field(default_factory=dict)

    def add(self, where: int, kinds: Ints, students: Ints) -> int:
        """Add a column unless it is there already; return its number."""
        order = np.argsort(kinds)
        kinds, students = kinds[order], students[order]
        key = (where, kinds.tobytes(), students.tobytes())
        if key not in self.number:
            self.number[key] = len(self.where)
            self.where.append(where)
            self.entries.append((kinds, students))
        return self.number[key]


@dataclass(frozen=True)
class Freed:
    """A session of the present plan that is chosen anew, with its groups and how many students of each came."""

    vertex: int
    start: int
    groups: Ints
    students: Ints


@dataclass(frozen=True)
class Chosen:
    """A session that the program chose, with how many students of which classes; `fully`: whether all of a class are covered."""

    vertex: int
    start: int
    kinds: Ints
    students: Ints
    fully: Ints


class Neighbourhood:
    """The program over these vertices, which belong to offers set free, given the rest of the plan on the board."""

    def __init__(
        self,
        board: Board,
        state: State,
        classes: Classes,
        vertices: Ints,
        freed: Sequence[Freed],
        *,
        floor_scale: int,
    ) -> None:
        self.board, self.classes = board, classes
        at_home = (state.g_whole == 0) & (state.g_parts == 0)
        self.free = np.bincount(board.g_class[at_home], minlength=len(classes.size))
        known = sorted((session.vertex, session.start) for session in freed)
        known_vertex, known_start = (np.array([pair[i] for pair in known], dtype=np.int64) for i in (0, 1))
        candidates = np.union1d(vertices, known_vertex).astype(np.int64)
        item_vertex, self.item_start = items_of(board, state, candidates, STARTS_EACH, known_vertex, known_start)
        self.vertices, self.item_where = np.unique(item_vertex, return_inverse=True)
        self.vertices = self.vertices.astype(np.int64)
        self.row, self.item, self.limit = rows_over_items(board, state, item_vertex, self.item_start)
        self.columns = Columns()
        self._lay_out_classes()
        self._lay_out_items()
        self._lay_out_floors(state, floor_scale)
        self.hinted_items: list[int] = []
        self.hinted_columns: list[int] = []
        for session in freed:
            mine = at_home[session.groups]
            kinds, which = np.unique(board.g_class[session.groups[mine]], return_inverse=True)
            students = np.bincount(which, weights=session.students[mine], minlength=len(kinds)).astype(np.int64)
            where = int(np.searchsorted(self.vertices, session.vertex))
            self.hinted_columns.append(self.columns.add(where, kinds, students))
            held = (item_vertex == session.vertex) & (self.item_start == session.start)
            self.hinted_items.append(int(np.flatnonzero(held)[0]))

    def _lay_out_classes(self) -> None:
        """List the classes with groups at home that are able at each vertex, and what a session there may hold."""
        board, classes, vertices = self.board, self.classes, self.vertices
        lengths = classes.first[vertices + 1] - classes.first[vertices]
        able = classes.able[laid_ranges(classes.first[vertices], lengths)]
        kept = self.free[able] > 0
        where = np.repeat(np.arange(len(vertices)), lengths)[kept]
        self.able = able[kept]
        self.first = np.concatenate(([0], np.cumsum(np.bincount(where, minlength=len(vertices))))).astype(np.int64)
        offer = board.v_offer[vertices]
        self.seats = board.o_seats[offer]
        several = (board.v_school[vertices] < 0) & (board.o_schools[offer] < NO_LIMIT)
        self.most_schools = np.where(several, board.o_schools[offer], UNLIMITED)

    def _lay_out_items(self) -> None:
        """Give each vertex with several starts a link row and its items variables; one start needs none."""
        starts = np.bincount(self.item_where, minlength=len(self.vertices))
        self.starts, self.single = starts, starts == 1
        self.only_item = np.zeros(len(self.vertices), np.int64)
        self.only_item[self.item_where] = np.arange(len(self.item_where))
        self.open_items = np.flatnonzero(~self.single[self.item_where])
        self.link_of = np.cumsum(~self.single) - 1
        self.links = int((~self.single).sum())
        self.item_rows = coo_matrix(
            (np.ones(len(self.row)), (self.row, self.item)), shape=(len(self.limit), len(self.item_where))
        ).tocsc()

    def _lay_out_floors(self, state: State, floor_scale: int) -> None:
        """Keep floors in sight: schools that the fixed part of the plan leaves below theirs."""
        board = self.board
        self.short_schools = np.flatnonzero(state.s_covered < board.s_floor)
        self.short = (board.s_floor - state.s_covered)[self.short_schools].astype(float)
        self.short_price = FLOOR_PENALTY * board.s_weight[self.short_schools] / floor_scale

    def program(self) -> Program:
        """Lay the present columns out.

        Variables: columns, items of vertices with several starts, covered students of each class, shortfall of each
        school. Rows: rows over items, links, classes, floors.
        """
        columns, classes = self.columns, np.flatnonzero(self.free)
        n, m, c, f = len(columns.where), len(self.open_items), len(classes), len(self.short_schools)
        where = np.array(columns.where, dtype=np.int64)
        number = np.full(len(self.free), -1, np.int64)
        number[classes] = np.arange(c)
        base_link = len(self.limit)
        base_class = base_link + self.links
        base_floor = base_class + c
        parts: list[tuple[Any, Any, Any]] = []
        single = np.flatnonzero(self.single[where]) if n else where
        shared = np.flatnonzero(~self.single[where]) if n else where
        bound = self.item_rows[:, self.only_item[where[single]]].tocoo()
        parts.append((bound.row, single[bound.col], bound.data))
        parts.append((base_link + self.link_of[where[shared]], shared, np.ones(len(shared))))
        held = self.item_rows[:, self.open_items].tocoo()
        parts.append((held.row, n + held.col, held.data))
        parts.append((base_link + self.link_of[self.item_where[self.open_items]], n + np.arange(m), -np.ones(m)))
        lengths = np.array([len(kinds) for kinds, _ in columns.entries], dtype=np.int64)
        kinds = np.concatenate([*(kinds for kinds, _ in columns.entries), np.zeros(0, np.int64)]).astype(np.int64)
        students = np.concatenate([*(students for _, students in columns.entries), np.zeros(0, np.int64)])
        parts.append((base_class + number[kinds], np.repeat(np.arange(n), lengths), -students))
        parts.append((base_class + np.arange(c), n + m + np.arange(c), np.ones(c)))
        floor_number = np.full(len(self.board.s_hosting), -1, np.int64)
        floor_number[self.short_schools] = np.arange(f)
        of_class = floor_number[self.classes.school[classes]]
        reached = np.flatnonzero(of_class >= 0)
        parts.append((base_floor + of_class[reached], n + m + reached, -np.ones(len(reached))))
        parts.append((base_floor + np.arange(f), n + m + c + np.arange(f), -np.ones(f)))
        row, column, value = (np.concatenate([part[i] for part in parts]) for i in range(3))
        shape = (base_floor + f, n + m + c + f)
        matrix = coo_matrix((value.astype(float), (row, column)), shape=shape).tocsr()
        worth = np.concatenate((np.zeros(n + m), np.ones(c), -self.short_price))
        most = self.starts[where].astype(float)
        high = np.concatenate((most, np.ones(m), self._students()[classes], self.short))
        limit = np.concatenate((self.limit.astype(float), np.zeros(self.links + c), -self.short))
        return Program(worth, np.zeros(shape[1]), high, matrix, limit)

    def _students(self) -> Floats:
        """Give the students of each class who are at home."""
        return (self.free * self.classes.size).astype(float)

    def generate(self, seconds: float) -> None:
        """Generate columns against the linear program's prices, until none pays."""
        classes = np.flatnonzero(self.free)
        prices = np.zeros(len(self.free))
        prices[classes] = 1.0
        rent = np.zeros(len(self.vertices))
        for turn in range(ROUNDS):
            if self._add_priced(prices, rent) == 0:
                break
            found = self.program().prices(seconds)
            if found is None or turn == ROUNDS - 1:
                break
            base = len(self.limit)
            prices[classes] = found[base + self.links : base + self.links + len(classes)]
            item_price = np.asarray(self.item_rows.T @ found[:base])
            rent = np.where(self.single, item_price[self.only_item], 0.0)
            rent[~self.single] = found[base : base + self.links]

    def _add_priced(self, prices: Floats, rent: Floats) -> int:
        """Add the best session of each vertex that is worth more than its rent; tell how many are new."""
        if not len(self.vertices):
            return 0
        classes, min_part = self.classes, int(self.board.scalars[MIN_PART])
        what = (self.first, self.able, self.seats, self.most_schools)
        found = gains(*what, rent, classes.school, min_part, classes.size, self.free, prices)
        chosen = np.flatnonzero(found > LEAST_GAIN)
        students = fillings(chosen, *what, classes.school, min_part, classes.size, self.free, prices)
        before, at = len(self.columns.where), 0
        for where in chosen:
            kinds = self.able[self.first[where] : self.first[where + 1]]
            mine = students[at : at + len(kinds)]
            at += len(kinds)
            self.columns.add(int(where), kinds[mine > 0], mine[mine > 0])
        return len(self.columns.where) - before

    def size(self) -> int:
        """Count the entries of the columns, as a measure of the work that the program is."""
        return sum(len(kinds) for kinds, _ in self.columns.entries) + len(self.row)

    def hint(self) -> Floats:
        """Write the freed sessions as a point of the program."""
        n, classes = len(self.columns.where), np.flatnonzero(self.free)
        reached, held, times = np.zeros(len(self.free)), np.zeros(len(self.item_where)), np.zeros(n)
        held[self.hinted_items] = 1.0
        for column in self.hinted_columns:
            times[column] += 1.0
            kinds, students = self.columns.entries[column]
            reached[kinds] += students
        covered = np.minimum(reached, self._students())
        of_school = np.bincount(self.classes.school, weights=covered, minlength=len(self.board.s_hosting))
        below = np.maximum(0.0, self.short - of_school[self.short_schools])
        return np.concatenate((times, held[self.open_items], covered[classes], below))

    def solve(self, seconds: float, nodes: int | None) -> list[Chosen] | None:
        """Choose sessions; None where the solver found nothing."""
        n, m = len(self.columns.where), len(self.open_items)
        point = self.program().best(np.arange(n + m), self.hint(), seconds, nodes)
        return None if point is None else self._chosen(point)

    def _chosen(self, point: Floats) -> list[Chosen]:
        """Read sessions off a point: each chosen column takes one of its vertex's chosen items."""
        n = len(self.columns.where)
        items: dict[int, list[int]] = {}
        for item in self.open_items[point[n : n + len(self.open_items)] > 0.5]:
            items.setdefault(int(self.item_where[item]), []).append(int(item))
        times = np.rint(point[:n]).astype(np.int64)
        reached = np.zeros(len(self.free))
        for column in np.flatnonzero(times):
            kinds, students = self.columns.entries[column]
            reached[kinds] += times[column] * students
        fully = (reached >= self._students()).astype(np.int64)
        chosen = []
        for column in np.repeat(np.arange(n), times):
            where = self.columns.where[column]
            item = int(self.only_item[where]) if self.single[where] else items[where].pop()
            kinds, students = self.columns.entries[column]
            chosen.append(Chosen(int(self.vertices[where]), int(self.item_start[item]), kinds, students, fully[kinds]))
        return chosen
