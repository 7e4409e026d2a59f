"""Rounds of neighbourhoods: which offers to set free, and whether what the program chose is taken."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.geometry import km_table
from services.matching.planning.search.anneal import keep, load
from services.matching.planning.search.board import FLOOR_SCALE, Board
from services.matching.planning.search.compiled import compiled
from services.matching.planning.search.filling import Floats, fill, fill_all, worth
from services.matching.planning.search.neighbourhood import Classes, Freed, Neighbourhood
from services.matching.planning.search.pace import SOLVER_SECONDS, Pace
from services.matching.planning.search.searcher import Searcher
from services.matching.planning.search.state import (
    State,
    can_hold,
    close_session,
    join,
    leave,
    open_session,
    room,
    whole,
)

Ints = NDArray[np.int64]
LEAST_OFFERS, FIRST_OFFERS, MOST_OFFERS = 4, 12, 120
SECONDS_A_ROUND = 3.0
AIMED_SECONDS = 1.0
NODES = 300
REACH_KM = 6.0
LEAST_SECONDS = 0.02
SECONDS_AN_ENTRY = 2e-5


@compiled
def seat_classes(
    board: Board, state: State, vertex: int, start: int, kinds: Ints, counts: Ints, weights: Floats
) -> bool:
    """Hold a session with so many groups of each class that nobody covers yet; tell whether it was held."""
    slot, offer = -1, board.v_offer[vertex]
    for candidate in range(board.o_slot[offer], board.o_slot[offer + 1]):
        if state.x_vertex[candidate] < 0:
            slot = candidate
            break
    if slot < 0 or not can_hold(board, state, offer, board.v_school[vertex], start):
        return False
    open_session(board, state, slot, vertex, start)
    for k in range(kinds.shape[0]):
        left = counts[k]
        for i in range(board.vg_first[vertex], board.vg_first[vertex + 1]):
            group = whole(board.v_group[i])
            if left == 0:
                break
            if board.g_class[group] != kinds[k] or state.g_whole[group] > 0 or state.g_parts[group] > 0:
                continue
            if room(board, state, slot, group) == board.g_size[group]:
                join(board, state, slot, group, board.g_size[group], 0)
                left -= 1
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


class Rounds:
    """Improves coverage by neighbourhoods, each solved nearly always to its optimum; `idle` counts rounds without a gain."""

    def __init__(self, searcher: Searcher, random: np.random.Generator) -> None:
        self.searcher, self.board, self.random = searcher, searcher.board, random
        self.classes, self.size, self.idle = Classes.of(self.board), float(FIRST_OFFERS), 0
        board = self.board
        places = np.array([s.position for s in searcher.problem.schools], dtype=np.float64).reshape(-1, 2)
        self.apart_km = km_table(places, places)
        pairs = np.unique(
            np.repeat(board.v_offer, np.diff(board.vg_first)) * len(places) + board.g_school[board.v_group]
        )
        self.reach = np.zeros((len(board.o_seats), len(places)), bool)
        self.reach[pairs // len(places), pairs % len(places)] = True
        self.usable = np.flatnonzero(self.reach.any(axis=1))

    def run(self, seconds: float) -> None:
        """Play rounds for so many seconds, and report each better plan."""
        pace, weights = self.searcher.pace, self.searcher.coverage(strict=True)
        until = pace.spent() + seconds
        while pace.spent() < until and len(self.usable):
            self.idle = 0 if self.play(self.searcher.state, weights, pace) else self.idle + 1
            if self.idle == 0:
                self.searcher.offer_present("neighbourhoods")

    def choose_offers(self, state: State) -> Ints:
        """Draw a centre where students are missing, and offers that reach the schools around it."""
        board = self.board
        most = round(self.size)
        if most >= len(self.usable):
            return self.usable
        missing = np.where(state.g_whole > 0, 0, board.g_size - state.g_parts)
        missing[np.diff(board.gv_first) == 0] = 0
        short = np.bincount(board.g_school, weights=missing, minlength=len(board.s_hosting)) + 1e-3
        centre = self.random.choice(len(short), p=short / short.sum())
        near = np.exp(-self.apart_km[centre] / (REACH_KM * self.random.choice([0.3, 1.0, 3.0])))
        if self.random.random() < 0.5:
            near *= np.sqrt(short)
        drawn = self.reach[self.usable] @ near / self.reach[self.usable].sum(axis=1) ** self.random.choice([0.25, 0.75])
        drawn *= self.random.exponential(size=len(drawn)) ** 0.7
        chosen = np.argsort(-drawn, kind="stable")[:most]
        return np.sort(self.usable[chosen])

    def free(self, state: State, offers: Ints) -> list[Freed]:
        """Take the sessions of these offers out of the plan, but for those with pins or with parts of groups."""
        freed = []
        board = self.board
        for offer in offers:
            for slot in range(board.o_slot[offer], board.o_slot[offer + 1]):
                if state.x_vertex[slot] < 0 or state.x_pinned[slot] > 0:
                    continue
                span = slice(board.slot_first[slot], board.slot_first[slot] + state.x_count[slot])
                groups = state.a_group[span].astype(np.int64)
                if (state.a_students[span] == board.g_size[groups]).all():
                    freed.append(Freed(int(state.x_vertex[slot]), int(state.x_start[slot]), groups))
                    give_up(board, state, slot)
        return freed

    def play(self, state: State, weights: Floats, pace: Pace) -> bool:
        """Play one round on the present plan, which is never worse afterwards; tell whether it is better."""
        kept = keep(state)
        before = worth(state, weights)
        begun = time.monotonic()
        offers = self.choose_offers(state)
        freed = self.free(state, offers)
        seconds = min(SECONDS_A_ROUND, pace.left())
        near = Neighbourhood(
            self.board, state, self.classes, offers, freed, floor_scale=int(self.board.scalars[FLOOR_SCALE])
        )
        near.generate(seconds)
        chosen = near.solve(seconds, NODES if pace.deterministic else None)
        for session in chosen or ():
            seat_classes(self.board, state, session.vertex, session.start, session.kinds, session.counts, weights)
        fill_all(self.board, state, weights)
        after = worth(state, weights)
        if after < before - 1e-9:
            load(self.board, state, kept)
        work = near.size() * SECONDS_AN_ENTRY
        pace.charge(solver=max(work, LEAST_SECONDS))
        spent = work * SOLVER_SECONDS if pace.deterministic else time.monotonic() - begun
        self.size = float(np.clip(self.size * (AIMED_SECONDS / max(spent, 1e-3)) ** 0.15, LEAST_OFFERS, MOST_OFFERS))
        return bool(after > before + 1e-9)
