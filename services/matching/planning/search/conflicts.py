"""Which sessions exclude each other: rows over *items* (a vertex at one start) for presenters, hosting, and totals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import allocating
from services.matching.planning.search.allowed import can_hold, place_of
from services.matching.planning.search.board import FIRST_DATE, MINUTES_A_DAY, NO_LIMIT, Board
from services.matching.planning.search.state import State, draw

Ints = NDArray[np.int64]


@allocating
def items_of(
    board: Board, state: State, vertices: Ints, starts_each: int, known_vertex: Ints, known_start: Ints
) -> tuple[Ints, Ints]:
    """Return (vertex, start) pairs that the rest of the plan allows; at most so many starts a vertex, spread at random.

    The known pairs, which come sorted by vertex, are among them.
    """
    longest = vertices.shape[0] * starts_each + known_vertex.shape[0]
    item_vertex, item_start = np.empty(longest, np.int64), np.empty(longest, np.int64)
    count = 0
    for vertex in vertices:
        offer, school = board.v_offer[vertex], board.v_school[vertex]
        first, last = board.vs_first[vertex], board.vs_first[vertex + 1] - 1
        begun = count
        known = np.searchsorted(known_vertex, vertex)
        while known < known_vertex.shape[0] and known_vertex[known] == vertex:
            item_vertex[count], item_start[count] = vertex, known_start[known]
            count += 1
            known += 1
        for turn in range(3 * starts_each):
            if count - begun >= starts_each or (turn > 0 and last == first):
                break
            at = first if turn == 0 else last if turn == 1 else first + draw(state, last - first + 1)
            start = board.v_start[at]
            fresh = True
            for i in range(begun, count):
                fresh = fresh and item_start[i] != start
            if fresh and can_hold(board, state, offer, school, start):
                item_vertex[count], item_start[count] = vertex, start
                count += 1
    return item_vertex[:count].copy(), item_start[:count].copy()


@allocating
def clash(board: Board, vertex: int, start: int, vertex_b: int, start_b: int) -> Any:
    """Tell whether one presenter cannot give both sessions, journeys included."""
    offer, offer_b = board.v_offer[vertex], board.v_offer[vertex_b]
    place, place_b = place_of(board, offer, board.v_school[vertex]), place_of(board, offer_b, board.v_school[vertex_b])
    gap = board.travel[place, place_b] if place >= 0 and place_b >= 0 else 0
    return start < start_b + board.o_duration[offer_b] + gap and start_b < start + board.o_duration[offer] + gap


@allocating
def presenter_rows(
    board: Board, vertices: Ints, starts: Ints, members: Ints, row: int, out_row: Ints, out_item: Ints, at: int
) -> tuple[int, int]:
    """Cover all clashes among one presenter's items of one date with cliques; return the next row and entry."""
    n = members.shape[0]
    left = np.zeros((n, n), np.bool_)
    pair = np.zeros((n, n), np.bool_)
    for i in range(n):
        for j in range(i + 1, n):
            a, b = members[i], members[j]
            pair[i, j] = pair[j, i] = clash(board, vertices[a], starts[a], vertices[b], starts[b])
            left[i, j] = pair[i, j]
    clique = np.empty(n, np.int64)
    common = np.empty(n, np.bool_)
    for i in range(n):
        for j in range(i + 1, n):
            if not left[i, j]:
                continue
            clique[0], clique[1] = i, j
            size = 2
            common[:] = pair[i] & pair[j]
            for k in range(n):
                if common[k]:
                    clique[size] = k
                    size += 1
                    common &= pair[k]
            for c in range(size):
                for d in range(size):
                    left[min(clique[c], clique[d]), max(clique[c], clique[d])] = False
                if at < out_row.shape[0]:
                    out_row[at] = row
                    out_item[at] = members[clique[c]]
                at += 1
            row += 1
    return row, at


@allocating
def _clash_rows(
    board: Board, vertices: Ints, starts: Ints, order: Ints, first: Ints, room: int
) -> tuple[Ints, Ints, int, int]:
    """Write as many entries as there is room for; return them, the number of rows, and how many entries there are."""
    out_row, out_item = np.empty(room, np.int64), np.empty(room, np.int64)
    row, at = 0, 0
    for k in range(first.shape[0] - 1):
        if first[k + 1] - first[k] > 1:
            row, at = presenter_rows(
                board, vertices, starts, order[first[k] : first[k + 1]], row, out_row, out_item, at
            )
    return out_row[:at].copy(), out_item[:at].copy(), row, at


def clash_rows(board: Board, vertices: Ints, starts: Ints, order: Ints, first: Ints) -> tuple[Ints, Ints, int]:
    """Return the (row, item) entries of all presenter cliques; `order[first[k]:first[k + 1]]` share presenter and date."""
    room = 4 * len(vertices)
    row, item, rows, needed = _clash_rows(board, vertices, starts, order, first, room)
    if needed > room:
        row, item, rows, needed = _clash_rows(board, vertices, starts, order, first, needed)
    return row, item, rows


@allocating
def hosting_rows(
    board: Board, state: State, vertices: Ints, starts: Ints, order: Ints, first: Ints
) -> tuple[Ints, Ints, Ints]:
    """Return (row, item) entries and the rooms left of each row: at each item's start, the sessions at that school."""
    longest = 0
    for k in range(first.shape[0] - 1):
        longest += (first[k + 1] - first[k]) ** 2
    out_row, out_item = np.empty(longest, np.int64), np.empty(longest, np.int64)
    rooms = np.empty(order.shape[0], np.int64)
    row, at = 0, 0
    for k in range(first.shape[0] - 1):
        members = order[first[k] : first[k + 1]]
        school = board.v_school[vertices[members[0]]]
        date = starts[members[0]] // MINUTES_A_DAY - board.scalars[FIRST_DATE]
        for i in members:
            moment = starts[i]
            before = at
            for j in members:
                if starts[j] <= moment < starts[j] + board.o_duration[board.v_offer[vertices[j]]]:
                    out_row[at] = row
                    out_item[at] = j
                    at += 1
            held = 0
            other = state.host_head[school, date]
            while other >= 0:
                if state.x_start[other] <= moment < state.x_start[other] + board.o_duration[board.slot_offer[other]]:
                    held += 1
                other = state.host_next[other]
            if at - before > board.s_hosting[school] - held:
                rooms[row] = board.s_hosting[school] - held
                row += 1
            else:
                at = before
    return out_row[:at].copy(), out_item[:at].copy(), rooms[:row].copy()


def _grouped(keys: Ints) -> tuple[Ints, Ints]:
    """Return the order that brings equal keys together, and where each run begins."""
    order = np.argsort(keys, kind="stable").astype(np.int64)
    turns = np.flatnonzero(np.diff(keys[order])) + 1
    return order, np.concatenate(([0], turns, [len(keys)])).astype(np.int64)


class Rows:
    """Rows over items, `sum of the items in a row <= limit`, gathered one family after another."""

    def __init__(self) -> None:
        self.row: list[Ints] = []
        self.item: list[Ints] = []
        self.limit: list[Ints] = []
        self.count = 0

    def add(self, row: Ints, item: Ints, limit: Ints) -> None:
        """Add rows numbered from 0."""
        self.row.append(row + self.count)
        self.item.append(item)
        self.limit.append(limit)
        self.count += len(limit)

    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """Return (row, item) entries and the limits."""
        empty = np.zeros(0, np.int64)
        return (
            np.concatenate([*self.row, empty]),
            np.concatenate([*self.item, empty]),
            np.concatenate([*self.limit, empty]),
        )


def rows_over_items(board: Board, state: State, vertices: Ints, starts: Ints) -> tuple[Ints, Ints, Ints]:
    """Return all rows that bind the items, given the rest of the plan: (row, item) entries and the limits."""
    rows = Rows()
    if not len(vertices):
        return rows.arrays()
    offer, date = board.v_offer[vertices], starts // MINUTES_A_DAY - int(board.scalars[FIRST_DATE])
    employer = board.o_employer[offer]
    used = np.bincount(board.slot_offer[state.x_vertex >= 0], minlength=len(board.o_seats))
    _add_totals(rows, offer, np.diff(board.o_slot) - used)
    limited = board.e_most < NO_LIMIT
    _add_totals(rows, np.where(limited[employer], employer, -1), board.e_most - state.e_used)
    dates = int(date.max()) + 1
    a_day = board.e_most_a_day[employer] < NO_LIMIT
    left = (board.e_most_a_day[:, None] - state.e_used_on[:, :dates]).ravel()
    _add_totals(rows, np.where(a_day, employer * dates + date, -1), left)
    order, first = _grouped(board.o_presenter[offer] * (dates + 1) + date)
    clique_row, clique_item, cliques = clash_rows(board, vertices, starts, order, first)
    rows.add(clique_row, clique_item, np.ones(cliques, np.int64))
    hosted = np.flatnonzero(board.v_school[vertices] >= 0)
    if len(hosted):
        order, first = _grouped(board.v_school[vertices][hosted] * (dates + 1) + date[hosted])
        host_row, host_item, rooms = hosting_rows(board, state, vertices, starts, hosted[order], first)
        rows.add(host_row, host_item, rooms)
    return rows.arrays()


def _add_totals(rows: Rows, key: Ints, left: Ints) -> None:
    """Add one row for each key (-1: no row) that has more items than sessions left."""
    items = np.flatnonzero(key >= 0)
    kinds, row, counts = np.unique(key[items], return_inverse=True, return_counts=True)
    binds = counts > left[kinds]
    number = np.cumsum(binds) - 1
    chosen = binds[row]
    rows.add(number[row[chosen]], items[chosen], left[kinds[binds]])
