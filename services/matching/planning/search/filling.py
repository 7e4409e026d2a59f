"""Filling a session: which of the groups that are able should join it, at the present weights of the levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import compiled, inlined
from services.matching.planning.search.board import NO_LIMIT, Board
from services.matching.planning.search.state import (
    CHANGES,
    COVERED,
    ENCOUNTERS,
    FLOOR,
    KNAPSACK_CELLS,
    LEAST_DRAWN,
    LEVELS,
    PLEDGED,
    PLEDGED_FIRST,
    PREFERENCE,
    State,
    draw,
    join,
    points_of,
    room,
    told_students,
    whole,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@inlined
def worth(state: State, weights: Floats) -> Any:
    """Reckon the plan's worth at these weights (those of levels to be kept small are negative)."""
    total = 0.0
    for level in range(LEVELS):
        total += weights[level] * state.value[level]
    return total


@inlined
def gain(board: Board, state: State, slot: int, group: int, students: int, weights: Floats) -> Any:
    """Reckon what so many students of a group would add if they joined a session, but for its own cost."""
    offer, school = board.slot_offer[slot], board.g_school[group]
    total = weights[ENCOUNTERS] * students
    if state.g_whole[group] == 0:
        total += weights[COVERED] * students
        short = max(0, board.s_floor[school] - state.s_covered[school])
        total -= weights[FLOOR] * board.s_weight[school] * min(short, students)
    total += weights[PREFERENCE] * students * points_of(board, group, offer)
    employer = board.o_employer[offer]
    for i in range(board.e_pledge_first[employer], board.e_pledge_first[employer + 1]):
        p = board.e_pledge[i]
        total += weights[PLEDGED] * max(0, min(students, board.p_students[p] - state.p_met[p]))
        if board.p_schools[p, school]:
            total += weights[PLEDGED_FIRST] * max(0, min(students, board.p_students[p] - state.p_met_first[p]))
    if board.told_first[group + 1] > board.told_first[group]:
        told = told_students(board, group, offer, state.x_start[slot], state.x_school[slot])
        total -= weights[CHANGES] * told
    return total


@compiled
def potential(board: Board, state: State, vertex: int, weights: Floats) -> float:
    """Estimate what a session at a vertex could win from groups that still need an encounter."""
    seats = board.o_seats[board.v_offer[vertex]]
    students, total = 0, 0.0
    for i in range(board.vg_first[vertex], board.vg_first[vertex + 1]):
        group = board.v_group[i]
        if state.g_whole[group] >= board.g_needed[group]:
            continue
        open_students = board.g_size[group] - state.g_parts[group]
        students += open_students
        if state.g_whole[group] > 0:
            total += weights[ENCOUNTERS] * open_students
        else:
            school = board.g_school[group]
            short = max(0, board.s_floor[school] - state.s_covered[school])
            total += weights[COVERED] * open_students * board.g_scarce[group] - weights[FLOOR] * board.s_weight[
                school
            ] * min(short, open_students)
    return total if students <= seats else total * seats / students


@compiled
def _choose_schools(board: Board, state: State, slot: int) -> None:
    """Choose which schools a visit takes, the more students in need the likelier; `school_chosen` is set to 1 for them."""
    vertex, offer = state.x_vertex[slot], board.slot_offer[slot]
    chosen, need, listed = state.school_chosen, state.school_need, state.schools_listed
    for school in range(chosen.shape[0]):
        chosen[school] = 0
        need[school] = 0
    count = 0
    for i in range(board.vg_first[vertex], board.vg_first[vertex + 1]):
        group = board.v_group[i]
        if state.g_whole[group] >= board.g_needed[group]:
            continue
        school = board.g_school[group]
        if need[school] == 0:
            listed[count] = school
            count += 1
        need[school] += board.g_size[group] - state.g_parts[group]
    first = board.slot_first[slot]
    places = board.o_schools[offer]
    for i in range(first, first + state.x_count[slot]):
        school = board.g_school[state.a_group[i]]
        if chosen[school] == 0:
            chosen[school] = 1
            places -= 1
    for _ in range(min(places, count)):
        best = -1
        for _turn in range(2):
            school = listed[draw(state, count)]
            if chosen[school] == 0 and (best < 0 or need[school] > need[best]):
                best = school
        if best >= 0:
            chosen[best] = 1


@compiled
def _knapsack(state: State, n: int, seats: int) -> None:
    """Mark in `listed_taken` the subset of the first n candidates with the largest total gain that fits the seats, exactly."""
    best, took, taken = state.knapsack_best, state.knapsack_took, state.listed_taken
    for c in range(seats + 1):
        best[c] = 0.0
    for i in range(n):
        row, size, won = i * (seats + 1), state.listed_size[i], state.listed_gain[i]
        for c in range(seats, size - 1, -1):
            with_it = best[c - size] + won
            better = with_it > best[c] + 1e-9
            took[row + c] = better
            if better:
                best[c] = with_it
        for c in range(size):
            took[row + c] = 0
    c = seats
    for i in range(n - 1, -1, -1):
        taken[i] = took[i * (seats + 1) + c]
        if taken[i]:
            c -= state.listed_size[i]


@compiled
def _candidates(board: Board, state: State, slot: int, weights: Floats, limited: bool) -> int:
    """List groups that may join with a gain, in random order; where `limited`, of chosen schools only."""
    vertex, offer = state.x_vertex[slot], board.slot_offer[slot]
    groups, sizes, gains, chosen = state.listed, state.listed_size, state.listed_gain, state.school_chosen
    free = board.o_seats[offer] - state.x_filled[slot]
    able, attended, needed, size, split = board.v_group, state.g_whole, board.g_needed, board.g_size, board.g_split
    count = 0
    for i in range(board.vg_first[vertex], board.vg_first[vertex + 1]):
        group = whole(able[i])
        if attended[group] >= needed[group] or (size[group] > free and not split[group]):
            continue
        if limited and chosen[board.g_school[group]] == 0:
            continue
        amount = room(board, state, slot, group)
        if amount == 0:
            continue
        value = gain(board, state, slot, group, amount, weights)
        if value <= 0:
            continue
        at = draw(state, count + 1)
        groups[count], sizes[count], gains[count] = groups[at], sizes[at], gains[at]
        groups[at], sizes[at], gains[at] = group, amount, value * board.g_scarce[group]
        count += 1
    return count


@compiled
def fill(board: Board, state: State, slot: int, weights: Floats) -> int:
    """Let the best set of groups join a session; return how many did. Every hard rule is asked again for each."""
    offer = board.slot_offer[slot]
    free = board.o_seats[offer] - state.x_filled[slot]
    if free <= 0:
        return 0
    limited = state.x_school[slot] < 0 and board.o_schools[offer] < NO_LIMIT
    if limited:
        _choose_schools(board, state, slot)
    count = _candidates(board, state, slot, weights, limited)
    joined, students = 0, 0
    for i in range(count):
        students += state.listed_size[i]
    if count > 1 and students > free:
        drawn = min(count, max(LEAST_DRAWN, KNAPSACK_CELLS // free))
        _knapsack(state, drawn, free)
        for i in range(drawn):
            if state.listed_taken[i]:
                joined += _join_if_able(board, state, slot, state.listed[i])
    for i in range(count):
        joined += _join_if_able(board, state, slot, state.listed[i])
    return joined


@compiled
def fill_all(board: Board, state: State, weights: Floats) -> None:
    """Use the seats that are left in every session."""
    for slot in range(board.slot_offer.shape[0]):
        if state.x_vertex[slot] >= 0:
            fill(board, state, slot, weights)
            state.written[0] = 0


@compiled
def _join_if_able(board: Board, state: State, slot: int, group: int) -> int:
    amount = room(board, state, slot, group)
    if amount > 0:
        join(board, state, slot, group, amount, 0)
        return 1
    return 0
