"""A plan on a board, from rows and as rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.matching.planning.compiled import allocating, compiled
from services.matching.planning.search.allowed import can_hold
from services.matching.planning.search.board import Board
from services.matching.planning.search.rows import Rows, in_order, no_rows
from services.matching.planning.search.state import (
    State,
    close_session,
    join,
    leave,
    open_session,
    room,
    whole,
)


def rows_of_plan(board: Board, plan: Any) -> Rows:
    """Return the plan of a `State`, or one put aside (`Kept`), as sorted rows."""
    used = np.flatnonzero(plan.x_vertex >= 0)
    slots = np.repeat(used, plan.x_count[used])
    first = np.concatenate(([0], np.cumsum(plan.x_count[used])))[:-1]
    at = np.arange(len(slots)) - np.repeat(first, plan.x_count[used]) + board.slot_first[slots]
    columns = (
        board.slot_offer[slots],
        plan.x_start[slots],
        board.v_school[plan.x_vertex[slots]],
        plan.a_group[at],
        plan.a_students[at],
        plan.a_pinned[at],
    )
    return in_order(np.stack(columns, axis=1).astype(np.int32)) if len(slots) else no_rows()


@allocating
def vertex_at(board: Board, offer: int, school: int, start: int, group: int) -> int:
    """Find the vertex of an offer at a school (-1: none) and start at which the group is able; -1 if there is none."""
    for vertex in range(board.ov_first[offer], board.ov_first[offer + 1]):
        if board.v_school[vertex] != school:
            continue
        groups = board.v_group[board.vg_first[vertex] : board.vg_first[vertex + 1]]
        at = np.searchsorted(groups, group)
        if at >= groups.shape[0] or groups[at] != group:
            continue
        for i in range(board.vs_first[vertex], board.vs_first[vertex + 1]):
            if board.v_start[i] == start:
                return vertex
    return -1


@compiled
def slot_at(board: Board, state: State, offer: int, start: int) -> int:
    """Find the slot in which an offer holds a session at a start, else a free one (as -2 - slot), else -1."""
    free = -1
    for slot in range(board.o_slot[offer], board.o_slot[offer + 1]):
        if state.x_vertex[slot] < 0:
            free = -2 - slot if free == -1 else free
        elif state.x_start[slot] == start:
            return slot
    return free


@compiled
def place_rows(board: Board, state: State, rows: Any) -> int:
    """Add the rows to the plan where every rule allows; return how many could not be placed."""
    lost = 0
    for r in range(rows.shape[0]):
        offer, start, school = whole(rows[r, 0]), whole(rows[r, 1]), whole(rows[r, 2])
        group, students, pinned = whole(rows[r, 3]), whole(rows[r, 4]), whole(rows[r, 5])
        vertex = vertex_at(board, offer, school, start, group)
        slot = slot_at(board, state, offer, start) if vertex >= 0 else -1
        if slot < -1 and can_hold(board, state, offer, school, start):
            slot = -2 - slot
            open_session(board, state, slot, vertex, start)
        if slot < 0 or state.x_school[slot] != school or not _same_kind(board, offer, group, students):
            lost += 1
        elif room(board, state, slot, group) >= students:
            join(board, state, slot, group, students, pinned)
        else:
            lost += 1
        if slot >= 0 and state.x_count[slot] == 0:
            close_session(board, state, slot)
    return lost


@compiled
def _same_kind(board: Board, offer: int, group: int, students: int) -> Any:
    """Tell whether a group may come so: whole where the offer has the seats, else in parts of at least the least size."""
    if board.o_seats[offer] >= board.g_size[group]:
        return students == board.g_size[group]
    return board.scalars[0] <= students < board.g_size[group]


@compiled
def clear(board: Board, state: State) -> None:
    """Take everything off the board."""
    for slot in range(board.slot_offer.shape[0]):
        if state.x_vertex[slot] >= 0:
            while state.x_count[slot] > 0:
                leave(board, state, slot, whole(state.a_group[board.slot_first[slot]]))
            close_session(board, state, slot)
            state.written[0] = 0
