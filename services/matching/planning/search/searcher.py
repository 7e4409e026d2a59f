"""One worker's search: a board, the present plan, the best plan so far, and the phases that improve it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.bound.outline import Outline
from services.matching.planning.fillings import UNLIMITED, gains
from services.matching.planning.model import Problem
from services.matching.planning.search.anneal import Kept, anneal, best_fit, keep, load
from services.matching.planning.search.board import FLOOR_SCALE, MIN_PART, NO_LIMIT, POINT_SCALE, build_board
from services.matching.planning.search.classes import Classes
from services.matching.planning.search.filling import Floats, fill_all, worth
from services.matching.planning.search.guidance import Guidance, guidance
from services.matching.planning.search.pace import MOVES_A_SECOND, Pace
from services.matching.planning.search.plan import clear, place_rows, rows_of_plan
from services.matching.planning.search.ranking import (
    CHANGES,
    FLOOR,
    LEVEL_NAMES,
    ORDER,
    REPAIR_ORDER,
    coverage_weights,
    level_weights,
    rank,
)
from services.matching.planning.search.rows import Rows, no_rows, offers_that_differ, rows_in_force, rows_of_pins
from services.matching.planning.search.seating import Wanted, hold, hold_outline
from services.matching.planning.search.state import empty_state

Ints = NDArray[np.int64]
CHUNK_SECONDS = 0.25
LEAST_GUIDE_SECONDS = 0.1
NOISE = 0.1
"""In shares of a session: what makes one order of an outline's sessions differ from another."""
PRICE_SCALE = 10_000
"""Whole parts of a student in prices, as the compiled fillings of the bound reckon."""
Report = Callable[[Rows, tuple[int, ...], str], None]


class Searcher:
    """Searches one problem; every better plan is given to `report` with its levels and the name of the phase."""

    def __init__(self, problem: Problem, seed: int, pace: Pace, report: Report) -> None:
        self.problem, self.pace, self.report = problem, pace, report
        self.board = build_board(problem)
        self.scales = (int(self.board.scalars[FLOOR_SCALE]), int(self.board.scalars[POINT_SCALE]))
        self.state = empty_state(self.board, seed)
        self.shadow = empty_state(self.board, seed + 1)
        self.best_rows = rows_of_pins(problem)
        self.best_values: tuple[int, ...] = ()
        self._moves_a_second = MOVES_A_SECOND
        self.guidance: Guidance | None = None
        self.outline: Outline | None = None
        self._random = np.random.default_rng(seed)
        self.listen: Callable[[], None] = lambda: None  # asked now and then while annealing
        self._base = no_rows()
        self.adopt(self.best_rows)

    def adopt(self, rows: Rows) -> int:
        """Make these rows the present plan, as far as the rules allow; return how many attendances were lost."""
        clear(self.board, self.state)
        lost = int(place_rows(self.board, self.state, rows))
        self.state.written[0] = 0
        return lost

    def first_plan(self) -> None:
        """Keep what people were told, where it is a repair; then fit in all others, best first."""
        if self.problem.policy.repair:
            place_rows(self.board, self.state, rows_in_force(self.problem))
        weights = self.coverage(strict=False)
        weights[FLOOR] = (
            0.0  # what is below its floor is mended soon; to fit by floors first takes several times as long
        )
        best_fit(self.board, self.state, weights)
        self.offer_present("first plan")

    def guide(self, seconds: float) -> None:
        """Find out, once, which groups are hard to seat, and fit in all again (but for a repair) with those preferred."""
        if self.guidance is not None or seconds < LEAST_GUIDE_SECONDS:
            return
        found = guidance(self.problem, seconds, self.pace)
        if found is None:
            return
        self.follow(found)
        if not self.problem.policy.repair:
            self.begin_anew()

    def begin_anew(self) -> None:
        """Fit in all again but the pins, in another order where there is a choice."""
        self.adopt(rows_of_pins(self.problem))
        self.first_plan()

    def begin_as_outlined(self) -> None:
        """Hold the sessions that the outline has most of, in another order each time, and fit in all others."""
        outline = self.outline
        if outline is None:
            return
        self.adopt(rows_of_pins(self.problem))
        order = np.argsort(-(outline.share + NOISE * self._random.random(len(outline.share))))
        hold_outline(
            self.board,
            self.state,
            order,
            outline.offer,
            outline.school,
            outline.first,
            outline.last,
            outline.ptr,
            self.board.g_class[outline.groups],
            outline.students,
            self.coverage(strict=True),
        )
        self.first_plan()

    def follow(self, guidance: Guidance) -> None:
        """Prefer from now on the groups that these prices show to be hard to seat."""
        self.guidance = guidance
        self.board.g_scarce[:] = guidance.scarcity

    def promise_of_vertices(self, classes: Classes) -> Floats | None:
        """Give what the best session at each vertex wins at the guiding prices, in students; None without guidance."""
        if self.guidance is None:
            return None
        board = self.board
        left = np.zeros(len(classes.size), np.int64)
        left[board.g_class] = np.rint((1.0 - self.guidance.groups) * PRICE_SCALE)
        price = self.guidance.offers[board.v_offer]
        several = (board.v_school < 0) & (board.o_schools[board.v_offer] < NO_LIMIT)
        found = gains(
            classes.first,
            classes.able,
            board.o_seats[board.v_offer],
            np.where(several, board.o_schools[board.v_offer], UNLIMITED),
            np.zeros(len(price), np.int64),
            classes.school,
            int(board.scalars[MIN_PART]),
            classes.size,
            np.bincount(board.g_class, minlength=len(classes.size)),
            left,
        )
        return np.asarray(found / PRICE_SCALE - price)

    def coverage(self, *, strict: bool) -> Floats:
        """Return the weights of floors and coverage."""
        return coverage_weights(self.problem.policy, self.scales[0], strict_floors=strict)

    def worth_of_best(self) -> float:
        """Reckon the best plan's worth in students, floors dear."""
        return float(self.coverage(strict=False) @ np.array(self.best_values)) if self.best_values else 0.0

    def vertices_held(self) -> Ints:
        """Give the vertices at which the present plan holds sessions."""
        return np.unique(self.state.x_vertex[self.state.x_vertex >= 0])

    def offer_present(self, phase: str) -> bool:
        """Report the present plan if it is the best so far; tell whether it is."""
        values = tuple(int(value) for value in self.state.value)
        if self.best_values and rank(self.problem.policy, values) <= rank(self.problem.policy, self.best_values):
            return False
        self.best_rows, self.best_values = rows_of_plan(self.board, self.state), values
        self.report(self.best_rows, values, phase)
        return True

    def anneal(
        self,
        phase: str,
        seconds: float,
        weights: Floats,
        warm: float,
        cool: float,
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        """Anneal from the present plan for so many seconds, or `until` says so; the present plan is the best of it afterwards."""
        if not len(self.board.slot_offer):
            return  # no offer can meet anybody
        kept = keep(self.state)
        begun, end = self.pace.spent(), min(self.pace.spent() + seconds, self.pace.end)
        while (now := self.pace.spent()) < end and not until():
            span = min(CHUNK_SECONDS, end - now)
            share, after = (now - begun) / seconds, (now + span - begun) / seconds
            moves = max(50, int(span * self._moves_a_second))
            before = kept.worth[0]
            hot, cold = (cool + (warm - cool) * (1.0 - min(1.0, gone)) ** 3 for gone in (share, after))
            anneal(self.board, self.state, weights, kept, moves, hot, cold)
            self.pace.charge(moves=moves)
            self._measure(moves, self.pace.spent() - now)
            if kept.worth[0] > before:
                self._offer_kept(kept, phase)
            self.listen()
        if worth(self.state, weights) < kept.worth[0]:
            load(self.board, self.state, kept)

    def _measure(self, moves: int, seconds: float) -> None:
        if not self.pace.deterministic and seconds > 0:
            self._moves_a_second = max(1_000.0, 0.5 * self._moves_a_second + 0.5 * moves / seconds)

    def _offer_kept(self, kept: Kept, phase: str) -> None:
        load(self.board, self.shadow, kept)
        values = tuple(int(value) for value in self.shadow.value)
        if not self.best_values or rank(self.problem.policy, values) > rank(self.problem.policy, self.best_values):
            self.best_rows, self.best_values = rows_of_plan(self.board, kept), values
            self.report(self.best_rows, values, phase)

    def merge(self, rows: Rows, values: tuple[int, ...]) -> bool:
        """Take another worker's plan, with our own sessions of the offers that we have changed since the last time.

        Each session is placed only where every rule allows; the best of the joint plan, theirs and ours is gone on with.
        """
        policy = self.problem.policy
        mine, ours = self.best_rows, self.best_values
        changed = offers_that_differ(self._base, mine)
        self._base = rows
        if self.best_values and len(changed):
            joint = np.concatenate((rows[~np.isin(rows[:, 0], changed)], mine[np.isin(mine[:, 0], changed)]))
            self.adopt(joint)
            fill_all(self.board, self.state, self.coverage(strict=True))
            if self.offer_present("joined") and rank(policy, self.best_values) >= rank(policy, values):
                self._base = self.best_rows
                return True
        if ours and rank(policy, values) <= rank(policy, self.best_values):
            self.adopt(self.best_rows)
            return False
        self.best_rows, self.best_values = rows, values
        self.adopt(rows)
        return True

    def hold(self, wanted: Sequence[Wanted], phase: str) -> None:
        """Hold these sessions, and what the rest of the seats can take; go on with that if it is the best plan so far."""
        self.adopt(rows_of_pins(self.problem))
        weights = self.coverage(strict=True)
        hold(self.board, self.state, wanted, weights)
        fill_all(self.board, self.state, weights)
        if not self.offer_present(phase):
            self.adopt(self.best_rows)

    def polish(self, seconds: float) -> None:
        """Give each later level its part of the time, without a loss to those before it."""
        order = REPAIR_ORDER[2:] if self.problem.policy.repair else ORDER[2:]
        levels = [level for level in order if level != CHANGES or self.best_values[CHANGES] > 0]
        self.adopt(self.best_rows)
        end = min(self.pace.spent() + seconds, self.pace.end)
        for done, level in enumerate(levels):
            part = (end - self.pace.spent()) / (len(levels) - done)
            if part <= 0:
                return
            weights = level_weights(self.problem.policy, level, self.scales)
            warm = max(1.0, abs(self.best_values[level]) * 1e-4)
            self.anneal(LEVEL_NAMES[level], part, weights, warm, warm / 50)
            self.adopt(self.best_rows)
