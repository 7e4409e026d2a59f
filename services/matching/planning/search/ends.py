"""Ends of annealings that begin warm: each is elsewhere, and what one does better than another comes together in a program.

A program over all offers of a town gives good plans in seconds where it has the vertices of some plans only. See the
measurements in the planning page.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.search.anneal import TEMPERATURES
from services.matching.planning.search.filling import Floats
from services.matching.planning.search.rounds import Rounds
from services.matching.planning.search.state import COVERED

Ints = NDArray[np.int64]
ANNEAL_SECONDS_A_SLOT, JOIN_SECONDS = 0.004, 4.0
"""A program that is not solved by then hardly ever is."""
FIRST_ENDS, MORE_ENDS = 6, 3
FIRST_SHARE = 0.2
"""Part of what is left of the time that the first ends may take."""
FEW, LONG_SECONDS_A_SLOT, LONG_SHARE = 0.002, 0.02, 0.4
"""Where no larger part of the students is left out, a longer annealing and neighbourhoods around them win more."""


class Ends:
    """The vertices at which the last plans held their sessions, and the rounds that join them."""

    def __init__(self, rounds: Rounds, weights: Floats) -> None:
        self._rounds, self._searcher, self._weights = rounds, rounds.searcher, weights
        self._slots = len(rounds.board.slot_offer)
        self._held: deque[Ints] = deque(maxlen=FIRST_ENDS)

    def worth_joining(self) -> bool:
        """Tell whether so many students are left out that plans can differ in who they are."""
        board = self._rounds.board
        coverable = int(board.g_size[np.diff(board.gv_first) > 0].sum())
        best = self._searcher.best_values  # none, where nobody has found a plan yet
        return not best or best[COVERED] < (1.0 - FEW) * coverable

    def first(self, left: float) -> None:
        """Anneal several times, in a part of the time that is left, and join what comes of it; or once more for longer."""
        self._anneal(FIRST_ENDS, FIRST_SHARE * left)
        if self.worth_joining():
            self._join()
        else:
            seconds = min(LONG_SECONDS_A_SLOT * self._slots, LONG_SHARE * left)
            self._searcher.anneal("annealing", seconds, self._weights, *TEMPERATURES)

    def more(self, left: float) -> None:
        """Anneal some more times and join what comes of it with the best plan."""
        self._anneal(MORE_ENDS, left)
        self._join()

    def _anneal(self, times: int, most: float) -> None:
        each = min(ANNEAL_SECONDS_A_SLOT * self._slots, most / times)
        for _ in range(times):
            self._searcher.anneal("annealing", each, self._weights, *TEMPERATURES)
            self._held.append(self._searcher.vertices_held())
            if not self.worth_joining():
                return

    def _join(self) -> None:
        searcher, pace = self._searcher, self._searcher.pace
        searcher.adopt(searcher.best_rows)
        if pace.deterministic:
            return  # a program of so many offers is never small, as those that are counted must be
        vertices = np.unique(np.concatenate((searcher.vertices_held(), *self._held)))
        self._rounds.join(vertices, min(JOIN_SECONDS, pace.left()))
