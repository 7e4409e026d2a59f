"""Rounds of neighbourhoods: which offers to set free, and whether what the program chose is taken."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.geometry import km_table
from services.matching.planning.search.anneal import keep, load
from services.matching.planning.search.board import FLOOR_SCALE
from services.matching.planning.search.classes import Classes
from services.matching.planning.search.filling import Floats, fill_all, worth
from services.matching.planning.search.guidance import Guidance
from services.matching.planning.search.neighbourhood import Freed, Neighbourhood
from services.matching.planning.search.pace import SOLVER_SECONDS, Pace
from services.matching.planning.search.plan import rows_of_plan
from services.matching.planning.search.ranking import rank
from services.matching.planning.search.searcher import Searcher
from services.matching.planning.search.seating import give_up, seat_classes
from services.matching.planning.search.state import State
from services.matching.planning.vertices import laid_ranges

Ints = NDArray[np.int64]
SIZES = (3, 5, 8, 12, 18, 27, 40, 60)
"""How many offers a neighbourhood may set free."""
FIRST_WON, LARGE_SHARE = 60.0, 0.7
"""Students that a round is taken to win before it was tried, times the square of its share of all offers (up to a large one)."""
SECONDS_A_ROUND, SECONDS_AN_OFFER, MOST_SECONDS = 1.5, 0.2, 10.0
NODES, MOST_COUNTED, SECONDS_ENOUGH = 5, 8, 60.0
"""Where work is counted and not time: how far a program is searched, how many offers it may have, and a limit that does not cut in."""
PARTS_COUNTED = 18
"""Up to how many offers a program counts the parts of groups: more make it so slow that it wins less, though some of its plans can't be seated then."""
REACH_KM = 6.0
LEAST_SECONDS = 0.02
SECONDS_AN_ENTRY = 5e-5
FORGETTING, CURIOSITY = 0.85, 0.15
VERTICES_A_SESSION, COUNTED_VERTICES = 12, 3
REGION_SESSIONS, REGION_SECONDS = 130, 20.0
"""Sessions of a region, and the most seconds for it. Larger ones take more memory than they are worth."""
LEAST_UNSEEN_KM = 1.0
"""How far from a region's school its own place is taken to be, so that it may be drawn again."""
TRUST = 0.7
"""How often the guiding prices tell where the plan loses, and not the students left out alone."""


class Sizes:
    """How many offers to set free: sizes that have lately won most for their time are drawn most often."""

    def __init__(self, most: int) -> None:
        self.sizes = np.array([*(size for size in SIZES if size < most), *([most] if most <= SIZES[-1] else [])])
        self.spent = 0.15 * self.sizes + 0.1
        self.won = 1.0 + FIRST_WON * np.minimum(self.sizes / max(1, most), LARGE_SHARE) ** 2

    def draw(self, random: np.random.Generator) -> int:
        """Draw the place of a size."""
        rate = self.won / self.spent
        chance = rate + CURIOSITY * max(rate.max(), 1e-3) * np.sqrt(self.spent.min() / self.spent)
        return int(random.choice(len(chance), p=chance / chance.sum()))

    def learn(self, place: int, won: float, seconds: float) -> None:
        """Take in what a round of this size has won."""
        self.won[place] = FORGETTING * self.won[place] + (1.0 - FORGETTING) * won
        self.spent[place] = FORGETTING * self.spent[place] + (1.0 - FORGETTING) * seconds


class Rounds:
    """Improves coverage by neighbourhoods, each solved nearly always to its optimum."""

    def __init__(self, searcher: Searcher, random: np.random.Generator) -> None:
        self.searcher, self.board, self.random = searcher, searcher.board, random
        self.classes = Classes.of(self.board)
        board = self.board
        places = np.array([s.position for s in searcher.problem.schools], dtype=np.float64).reshape(-1, 2)
        self.apart_km = km_table(places, places)
        pairs = np.unique(
            np.repeat(board.v_offer, np.diff(board.vg_first)) * len(places) + board.g_school[board.v_group]
        )
        self.reach = np.zeros((len(board.o_seats), len(places)), bool)
        self.reach[pairs // len(places), pairs % len(places)] = True
        self.usable = np.flatnonzero(self.reach.any(axis=1))
        counted = searcher.pace.deterministic
        self.sizes = Sizes(min(len(self.usable), MOST_COUNTED) if counted else len(self.usable))
        self._unseen_km = np.full(len(places), self.apart_km.max(initial=LEAST_UNSEEN_KM))
        self._promise: Floats | None = None
        self._promised_by: Guidance | None = None

    def run(self, seconds: float) -> None:
        """Play rounds for so many seconds, and report each better plan."""
        pace, weights = self.searcher.pace, self.searcher.coverage(strict=True)
        until = pace.spent() + seconds
        while pace.spent() < until and len(self.usable):
            if self.play(self.searcher.state, weights, pace):
                self.searcher.offer_present("neighbourhoods")

    def choose_offers(self, state: State, most: int) -> Ints:
        """Draw a place where the plan loses most, and the offers that have to do with it."""
        board, random = self.board, self.random
        if most >= len(self.usable):
            return self.usable
        groups, offers = self.losses(state, self.searcher.guidance if random.random() < TRUST else None)
        drawn = np.maximum(1.0, self.reach.sum(axis=1)) ** -random.choice([0.25, 0.75])
        if random.random() * (groups.sum() + offers.sum()) < groups.sum():
            group = random.choice(len(groups), p=groups / groups.sum())
            school = board.g_school[group]
            able = board.v_offer[board.g_vertex[board.gv_first[group] : board.gv_first[group + 1]]]
            drawn[able] *= random.choice([1.0, 3.0, 10.0])
            attended = board.slot_offer[state.g_slot[board.g_first[group] :][: state.g_count[group]]]
        else:
            offer = random.choice(len(offers), p=offers / offers.sum())
            school = random.choice(np.flatnonzero(self.reach[offer]))
            attended = np.array([offer])
        of_school = np.bincount(board.g_school, weights=groups, minlength=len(board.s_hosting))
        near = np.exp(-self.apart_km[school] / (REACH_KM * random.choice([0.3, 1.0, 3.0])))
        if random.random() < 0.5:
            near *= np.sqrt(of_school)
            drawn *= 1.0 + offers / max(1e-9, offers.mean())
        drawn *= self.reach @ near
        drawn *= random.exponential(size=len(drawn)) ** 0.7
        drawn[attended] += drawn.sum() + 1.0
        chosen = np.argsort(-drawn[self.usable], kind="stable")[:most]
        return np.sort(self.usable[chosen])

    def losses(self, state: State, guidance: Guidance | None) -> tuple[Floats, Floats]:
        """Reckon what the plan loses against the bound: by each group left out, and by each offer's sessions.

        At the guiding prices, students left out cost their price, and a session what its students are worth less than
        it; without guidance every student left out counts as one.
        """
        board = self.board
        missing = np.where(state.g_whole > 0, 0, board.g_size - state.g_parts).astype(float)
        missing[np.diff(board.gv_first) == 0] = 0.0
        if guidance is None:
            return missing + 1e-6, np.zeros(len(board.o_seats))
        slots = np.repeat(np.arange(len(board.slot_offer)), np.diff(board.slot_first))
        there = np.arange(len(slots)) - board.slot_first[slots] < np.where(state.x_vertex >= 0, state.x_count, 0)[slots]
        students = np.where(there, state.a_students * (1.0 - guidance.groups[state.a_group]), 0.0)
        won = np.bincount(slots, weights=students, minlength=len(board.slot_offer))
        lost = np.maximum(0.0, guidance.offers[board.slot_offer] - won)
        return (
            missing * guidance.groups + 1e-6,
            np.bincount(board.slot_offer, weights=lost, minlength=len(board.o_seats)).astype(float),
        )

    def promise(self) -> Floats | None:
        """Give what each vertex promises at the prices that guide the search now; None where none do."""
        if self._promised_by is not self.searcher.guidance:
            self._promised_by = self.searcher.guidance
            self._promise = self.searcher.promise_of_vertices(self.classes)
        return self._promise

    def choose_vertices(self, offers: Ints) -> Ints:
        """Give the vertices of these offers: all, or where they are many those that promise most at the bound's prices."""
        board = self.board
        lengths = board.ov_first[offers + 1] - board.ov_first[offers]
        vertices = laid_ranges(board.ov_first[offers], lengths)
        promise = self.promise()
        if promise is None:
            return vertices
        each = COUNTED_VERTICES if self.searcher.pace.deterministic else VERTICES_A_SESSION
        most = each * (board.o_slot[offers + 1] - board.o_slot[offers])
        drawn = promise[vertices] + self.random.exponential(size=len(vertices)) * 2.0
        order = np.lexsort((-drawn, np.repeat(np.arange(len(offers)), lengths)))
        place = np.arange(len(vertices)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.sort(vertices[order[place < np.repeat(most, lengths)]])

    def free(self, state: State, offers: Ints) -> list[Freed]:
        """Take the sessions of these offers out of the plan, but for those with pins."""
        freed = []
        board = self.board
        for offer in offers:
            for slot in range(board.o_slot[offer], board.o_slot[offer + 1]):
                if state.x_vertex[slot] < 0 or state.x_pinned[slot] > 0:
                    continue
                span = slice(board.slot_first[slot], board.slot_first[slot] + state.x_count[slot])
                groups, students = state.a_group[span].astype(np.int64), state.a_students[span].astype(np.int64)
                freed.append(Freed(int(state.x_vertex[slot]), int(state.x_start[slot]), groups, students))
                give_up(board, state, slot)
        return freed

    def play(self, state: State, weights: Floats, pace: Pace) -> bool:
        """Play one round on the present plan; tell whether it is better."""
        begun = time.monotonic()
        place = self.sizes.draw(self.random)
        offers = self.choose_offers(state, int(self.sizes.sizes[place]))
        seconds = min(SECONDS_A_ROUND + SECONDS_AN_OFFER * len(offers), MOST_SECONDS, pace.left())
        before, after, work = self._choose_anew(state, weights, pace, offers, self.choose_vertices(offers), seconds)
        spent = work * SOLVER_SECONDS if pace.deterministic else time.monotonic() - begun
        self.sizes.learn(place, max(0.0, after[-1] - before[-1]) if after > before else 0.0, spent)
        return after > before

    def renew_region(self, seconds: float) -> None:
        """Choose all sessions near a school anew, among all vertices of their offers, and report a better plan."""
        searcher, board = self.searcher, self.board
        offers = self.choose_region(searcher.state, REGION_SESSIONS)
        vertices = laid_ranges(board.ov_first[offers], board.ov_first[offers + 1] - board.ov_first[offers])
        weights = searcher.coverage(strict=True)
        seconds = min(seconds, REGION_SECONDS)
        self._choose_anew(searcher.state, weights, searcher.pace, offers, vertices, seconds, region=True)
        searcher.offer_present("regions")

    def choose_region(self, state: State, sessions: int) -> Ints:
        """Draw a school near which the plan loses much, far from those drawn before; give the offers nearest to it, with at least so many sessions in all.

        An offer is where its students come from, or can come from if nobody does.
        """
        board, rows = self.board, rows_of_plan(self.board, state)
        held = np.bincount(board.slot_offer[state.x_vertex >= 0], minlength=len(board.o_seats))
        come = np.where((held > 0)[:, None], 0.0, self.reach)
        np.add.at(come, (rows[:, 0], board.g_school[rows[:, 3]]), rows[:, 4])
        come /= np.maximum(1.0, come.sum(axis=1))[:, None]
        groups, offers = self.losses(state, self.searcher.guidance)
        lost = np.bincount(board.g_school, weights=groups, minlength=len(self.apart_km)) + offers @ come
        lost *= self._unseen_km
        drawn = self.apart_km[self.random.choice(len(lost), p=lost / lost.sum())]
        self._unseen_km = np.minimum(self._unseen_km, LEAST_UNSEEN_KM + drawn)
        apart_km = come @ drawn
        nearest = self.usable[np.argsort(apart_km[self.usable], kind="stable")]
        return np.sort(nearest[: 1 + int(np.searchsorted(np.cumsum(held[nearest]), sessions))])

    def join(self, vertices: Ints, seconds: float) -> None:
        """Choose all sessions anew among the vertices that several plans hold, and report a better plan.

        What one plan does better at one place and another at another comes together so.
        """
        searcher = self.searcher
        weights = searcher.coverage(strict=True)
        self._choose_anew(searcher.state, weights, searcher.pace, self.usable, vertices, seconds)
        searcher.offer_present("neighbourhoods")

    def _choose_anew(
        self,
        state: State,
        weights: Floats,
        pace: Pace,
        offers: Ints,
        vertices: Ints,
        seconds: float,
        *,
        region: bool = False,
    ) -> tuple[tuple[Any, ...], tuple[Any, ...], float]:
        """Set offers free and choose their sessions among some vertices; return how the plan stood, how it stands now, and the work.

        What comes of it is taken if floors or coverage are better, or it is worth no less in all.
        """
        kept = keep(state)
        before = self._standing(state, weights)
        freed = self.free(state, offers)
        if pace.deterministic:
            seconds = SECONDS_ENOUGH
        near = Neighbourhood(
            self.board,
            state,
            self.classes,
            vertices,
            freed,
            floor_scale=int(self.board.scalars[FLOOR_SCALE]),
            parts_counted=region or len(offers) <= PARTS_COUNTED,
            region=region,
        )
        chosen = near.solve(seconds, NODES if pace.deterministic else None)
        for one in chosen or ():
            seat_classes(self.board, state, one.vertex, one.start, one.kinds, one.students, one.fully, weights)
        fill_all(self.board, state, weights)
        after = self._standing(state, weights)
        if after[:2] <= before[:2] and after[-1] < before[-1]:
            load(self.board, state, kept)
        work = max(near.size() * SECONDS_AN_ENTRY, LEAST_SECONDS)
        pace.charge(solver=work)
        return before, after, work

    def _standing(self, state: State, weights: Floats) -> tuple[Any, ...]:
        """Give what orders plans here: the two levels of floors and coverage, for which no other makes up; then what a plan is worth in all."""
        return (*rank(self.searcher.problem.policy, state.value)[:2], round(float(worth(state, weights)), 6))
