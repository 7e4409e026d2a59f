"""Columns: whole sessions with their groups, priced by one exact bounded knapsack for each vertex."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.search.board import NO_LIMIT, Board
from services.matching.planning.search.compiled import compiled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@compiled
def _best_filling(sizes: Ints, copies: Ints, prices: Floats, seats: int, counts: Ints) -> Any:
    """Fill seats with at most so many copies of each item for the largest total price; write the copies taken."""
    n = sizes.shape[0]
    best = np.zeros(seats + 1)
    took = np.zeros((n, seats + 1), np.int16)
    for i in range(n):
        size, price = sizes[i], prices[i]
        most = min(copies[i], seats // size)
        if price <= 1e-9:
            continue
        for c in range(seats, size - 1, -1):
            top, number = best[c], 0
            for k in range(1, min(most, c // size) + 1):
                value = best[c - k * size] + k * price
                if value > top + 1e-9:
                    top, number = value, k
            best[c] = top
            took[i, c] = number
    left = seats
    for i in range(n - 1, -1, -1):
        counts[i] = took[i, left]
        left -= counts[i] * sizes[i]
    return best[seats]


@compiled
def classes_at(board: Board, vertex: int, free: Ints, slot_of: Ints, found: Ints) -> int:
    """List the classes with free groups that are able at a vertex and come whole; `slot_of` is scratch of -1."""
    count = 0
    seats = board.o_seats[board.v_offer[vertex]]
    for i in range(board.vg_first[vertex], board.vg_first[vertex + 1]):
        group = board.v_group[i]
        kind = board.g_class[group]
        if free[kind] > 0 and slot_of[kind] < 0 and board.g_size[group] <= seats:
            slot_of[kind] = count
            found[count] = kind
            count += 1
    for i in range(count):
        slot_of[found[i]] = -1
    return count


@compiled
def best_column(
    board: Board,
    vertex: int,
    free: Ints,
    prices: Floats,
    class_size: Ints,
    class_school: Ints,
    slot_of: Ints,
    found: Ints,
    counts: Ints,
) -> tuple[float, int]:
    """Return the value of a vertex's best session at the prices of classes, and its number of classes.

    The classes are written to `found`, how many groups of each to `counts`. Where a session may take few schools, they
    are chosen one after another, each the one that adds most.
    """
    seats = board.o_seats[board.v_offer[vertex]]
    n = classes_at(board, vertex, free, slot_of, found)
    limit = board.o_schools[board.v_offer[vertex]]
    kinds = found[:n].copy()
    if board.v_school[vertex] >= 0 or limit >= NO_LIMIT:
        value = _best_filling(class_size[kinds], free[kinds], prices[kinds], seats, counts)
        return value, n
    chosen = np.zeros(n, np.bool_)
    value = 0.0
    for _ in range(limit):
        best, best_school = value, -1
        for i in range(n):
            school = class_school[kinds[i]]
            fresh = not chosen[i]
            for j in range(i):
                fresh = fresh and class_school[kinds[j]] != school
            if not fresh:
                continue
            trial = kinds[chosen | (class_school[kinds] == school)]
            worth = _best_filling(class_size[trial], free[trial], prices[trial], seats, counts)
            if worth > best + 1e-9:
                best, best_school = worth, school
        if best_school < 0:
            break
        value = best
        chosen |= class_school[kinds] == best_school
    trial = kinds[chosen]
    found[: trial.shape[0]] = trial
    value = _best_filling(class_size[trial], free[trial], prices[trial], seats, counts)
    return value, trial.shape[0]


@compiled
def price_vertices(
    board: Board, vertices: Ints, rent: Floats, free: Ints, prices: Floats, class_size: Ints, class_school: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Return the best session of each vertex that is worth more than its rent (the prices of the rows that it uses).

    Columns come as: position of the vertex in `vertices`, offsets, classes, counts.
    """
    classes = class_size.shape[0]
    slot_of, found, counts = np.full(classes, -1, np.int64), np.empty(classes, np.int64), np.zeros(classes, np.int64)
    where, offsets = np.empty(vertices.shape[0], np.int64), np.zeros(vertices.shape[0] + 1, np.int64)
    kinds, numbers = np.empty(1024, np.int64), np.empty(1024, np.int64)
    columns = 0
    for i in range(vertices.shape[0]):
        value, n = best_column(board, vertices[i], free, prices, class_size, class_school, slot_of, found, counts)
        if value <= rent[i] + 1e-6:
            continue
        at = offsets[columns]
        if at + n > kinds.shape[0]:
            kinds = np.concatenate((kinds, np.empty(at + n, np.int64)))
            numbers = np.concatenate((numbers, np.empty(at + n, np.int64)))
        for k in range(n):
            if counts[k] > 0:
                kinds[at] = found[k]
                numbers[at] = counts[k]
                at += 1
        where[columns] = i
        columns += 1
        offsets[columns] = at
    end = offsets[columns]
    return where[:columns].copy(), offsets[: columns + 1].copy(), kinds[:end].copy(), numbers[:end].copy()
