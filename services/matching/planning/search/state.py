"""The state: a plan on the board, with every count that a hard rule or a level needs, and moves that keep them all.

All changes go through `open_session`, `close_session`, `join` and `leave`; each writes a line into the journal, so that
a move that is not wanted can be taken back. `can_hold` (`allowed.py`) and `room` are the hard rules: nothing is placed
without them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import compiled, inlined
from services.matching.planning.search.board import (
    DATES,
    FIRST_DATE,
    MIN_PART,
    MINUTES_A_DAY,
    NO_LIMIT,
    PRESENTERS,
    TOLD,
    VIRTUAL,
    WORKPLACE,
    Board,
)

Ints = NDArray[np.int64]
FLOOR, COVERED, ENCOUNTERS, PLEDGED, PLEDGED_FIRST, PREFERENCE, COST, CHANGES = range(8)
LEVELS = 8
MOST_NOTICED = 255
"""The largest number of free seats that `vertex_free` can tell."""
LEAST_DRAWN, KNAPSACK_CELLS = 12, 5_000
"""Groups times seats that an exact filling may take; of more groups, as many as fit into it are drawn (but no fewer than the least)."""
OPENED, CLOSED, JOINED, LEFT = range(4)
JOURNAL = 4096


class State(NamedTuple):
    """A plan on a board. A slot is one possible session of an offer; `x_vertex` is -1 while it is not used."""

    x_vertex: Ints
    x_start: Ints
    x_school: Ints
    x_filled: Ints
    x_count: Ints
    x_pinned: Ints
    a_group: Any  # int32, attendances by slot
    a_students: Any  # int32
    a_pinned: Any  # int8
    g_whole: Ints
    g_parts: Ints
    g_count: Ints
    g_slot: Ints  # slots that each group attends
    e_used: Ints
    e_used_on: Any  # int16, (employer, date)
    presenter_head: Any  # int32, (presenter, date): first slot of a list
    presenter_next: Any
    presenter_before: Any
    host_head: Any  # int32, (school, date)
    host_next: Any
    host_before: Any
    vertex_head: Any  # int32, by vertex
    vertex_next: Any
    vertex_before: Any
    vertex_free: (
        Any  # uint8, by vertex: most seats free in any of its sessions, up to MOST_NOTICED; 0 where it has none
    )
    s_covered: Ints
    p_met: Ints
    p_met_first: Ints
    value: Ints  # the eight levels, scaled as on the board
    journal: Ints  # (JOURNAL, 5): what, slot, vertex or group, start or students, pinned
    written: Ints  # [lines in the journal]
    random: Any  # uint64, [state of the generator]
    dropped: Ints  # scratch of a move: groups that have lost their seats
    listed: Ints  # scratch of a filling, by candidate: the group,
    listed_size: Ints  # how many students it is,
    listed_gain: Any  # float64, what it is worth,
    listed_taken: Any  # int8, and whether the knapsack takes it
    school_chosen: Ints  # scratch of a visit, by school
    school_need: Ints
    schools_listed: Ints
    knapsack_best: Any  # float64, scratch, by seats used
    knapsack_took: Any  # int8, scratch, by candidate and seats used


def empty_state(board: Board, seed: int) -> State:
    """Return a plan without sessions."""
    slots, groups = len(board.slot_offer), len(board.g_size)
    dates, presenters = int(board.scalars[DATES]), int(board.scalars[PRESENTERS])
    links = [np.full(slots, -1, np.int32) for _ in range(6)]
    value = np.zeros(LEVELS, np.int64)
    value[FLOOR] = int((board.s_floor * board.s_weight).sum())
    value[CHANGES] = board.scalars[TOLD]
    longest, attendances = (int(np.diff(first).max(initial=0)) for first in (board.vg_first, board.slot_first))
    seats = int(board.o_seats.max(initial=0))
    return State(
        x_vertex=np.full(slots, -1, np.int64),
        x_start=np.zeros(slots, np.int64),
        x_school=np.full(slots, -1, np.int64),
        x_filled=np.zeros(slots, np.int64),
        x_count=np.zeros(slots, np.int64),
        x_pinned=np.zeros(slots, np.int64),
        a_group=np.zeros(int(board.slot_first[-1]), np.int32),
        a_students=np.zeros(int(board.slot_first[-1]), np.int32),
        a_pinned=np.zeros(int(board.slot_first[-1]), np.int8),
        g_whole=np.zeros(groups, np.int64),
        g_parts=np.zeros(groups, np.int64),
        g_count=np.zeros(groups, np.int64),
        g_slot=np.full(int(board.g_first[-1]), -1, np.int64),
        e_used=np.zeros(len(board.e_stem), np.int64),
        e_used_on=np.zeros((len(board.e_stem), dates), np.int16),
        presenter_head=np.full((presenters, dates), -1, np.int32),
        presenter_next=links[0],
        presenter_before=links[1],
        host_head=np.full((len(board.s_hosting), dates), -1, np.int32),
        host_next=links[2],
        host_before=links[3],
        vertex_head=np.full(len(board.v_offer), -1, np.int32),
        vertex_next=links[4],
        vertex_before=links[5],
        vertex_free=np.zeros(len(board.v_offer), np.uint8),
        s_covered=np.zeros(len(board.s_hosting), np.int64),
        p_met=np.zeros(len(board.p_students), np.int64),
        p_met_first=np.zeros(len(board.p_students), np.int64),
        value=value,
        journal=np.zeros((JOURNAL, 5), np.int64),
        written=np.zeros(1, np.int64),
        random=np.array([(seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & ((1 << 64) - 1) or 1], dtype=np.uint64),
        dropped=np.zeros(attendances, np.int64),
        listed=np.zeros(longest, np.int64),
        listed_size=np.zeros(longest, np.int64),
        listed_gain=np.zeros(longest),
        listed_taken=np.zeros(longest, np.int8),
        school_chosen=np.zeros(len(board.s_hosting), np.int64),
        school_need=np.zeros(len(board.s_hosting), np.int64),
        schools_listed=np.zeros(len(board.s_hosting), np.int64),
        knapsack_best=np.zeros(seats + 1),
        knapsack_took=np.zeros(max(LEAST_DRAWN * (seats + 1), 2 * KNAPSACK_CELLS), np.int8),
    )


@inlined
def whole(number: Any) -> Any:
    """Widen a number to 64 bits, so that each loop is compiled for one width only."""
    return np.int64(number)


@inlined
def draw(state: State, below: int) -> Any:
    """Draw a whole number from 0 to `below` - 1 (xorshift64*)."""
    x = state.random[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state.random[0] = x
    return whole(((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33)) % np.uint64(below))


@inlined
def points_of(board: Board, group: int, offer: int) -> int:
    """Reckon a student's preference points (scaled) for a session of the offer."""
    employer = board.o_employer[offer]
    sectors = board.e_sectors[employer]
    total = 0
    if sectors & board.g_asked[group]:
        total += board.points[0]
    if sectors & ~board.g_met[group]:
        total += board.points[1]
    if board.g_stem[group] and board.e_stem[employer]:
        total += board.points[2]
    if board.o_mode[offer] != VIRTUAL:
        total += board.points[3]
    if board.o_meaningful[offer]:
        total += board.points[4]
    return total


@inlined
def told_students(board: Board, group: int, offer: int, start: int, school: int) -> int:
    """Reckon how many students of the group have been told of this very session."""
    total = 0
    for i in range(board.told_first[group], board.told_first[group + 1]):
        if board.told_offer[i] == offer and board.told_start[i] == start and board.told_school[i] == school:
            total += board.told_students[i]
    return total


@inlined
def _link(head: Any, after: Any, before: Any, row: int, column: int, slot: int) -> None:
    old = head[row, column]
    after[slot] = old
    before[slot] = -1
    if old >= 0:
        before[old] = slot
    head[row, column] = slot


@inlined
def _unlink(head: Any, after: Any, before: Any, row: int, column: int, slot: int) -> None:
    if before[slot] >= 0:
        after[before[slot]] = after[slot]
    else:
        head[row, column] = after[slot]
    if after[slot] >= 0:
        before[after[slot]] = before[slot]


@inlined
def note(state: State, what: int, slot: int, row: int, amount: int, pinned: int) -> None:
    """Write a line into the journal."""
    n = state.written[0]
    if n < state.journal.shape[0]:
        state.journal[n, 0] = what
        state.journal[n, 1] = slot
        state.journal[n, 2] = row
        state.journal[n, 3] = amount
        state.journal[n, 4] = pinned
    state.written[0] = n + 1


@inlined
def _count_free(board: Board, state: State, vertex: int) -> None:
    """Reckon anew the most seats that are free in any session at a vertex."""
    seats, most = whole(board.o_seats[board.v_offer[vertex]]), whole(0)
    slot = whole(state.vertex_head[vertex])
    while slot >= 0:
        most = max(most, seats - state.x_filled[slot])
        slot = whole(state.vertex_next[slot])
    state.vertex_free[vertex] = min(most, MOST_NOTICED)


@compiled
def open_session(board: Board, state: State, slot: int, vertex: int, start: int) -> None:
    """Hold a session in an unused slot; the caller has asked `can_hold`."""
    offer, school = board.slot_offer[slot], board.v_school[vertex]
    employer, date = board.o_employer[offer], start // MINUTES_A_DAY - board.scalars[FIRST_DATE]
    state.x_vertex[slot] = vertex
    state.x_start[slot] = start
    state.x_school[slot] = school
    state.x_filled[slot] = 0
    state.x_count[slot] = 0
    state.e_used[employer] += 1
    state.e_used_on[employer, date] += 1
    presenter = board.o_presenter[offer]
    _link(state.presenter_head, state.presenter_next, state.presenter_before, presenter, date, slot)
    _link(state.vertex_head.reshape(-1, 1), state.vertex_next, state.vertex_before, vertex, 0, slot)
    if school >= 0:
        _link(state.host_head, state.host_next, state.host_before, school, date, slot)
        state.value[COST] += 2 * board.travel[board.o_position[offer], board.s_position[school]]
    state.value[COST] += board.o_duration[offer]
    _count_free(board, state, vertex)
    note(state, OPENED, slot, vertex, start, 0)


@compiled
def close_session(board: Board, state: State, slot: int) -> None:
    """Give up a session that nobody attends any more."""
    offer, school, start = board.slot_offer[slot], state.x_school[slot], state.x_start[slot]
    vertex = state.x_vertex[slot]
    employer, date = board.o_employer[offer], start // MINUTES_A_DAY - board.scalars[FIRST_DATE]
    state.e_used[employer] -= 1
    state.e_used_on[employer, date] -= 1
    presenter = board.o_presenter[offer]
    _unlink(state.presenter_head, state.presenter_next, state.presenter_before, presenter, date, slot)
    _unlink(state.vertex_head.reshape(-1, 1), state.vertex_next, state.vertex_before, vertex, 0, slot)
    if school >= 0:
        _unlink(state.host_head, state.host_next, state.host_before, school, date, slot)
        state.value[COST] -= 2 * board.travel[board.o_position[offer], board.s_position[school]]
    state.value[COST] -= board.o_duration[offer]
    state.x_vertex[slot] = -1
    _count_free(board, state, vertex)
    note(state, CLOSED, slot, vertex, start, 0)


@inlined
def room(board: Board, state: State, slot: int, group: int) -> Any:
    """Return how many students of a group (that is able at the session's vertex) may join it; 0 where a rule forbids it."""
    offer = board.slot_offer[slot]
    size, free = board.g_size[group], board.o_seats[offer] - state.x_filled[slot]
    in_one = board.o_seats[offer] >= size
    if in_one:
        if free < size or state.g_parts[group] > 0 or state.g_whole[group] >= board.g_needed[group]:
            return 0
        amount = size
    else:
        amount = min(free, size - state.g_parts[group])
        if amount < board.scalars[MIN_PART] or state.g_whole[group] > 0:
            return 0
    date = state.x_start[slot] // MINUTES_A_DAY
    for i in range(board.g_first[group], board.g_first[group] + state.g_count[group]):
        other = state.g_slot[i]
        if other == slot or (in_one and state.x_start[other] // MINUTES_A_DAY == date):
            return 0
    if board.o_schools[offer] < NO_LIMIT and not _school_fits(board, state, slot, board.g_school[group]):
        return 0
    return amount


@inlined
def schools_attending(board: Board, state: State, slot: int, school: int) -> tuple[int, bool]:
    """Count the different schools at a session, and tell whether one of them is `school`."""
    first = board.slot_first[slot]
    count, seen = 0, False
    for i in range(first, first + state.x_count[slot]):
        other = board.g_school[state.a_group[i]]
        if other == school:
            seen = True
        fresh = True
        for j in range(first, i):
            if board.g_school[state.a_group[j]] == other:
                fresh = False
                break
        if fresh:
            count += 1
    return count, seen


@inlined
def _school_fits(board: Board, state: State, slot: int, school: int) -> bool:
    if state.x_school[slot] >= 0:
        return True
    count, seen = schools_attending(board, state, slot, school)
    return seen or count < board.o_schools[board.slot_offer[slot]]


@inlined
def _count_students(board: Board, state: State, slot: int, group: int, students: int, sign: int) -> None:
    """Add (sign 1, after the session has gained them) or take away (sign -1) an attendance in the levels."""
    offer, school = board.slot_offer[slot], board.g_school[group]
    in_one = students == board.g_size[group]
    first = (state.g_whole[group] == (1 if sign > 0 else 0)) if in_one else True
    change = sign * students
    if first:
        short = max(0, board.s_floor[school] - state.s_covered[school])
        state.s_covered[school] += change
        state.value[FLOOR] += board.s_weight[school] * (max(0, board.s_floor[school] - state.s_covered[school]) - short)
        state.value[COVERED] += change
    state.value[ENCOUNTERS] += change
    employer = board.o_employer[offer]
    for i in range(board.e_pledge_first[employer], board.e_pledge_first[employer + 1]):
        p = board.e_pledge[i]
        kept = min(board.p_students[p], state.p_met[p])
        state.p_met[p] += change
        state.value[PLEDGED] += min(board.p_students[p], state.p_met[p]) - kept
        if board.p_schools[p, school]:
            kept = min(board.p_students[p], state.p_met_first[p])
            state.p_met_first[p] += change
            state.value[PLEDGED_FIRST] += min(board.p_students[p], state.p_met_first[p]) - kept
    state.value[PREFERENCE] += change * points_of(board, group, offer)
    if board.told_first[group + 1] > board.told_first[group]:
        told = told_students(board, group, offer, state.x_start[slot], state.x_school[slot])
        state.value[CHANGES] -= sign * told


@inlined
def _count_journey(board: Board, state: State, slot: int, group: int, sign: int) -> None:
    """Each school of a visit travels there and back."""
    offer = board.slot_offer[slot]
    if board.o_mode[offer] == WORKPLACE:
        school = board.g_school[group]
        if not schools_attending(board, state, slot, school)[1]:
            state.value[COST] += sign * 2 * board.travel[board.o_position[offer], board.s_position[school]]


@compiled
def join(board: Board, state: State, slot: int, group: int, students: int, pinned: int) -> None:
    """Let students of a group attend; the caller has asked `room`."""
    _count_journey(board, state, slot, group, 1)
    i = board.slot_first[slot] + state.x_count[slot]
    state.a_group[i] = group
    state.a_students[i] = students
    state.a_pinned[i] = pinned
    state.x_count[slot] += 1
    state.x_filled[slot] += students
    state.x_pinned[slot] += pinned
    if students == board.g_size[group]:
        state.g_whole[group] += 1
    else:
        state.g_parts[group] += students
    state.g_slot[board.g_first[group] + state.g_count[group]] = slot
    state.g_count[group] += 1
    _count_students(board, state, slot, group, students, 1)
    _count_free(board, state, state.x_vertex[slot])
    note(state, JOINED, slot, group, students, pinned)


@compiled
def leave(board: Board, state: State, slot: int, group: int) -> Any:
    """Take a group out of a session; return how many students that were."""
    first = board.slot_first[slot]
    last = first + state.x_count[slot] - 1
    i = first
    while state.a_group[i] != group:
        i += 1
    students, pinned = whole(state.a_students[i]), whole(state.a_pinned[i])
    state.a_group[i] = state.a_group[last]
    state.a_students[i] = state.a_students[last]
    state.a_pinned[i] = state.a_pinned[last]
    state.x_count[slot] -= 1
    state.x_filled[slot] -= students
    state.x_pinned[slot] -= pinned
    if students == board.g_size[group]:
        state.g_whole[group] -= 1
    else:
        state.g_parts[group] -= students
    j = board.g_first[group]
    while state.g_slot[j] != slot:
        j += 1
    state.g_count[group] -= 1
    state.g_slot[j] = state.g_slot[board.g_first[group] + state.g_count[group]]
    _count_students(board, state, slot, group, students, -1)
    _count_journey(board, state, slot, group, -1)
    _count_free(board, state, state.x_vertex[slot])
    note(state, LEFT, slot, group, students, pinned)
    return students


@inlined
def take_back(board: Board, state: State) -> None:
    """Undo everything in the journal, the newest first."""
    for n in range(state.written[0] - 1, -1, -1):
        what, slot, row, amount = state.journal[n, 0], state.journal[n, 1], state.journal[n, 2], state.journal[n, 3]
        if what == OPENED:
            close_session(board, state, slot)
        elif what == CLOSED:
            open_session(board, state, slot, row, amount)
        elif what == JOINED:
            leave(board, state, slot, row)
        else:
            join(board, state, slot, row, amount, state.journal[n, 4])
    state.written[0] = 0
