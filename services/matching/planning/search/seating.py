"""Seating what a program has chosen, a neighbourhood's or the whole hub's: whole sessions, by classes, where every rule allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import allocating, compiled
from services.matching.planning.search.allowed import can_hold
from services.matching.planning.search.board import MIN_PART, Board
from services.matching.planning.search.filling import Floats, fill
from services.matching.planning.search.moves import free_slot
from services.matching.planning.search.state import (
    COVERED,
    State,
    close_session,
    join,
    leave,
    open_session,
    room,
    whole,
)

Ints = NDArray[np.int64]
NEARLY_ALL = 0.98
"""An outline's session is held with no smaller part of its students: the others' places are better used elsewhere."""


@compiled
def _part_of(board: Board, state: State, slot: int, group: int, most: int, fully: int) -> Any:
    """Reckon how many of a group come to a session as a part; `most` students of its class are still to be seated there.

    Where all of the class are to be covered, what is left of the group is enough for another part, and so is what is
    left for the session's next group, if that can be.
    """
    least = board.scalars[MIN_PART]
    amount = min(room(board, state, slot, group), most)
    if amount < least:
        return 0
    if not fully:
        return amount
    left = board.g_size[group] - state.g_parts[group]
    for fewer in range(amount, least - 1, -1):
        if (left - fewer == 0 or left - fewer >= least) and (most - fewer == 0 or most - fewer >= least):
            return fewer
    return amount


@compiled
def _seat_class(board: Board, state: State, slot: int, kind: int, students: int, fully: int) -> None:
    """Let so many students of a class whom nobody covers yet join a session: whole groups, or parts of too large ones.

    A negative kind is one group that has a part elsewhere: -1 - kind.
    """
    if kind < 0:
        amount = _part_of(board, state, slot, -1 - kind, students, fully)
        if amount > 0:
            join(board, state, slot, -1 - kind, amount, 0)
        return
    vertex, seats, left = state.x_vertex[slot], board.o_seats[board.slot_offer[slot]], students
    for i in range(board.vg_first[vertex], board.vg_first[vertex + 1]):
        group = whole(board.v_group[i])
        size = board.g_size[group]
        if left <= 0:
            return
        if board.g_class[group] != kind or state.g_whole[group] > 0:
            continue
        amount = whole(0)
        if size > seats:
            amount = _part_of(board, state, slot, group, left, fully)
        elif state.g_parts[group] == 0 and left >= size:
            amount = room(board, state, slot, group)
        if amount > 0:
            join(board, state, slot, group, amount, 0)
            left -= amount


@compiled
def seat_classes(
    board: Board, state: State, vertex: int, start: int, kinds: Ints, students: Ints, fully: Ints, weights: Floats
) -> bool:
    """Hold a session with so many students of each class that nobody covers yet; tell whether it was held."""
    offer = board.v_offer[vertex]
    slot = free_slot(board, state, offer)
    if slot < 0 or not can_hold(board, state, offer, board.v_school[vertex], start):
        return False
    open_session(board, state, slot, vertex, start)
    for k in range(kinds.shape[0]):
        _seat_class(board, state, slot, kinds[k], students[k], fully[k])
    if state.x_count[slot] == 0:
        fill(board, state, slot, weights)
    if state.x_count[slot] == 0:
        close_session(board, state, slot)
    state.written[0] = 0
    return bool(state.x_vertex[slot] >= 0)


@compiled
def give_up(board: Board, state: State, slot: int) -> None:
    """Close a session, whoever attends it."""
    while state.x_count[slot] > 0:
        leave(board, state, slot, whole(state.a_group[board.slot_first[slot]]))
    close_session(board, state, slot)
    state.written[0] = 0


@allocating
def _hold_as_outlined(
    board: Board, state: State, offer: int, school: int, first: int, last: int, kinds: Ints, students: Ints, none: Ints,
    weights: Floats,
) -> None:  # fmt: skip
    before, least = state.value[COVERED], NEARLY_ALL * students.sum()
    slot = free_slot(board, state, offer)
    if slot < 0:
        return
    for vertex in range(board.ov_first[offer], board.ov_first[offer + 1]):
        if board.v_school[vertex] != school:
            continue
        for i in range(board.vs_first[vertex], board.vs_first[vertex + 1]):
            start = board.v_start[i]
            if first <= start <= last and seat_classes(board, state, vertex, start, kinds, students, none, weights):
                if state.value[COVERED] - before < least:
                    give_up(board, state, slot)
                return


@allocating
def hold_outline(
    board: Board, state: State, order: Ints, offer: Ints, school: Ints, first: Ints, last: Ints, ptr: Ints, kinds: Ints,
    students: Ints, weights: Floats,
) -> None:  # fmt: skip
    """Hold an outline's sessions in this order, each where the rules allow if nearly all of its students are still to be covered.

    `kinds` are the classes that come; the other arrays are those of `bound.outline.Outline`.
    """
    none = np.zeros(kinds.shape[0], np.int64)
    for k in range(order.shape[0]):
        i = whole(order[k])
        come = slice(ptr[i], ptr[i + 1])
        _hold_as_outlined(
            board, state, offer[i], school[i], first[i], last[i], kinds[come], students[come], none, weights
        )


@dataclass(frozen=True)
class Wanted:
    """A session that the solver holds, at any start from `first` to `last`; one group stands for each class that comes.

    `school` is -1 where the session has none of its own; `fully` is 1 for classes of which everybody is covered.
    """

    offer: int
    school: int
    first: int
    last: int
    groups: Ints
    students: Ints
    fully: Ints


def hold(board: Board, state: State, wanted: Sequence[Wanted], weights: Floats) -> None:
    """Hold these sessions where the rules allow, each as early as it can be, those that must end their waiting first before others."""
    for one in sorted(wanted, key=lambda session: (session.last, session.first)):
        kinds = board.g_class[one.groups]
        vertices = np.arange(board.ov_first[one.offer], board.ov_first[one.offer + 1])
        for vertex in vertices[board.v_school[vertices] == one.school].tolist():
            starts = board.v_start[board.vs_first[vertex] : board.vs_first[vertex + 1]]
            possible = starts[(starts >= one.first) & (starts <= one.last)].tolist()
            if any(
                seat_classes(board, state, vertex, start, kinds, one.students, one.fully, weights) for start in possible
            ):
                break
