"""Neighbourhoods: some offers are set free, and all their sessions are chosen anew by a small whole-number program.

Starts are chosen in the same program: an item is a vertex at one start, and rows over items keep presenters and schools
apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.fillings import UNLIMITED
from services.matching.planning.search.board import MIN_PART, NO_LIMIT, Board
from services.matching.planning.search.classes import Classes
from services.matching.planning.search.conflicts import items_of, rows_over_items
from services.matching.planning.search.occasions import Crowd, Occasion, occasions_of
from services.matching.planning.search.sittings import Floors, Items, Sitting, Sittings
from services.matching.planning.search.state import State
from services.matching.planning.vertices import laid_ranges

Ints = NDArray[np.int64]
STARTS_EACH = 3
FLOOR_PENALTY = 3.0


@dataclass(frozen=True)
class Freed:
    """A session of the present plan that is chosen anew, with its groups and how many students of each came."""

    vertex: int
    start: int
    groups: Ints
    students: Ints


@dataclass(frozen=True)
class Chosen:
    """A session that the program chose, with how many students of which classes; `fully`: whether all of a class are covered.

    A negative kind, -1 - g, is no class: it is group g, which has a part elsewhere.
    """

    vertex: int
    start: int
    kinds: Ints
    students: Ints
    fully: Ints


class Neighbourhood:
    """The program over these vertices, which belong to offers set free, given the rest of the plan on the board.

    `parts_counted`: groups may come in parts, none too small. A `region` is large: each vertex has one start besides those
    known, and each session its own students.
    """

    def __init__(
        self,
        board: Board,
        state: State,
        classes: Classes,
        vertices: Ints,
        freed: Sequence[Freed],
        *,
        floor_scale: int,
        parts_counted: bool = True,
        region: bool = False,
    ) -> None:
        self._board = board
        self._classes = len(classes.size)
        least = int(board.scalars[MIN_PART])
        at_home = (state.g_whole == 0) & (state.g_parts == 0)
        free = np.bincount(board.g_class[at_home], minlength=self._classes)
        left = board.g_size - state.g_parts
        parted = (state.g_whole == 0) & (state.g_parts > 0) & (left >= least)
        self._parted = np.flatnonzero(parted & parts_counted)
        self._kind = np.where(at_home, board.g_class, -1)
        self._kind[self._parted] = self._classes + np.arange(len(self._parted))
        known = sorted((session.vertex, session.start) for session in freed)
        known_vertex, known_start = (np.array([pair[i] for pair in known], dtype=np.int64) for i in (0, 1))
        candidates = np.union1d(vertices, known_vertex).astype(np.int64)
        self._item_vertex, self._item_start = items_of(
            board, state, candidates, 1 if region else STARTS_EACH, known_vertex, known_start
        )
        self._vertices, where = np.unique(self._item_vertex, return_inverse=True)
        self._vertices = self._vertices.astype(np.int64)
        row, item, limit = rows_over_items(board, state, self._item_vertex, self._item_start)
        items = Items(where.astype(np.int64), np.ones(len(where), np.int64), row, item, limit)
        crowd = Crowd(
            np.concatenate((classes.size, board.g_size[self._parted])),
            np.concatenate((free, np.ones(len(self._parted), np.int64))),
            np.concatenate((classes.school, board.g_school[self._parted])),
            np.concatenate((free * classes.size, left[self._parted])),
            least if parts_counted else 1,
        )
        short = np.flatnonzero(state.s_covered < board.s_floor)
        floors = Floors(
            short,
            (board.s_floor - state.s_covered)[short].astype(float),
            FLOOR_PENALTY * board.s_weight[short] / floor_scale,
        )
        self._sittings = Sittings(crowd, items, self._occasions(classes, crowd), floors, apart=region)
        self._freed = freed

    def _occasions(self, classes: Classes, crowd: Crowd) -> list[Occasion]:
        board, vertices = self._board, self._vertices
        lengths = classes.first[vertices + 1] - classes.first[vertices]
        able = classes.able[laid_ranges(classes.first[vertices], lengths)]
        where = np.repeat(np.arange(len(vertices)), lengths)
        another, there = self._able_in_parts()
        able, where = np.concatenate((able, another)), np.concatenate((where, there))
        kept = np.lexsort((able, crowd.school[able], where))
        kept = kept[crowd.free[able[kept]] > 0]
        first = np.concatenate(([0], np.cumsum(np.bincount(where[kept], minlength=len(vertices))))).astype(np.int64)
        offer = board.v_offer[vertices]
        several = (board.v_school[vertices] < 0) & (board.o_schools[offer] < NO_LIMIT)
        most_schools = np.where(several, board.o_schools[offer], UNLIMITED)
        return occasions_of(
            crowd, offer, board.v_school[vertices], board.o_seats[offer], most_schools, first, able[kept]
        )

    def _able_in_parts(self) -> tuple[Ints, Ints]:
        """List (kind, place of the vertex) where a group that has a part elsewhere may have another: it never comes whole."""
        board, parted = self._board, self._parted
        lengths = board.gv_first[parted + 1] - board.gv_first[parted]
        vertex = board.g_vertex[laid_ranges(board.gv_first[parted], lengths)]
        which = np.repeat(np.arange(len(parted)), lengths)
        kept = np.isin(vertex, self._vertices) & (board.o_seats[board.v_offer[vertex]] < board.g_size[parted[which]])
        return self._classes + which[kept], np.searchsorted(self._vertices, vertex[kept])

    def size(self) -> int:
        """Count the program's entries, as a measure of the work that it is."""
        return int(self._sittings.program.matrix.nnz)

    def solve(self, seconds: float, nodes: int | None) -> list[Chosen] | None:
        """Choose sessions; None where the solver found nothing."""
        sittings = self._sittings
        hint = sittings.hint(self._sitting(session) for session in self._freed)
        point, _ = sittings.program.best(sittings.integral(), hint, seconds, nodes)
        return None if point is None else self._chosen(sittings.chosen(point))

    def _sitting(self, session: Freed) -> Sitting:
        mine = self._kind[session.groups] >= 0
        kinds, which = np.unique(self._kind[session.groups[mine]], return_inverse=True)
        students = np.bincount(which, weights=session.students[mine], minlength=len(kinds)).astype(np.int64)
        held = (self._item_vertex == session.vertex) & (self._item_start == session.start)
        return Sitting(int(np.flatnonzero(held)[0]), kinds, students)

    def _chosen(self, sittings: Sequence[Sitting]) -> list[Chosen]:
        crowd = self._sittings.crowd
        reached = np.zeros(len(crowd.size), np.int64)
        for sitting in sittings:
            reached[sitting.classes] += sitting.students
        fully = (reached >= crowd.students).astype(np.int64)
        named = np.concatenate((np.arange(self._classes), -1 - self._parted))
        return [
            Chosen(
                int(self._item_vertex[one.item]),
                int(self._item_start[one.item]),
                named[one.classes],
                one.students,
                fully[one.classes],
            )
            for one in sittings
        ]
