"""Whether a session may be held on the board as it stands: its presenter, its host's rooms, totals."""

from __future__ import annotations

from typing import Any

from services.matching.planning.compiled import compiled, inlined
from services.matching.planning.search.board import FIRST_DATE, IN_SCHOOL, MINUTES_A_DAY, WORKPLACE, Board
from services.matching.planning.search.state import State


@inlined
def place_of(board: Board, offer: int, school: int) -> Any:
    """Return the position at which a session is held, -1 for nowhere."""
    if board.o_mode[offer] == IN_SCHOOL:
        return board.s_position[school]
    return board.o_position[offer] if board.o_mode[offer] == WORKPLACE else -1


@compiled
def presenter_free(board: Board, state: State, offer: int, school: int, start: int) -> bool:
    """Tell whether the presenter is free: one session at a time, and time to travel between any two of one date."""
    end = start + board.o_duration[offer]
    place = place_of(board, offer, school)
    other = state.presenter_head[board.o_presenter[offer], start // MINUTES_A_DAY - board.scalars[FIRST_DATE]]
    while other >= 0:
        offer_b = board.slot_offer[other]
        start_b = state.x_start[other]
        end_b = start_b + board.o_duration[offer_b]
        place_b = place_of(board, offer_b, state.x_school[other])
        gap = board.travel[place, place_b] if place >= 0 and place_b >= 0 else 0
        if start < end_b + gap and start_b < end + gap:
            return False
        other = state.presenter_next[other]
    return True


@inlined
def _hosted_at(board: Board, state: State, school: int, date: int, moment: int) -> int:
    count = 0
    other = state.host_head[school, date]
    while other >= 0:
        if state.x_start[other] <= moment < state.x_start[other] + board.o_duration[board.slot_offer[other]]:
            count += 1
        other = state.host_next[other]
    return count


@compiled
def host_free(board: Board, state: State, offer: int, school: int, start: int) -> bool:
    """Tell whether the school may host one more: no more sessions at a time than its limit."""
    if school < 0:
        return True
    limit, end = board.s_hosting[school], start + board.o_duration[offer]
    date = start // MINUTES_A_DAY - board.scalars[FIRST_DATE]
    if _hosted_at(board, state, school, date, start) >= limit:
        return False
    other = state.host_head[school, date]
    while other >= 0:
        moment = state.x_start[other]
        if start < moment < end and _hosted_at(board, state, school, date, moment) >= limit:
            return False
        other = state.host_next[other]
    return True


@compiled
def can_hold(board: Board, state: State, offer: int, school: int, start: int) -> bool:
    """Tell whether one more session may be held: the employer's totals, its presenter, the school's rooms."""
    employer = board.o_employer[offer]
    date = start // MINUTES_A_DAY - board.scalars[FIRST_DATE]
    if state.e_used[employer] >= board.e_most[employer]:
        return False
    if state.e_used_on[employer, date] >= board.e_most_a_day[employer]:
        return False
    return presenter_free(board, state, offer, school, start) and host_free(board, state, offer, school, start)
