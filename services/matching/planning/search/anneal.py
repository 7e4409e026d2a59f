"""Annealing: random moves, the worse ones taken ever more rarely; and the first plan, by best fit."""

from __future__ import annotations

import heapq
from math import exp
from typing import Any, NamedTuple

import numpy as np

from services.matching.planning.compiled import allocating, compiled
from services.matching.planning.search.board import Board
from services.matching.planning.search.filling import Floats, fill, potential, worth
from services.matching.planning.search.moves import free_slot, hold_somewhere, push_in, relocate, shift
from services.matching.planning.search.plan import clear
from services.matching.planning.search.state import State, close_session, draw, join, open_session, take_back, whole

TEMPERATURES = 25.0, 0.2
"""From which to which to anneal where there is time, in students: above 20 sessions change places."""
FULLNESS, SCARCITY, SLACK = 0.3, 2.0, 0.02
"""How the first plan ranks sessions; measured on Kent, towns and planted problems."""


class Kept(NamedTuple):
    """A plan put aside: what `load` needs to bring it back."""

    x_vertex: Any
    x_start: Any
    x_count: Any
    a_group: Any
    a_students: Any
    a_pinned: Any
    worth: Any  # float64, [its worth at the weights in use]


def keep(state: State) -> Kept:
    """Put the present plan aside."""
    arrays = (state.x_vertex, state.x_start, state.x_count, state.a_group, state.a_students, state.a_pinned)
    return Kept._make((*(array.copy() for array in arrays), np.full(1, -np.inf)))


@allocating
def store(state: State, kept: Kept) -> None:
    """Put the present plan aside in a place that already exists."""
    kept.x_vertex[:] = state.x_vertex
    kept.x_start[:] = state.x_start
    kept.x_count[:] = state.x_count
    kept.a_group[:] = state.a_group
    kept.a_students[:] = state.a_students
    kept.a_pinned[:] = state.a_pinned


@compiled
def load(board: Board, state: State, kept: Kept) -> None:
    """Bring a plan back that was put aside."""
    clear(board, state)
    for slot in range(board.slot_offer.shape[0]):
        if kept.x_vertex[slot] >= 0:
            open_session(board, state, slot, kept.x_vertex[slot], kept.x_start[slot])
            first = board.slot_first[slot]
            for i in range(first, first + kept.x_count[slot]):
                group, students = whole(kept.a_group[i]), whole(kept.a_students[i])
                join(board, state, slot, group, students, whole(kept.a_pinned[i]))
            state.written[0] = 0


@compiled
def anneal(board: Board, state: State, weights: Floats, kept: Kept, moves: int, warm: float, cool: float) -> int:
    """Make so many moves while the temperature falls from `warm` to `cool` (in units of worth); return how many were taken.

    `kept` holds the best plan seen; its worth must be that of a plan at the same weights, or minus infinity.
    """
    now = worth(state, weights)
    taken = 0
    temperature = warm
    cooling = (cool / warm) ** (1.0 / max(1, moves))
    for _ in range(moves):
        temperature *= cooling
        state.written[0] = 0
        kind = draw(state, 16)
        if kind < 8:
            changed = relocate(board, state, weights)
        elif kind < 13:
            changed = push_in(board, state, weights)
        else:
            changed = shift(board, state, weights)
        if not changed:
            if state.written[0] > 0:
                take_back(board, state)
            continue
        then = worth(state, weights)
        change = then - now
        if change < 0 and draw(state, 1 << 30) >= exp(max(change / temperature, -60.0)) * (1 << 30):
            take_back(board, state)
            continue
        taken += 1
        if then > kept.worth[0] + 1e-9:
            store(state, kept)
            kept.worth[0] = then
        now = then
    state.written[0] = 0
    return taken


@compiled
def _promise(board: Board, offer: int, value: float) -> Any:
    """Rank a session worth so much: full ones first, of offers that have few vertices for each of their sessions."""
    sessions = board.o_slot[offer + 1] - board.o_slot[offer]
    choices = board.ov_first[offer + 1] - board.ov_first[offer]
    return value / board.o_seats[offer] * value**FULLNESS / (choices / sessions) ** SCARCITY


@allocating
def best_fit(board: Board, state: State, weights: Floats) -> None:
    """Hold, again and again, the session that ranks first by what it seats (a lazy queue of all vertices).

    What a vertex can seat only falls while others are held, so a vertex whose turn comes is filled, and goes back into
    the queue where that is worth less than was thought and another one may be worth more.
    """
    queue: Any = [(0.0, whole(-1))]
    for vertex in range(board.v_offer.shape[0]):
        offer = board.v_offer[vertex]
        value = potential(board, state, vertex, weights)
        if value > 0:
            queue.append((-_promise(board, offer, value), whole(vertex)))
    heapq.heapify(queue)
    while len(queue) > 1:
        thought, vertex = heapq.heappop(queue)
        if vertex < 0:
            continue
        offer = board.v_offer[vertex]
        slot = free_slot(board, state, offer)
        state.written[0] = 0
        if slot < 0 or not hold_somewhere(board, state, slot, vertex):
            continue
        before = worth(state, weights)
        if fill(board, state, slot, weights) == 0:
            close_session(board, state, slot)
            continue
        value = worth(state, weights) - before
        ranked = -_promise(board, offer, max(value, 1e-9))
        if ranked > thought * (1.0 - SLACK) and ranked > queue[0][0]:
            take_back(board, state)
        heapq.heappush(queue, (ranked, vertex))
    state.written[0] = 0
