"""Moves of the annealing: each changes a few sessions and writes a journal, so that it can be taken back.

They are compiled into the annealing itself: a call hands over some hundred arrays, which took a third of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import compiled, inlined
from services.matching.planning.search.allowed import can_hold
from services.matching.planning.search.board import Board
from services.matching.planning.search.filling import Floats, fill, gain, potential
from services.matching.planning.search.state import (
    MOST_NOTICED,
    State,
    close_session,
    draw,
    join,
    leave,
    open_session,
    room,
    whole,
)

Ints = NDArray[np.int64]
STARTS_TRIED = 6
VERTICES_TRIED = 3
MOST_EJECTED = 4


@inlined
def _next_with_room(vertices: Any, free: Any, place: int, end: int, least: int) -> Any:
    """Go on to the next place among vertices at which so many seats are free; to the end if there is none."""
    while place < end and free[vertices[place]] < least:
        place += 1
    return place


@compiled
def seat_elsewhere(board: Board, state: State, group: int, weights: Floats, avoid: int) -> bool:
    """Let a group join any session that has room for it, other than `avoid`."""
    first, end = board.gv_first[group], board.gv_first[group + 1]
    if first == end:
        return False
    at = first + draw(state, end - first)
    least = whole(1) if board.g_split[group] == 1 else board.g_size[group]
    noticed = min(least, MOST_NOTICED)
    for begin, upto in ((at, end), (first, at)):
        place = _next_with_room(board.g_vertex, state.vertex_free, begin, upto, noticed)
        while place < upto:
            slot = whole(state.vertex_head[board.g_vertex[place]])
            while slot >= 0:
                if slot != avoid and board.o_seats[board.slot_offer[slot]] - state.x_filled[slot] >= least:
                    amount = room(board, state, slot, group)
                    if amount > 0 and gain(board, state, slot, group, amount, weights) > 0:
                        join(board, state, slot, group, amount, 0)
                        return True
                slot = whole(state.vertex_next[slot])
            place = _next_with_room(board.g_vertex, state.vertex_free, place + 1, upto, noticed)
    return False


@compiled
def empty_slot(board: Board, state: State, slot: int, dropped: Ints) -> Any:
    """Take all groups out of a session without pins and give it up; return how many groups `dropped` now holds."""
    first = board.slot_first[slot]
    count = state.x_count[slot]
    for i in range(count):
        dropped[i] = state.a_group[first + i]
    for i in range(count):
        leave(board, state, slot, dropped[i])
    close_session(board, state, slot)
    return count


@compiled
def hold_somewhere(board: Board, state: State, slot: int, vertex: int) -> bool:
    """Open a session at a start of the vertex that every rule allows; tell whether there was one."""
    first = board.vs_first[vertex]
    count = board.vs_first[vertex + 1] - first
    at = draw(state, count)
    for i in range(min(count, STARTS_TRIED)):
        start = board.v_start[first + (at + i) % count]
        if can_hold(board, state, board.slot_offer[slot], board.v_school[vertex], start):
            open_session(board, state, slot, vertex, start)
            return True
    return False


@compiled
def free_slot(board: Board, state: State, offer: int) -> Any:
    """Return a slot of the offer that holds no session; -1 where all do."""
    for slot in range(board.o_slot[offer], board.o_slot[offer + 1]):
        if state.x_vertex[slot] < 0:
            return slot
    return -1


@compiled
def choose_vertex(board: Board, state: State, offer: int, weights: Floats) -> int:
    """Draw a few vertices of an offer and return the one with the largest potential."""
    first, count = board.ov_first[offer], board.ov_first[offer + 1] - board.ov_first[offer]
    best, most = -1, -1.0
    for _ in range(1 + draw(state, VERTICES_TRIED)):
        vertex = first + draw(state, count)
        value = potential(board, state, vertex, weights)
        if value > most:
            best, most = vertex, value
    return best


@inlined
def relocate(board: Board, state: State, weights: Floats) -> bool:
    """Hold a random session somewhere else (or an unused one for the first time), and seat again those whom it leaves."""
    slot = draw(state, board.slot_offer.shape[0])
    if state.x_pinned[slot] > 0:
        return False
    offer = board.slot_offer[slot]
    dropped = state.dropped
    count = 0
    if state.x_vertex[slot] >= 0:
        count = empty_slot(board, state, slot, dropped)
    vertex = choose_vertex(board, state, offer, weights)
    held = hold_somewhere(board, state, slot, vertex)
    if held and fill(board, state, slot, weights) == 0:
        close_session(board, state, slot)
        held = False
    for i in range(count):
        seat_elsewhere(board, state, dropped[i], weights, -1)
    return held or count > 0


@compiled
def _eject(board: Board, state: State, slot: int, group: int, dropped: Ints) -> int:
    """Take random groups without pins out of a session until another group fits; return how many went."""
    count = 0
    while state.x_count[slot] > 0 and room(board, state, slot, group) == 0 and count < MOST_EJECTED:
        i = board.slot_first[slot] + draw(state, state.x_count[slot])
        if state.a_pinned[i]:
            break
        dropped[count] = state.a_group[i]
        leave(board, state, slot, dropped[count])
        count += 1
    return count


@inlined
def push_in(board: Board, state: State, weights: Floats) -> bool:
    """Seat a group that still needs an encounter in a session where it is able, at the cost of others, who are seated elsewhere if possible."""
    group = -1
    for _ in range(8):
        group = draw(state, board.g_size.shape[0])
        if state.g_whole[group] == 0 and state.g_parts[group] == 0:
            break
    if state.g_whole[group] >= board.g_needed[group] or state.g_parts[group] > 0:
        return False
    if seat_elsewhere(board, state, group, weights, -1):
        return True
    first = board.gv_first[group]
    count = board.gv_first[group + 1] - first
    if count == 0:
        return False
    at, slot = draw(state, count), whole(-1)
    for i in range(count):
        slot = whole(state.vertex_head[board.g_vertex[first + (at + i) % count]])
        if slot >= 0:
            break
    if slot < 0:
        return False
    dropped = state.dropped
    ejected = _eject(board, state, slot, group, dropped)
    amount = room(board, state, slot, group)
    if amount > 0:
        join(board, state, slot, group, amount, 0)
    for i in range(ejected):
        seat_elsewhere(board, state, dropped[i], weights, slot)
    fill(board, state, slot, weights)
    return True


@inlined
def shift(board: Board, state: State, weights: Floats) -> bool:
    """Move one group from its session to another that has room, and fill the seats that it leaves."""
    slot = draw(state, board.slot_offer.shape[0])
    if state.x_vertex[slot] < 0 or state.x_count[slot] == 0:
        return False
    i = board.slot_first[slot] + draw(state, state.x_count[slot])
    if state.a_pinned[i]:
        return False
    group = whole(state.a_group[i])
    leave(board, state, slot, group)
    seat_elsewhere(board, state, group, weights, slot)
    fill(board, state, slot, weights)
    if state.x_count[slot] == 0:
        close_session(board, state, slot)
    return True
