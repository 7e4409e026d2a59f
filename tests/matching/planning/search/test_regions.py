"""Regions of a large hub: all sessions near a school, chosen anew by one program."""

from __future__ import annotations

import queue
import time

import numpy as np
import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.model import Problem
from services.matching.planning.scenario import fictional_area
from services.matching.planning.search import phases, rounds
from services.matching.planning.search.messages import Job
from services.matching.planning.search.pace import Pace
from services.matching.planning.search.phases import Desk, neighbourhoods
from services.matching.planning.search.ranking import COVERED
from services.matching.planning.search.rounds import Rounds
from services.matching.planning.search.rows import sessions_of_rows
from services.matching.planning.search.searcher import Searcher


@pytest.fixture(scope="module")
def town() -> Problem:
    return fictional_area(schools=6, seed=5).problem


@pytest.fixture
def searcher(town: Problem) -> Searcher:
    found = Searcher(town, 1, Pace(time.monotonic(), 1e6, deterministic=False), lambda *_: None)
    found.first_plan()
    return found


def test_a_region_is_the_offers_nearest_to_a_school_until_they_hold_so_many_sessions(searcher: Searcher) -> None:
    again, state, board = Rounds(searcher, np.random.default_rng(1)), searcher.state, searcher.board
    held = np.bincount(board.slot_offer[state.x_vertex >= 0], minlength=len(board.o_seats))
    regions = [again.choose_region(state, 10) for _ in range(6)]
    for offers in regions:
        assert 10 <= held[offers].sum() < 10 + held.max()
        assert len(offers) < len(again.usable)
    assert np.isin(again.usable, np.concatenate(regions)).mean() > np.isin(again.usable, regions[0]).mean()
    assert np.array_equal(again.choose_region(state, 10_000), again.usable)


def test_regions_are_drawn_far_from_those_before(searcher: Searcher) -> None:
    again = Rounds(searcher, np.random.default_rng(1))
    every = set[bytes]()
    for school in range(len(again.apart_km)):
        drawn = set[bytes]()
        for _ in range(4):
            again._unseen_km[:] = 0.0  # all but one were just drawn
            again._unseen_km[school] = 50.0
            drawn.add(again.choose_region(searcher.state, 1).tobytes())
            assert again._unseen_km[school] == rounds.LEAST_UNSEEN_KM
        assert len(drawn) == 1
        every |= drawn
    assert len(every) > 1


def test_regions_are_drawn_where_the_plan_loses(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    again, board = Rounds(searcher, np.random.default_rng(1)), searcher.board
    every = set[bytes]()
    for school in range(len(again.apart_km)):
        lost = (board.g_school == school).astype(float), np.zeros(len(board.o_seats))
        monkeypatch.setattr(again, "losses", lambda *_, lost=lost: lost)
        drawn = {again.choose_region(searcher.state, 1).tobytes() for _ in range(4)}
        assert len(drawn) == 1
        every |= drawn
    assert len(every) > 1


def test_a_region_chosen_anew_covers_more_and_breaks_no_rule(town: Problem, searcher: Searcher) -> None:
    before = searcher.best_values[COVERED]
    again = Rounds(searcher, np.random.default_rng(1))
    for _ in range(4):
        again.renew_region(10.0)
        assert check_sessions(town, sessions_of_rows(town, searcher.best_rows)) == []
    assert searcher.best_values[COVERED] > before


@pytest.mark.parametrize(
    ("names", "end", "deterministic", "played"),
    [
        (("bound", "neighbourhoods"), 400.0, False, True),
        (("first plan", "cover", "bound", "neighbourhoods"), 400.0, False, True),
        (("bound", "neighbourhoods"), 100.0, False, False),
        (("bound", "neighbourhoods"), 400.0, True, False),
        (("first plan", "cover", "neighbourhoods"), 400.0, False, False),
    ],
)
def test_who_has_looked_for_a_large_hubs_bound_renews_regions_in_a_long_run(
    town: Problem,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...],
    end: float,
    *,
    deterministic: bool,
    played: bool,
) -> None:
    """The clock is set on by what each step would have taken."""
    monkeypatch.setattr(phases, "LARGE_PAIRS", 0)
    desk = Desk(
        town, Job(time.monotonic(), end, 1, deterministic, names), lambda *_: None, lambda _: None, queue.Queue()
    )
    made = list[tuple[str, float]]()

    def passes(what: str, seconds: float) -> None:
        made.append((what, desk.pace.spent()))
        desk.pace.started -= seconds
        desk.pace.work += seconds

    monkeypatch.setattr(Searcher, "anneal", lambda _, *said: passes("annealing", said[1]))
    monkeypatch.setattr(
        rounds.Rounds, "renew_region", lambda _, seconds: passes("region", min(seconds, rounds.REGION_SECONDS))
    )
    neighbourhoods(desk)
    regions = [when for what, when in made if what == "region"]
    assert bool(regions) == played
    assert made[-1][0] == "annealing"  # with coverage kept, in the end
    if played:
        assert regions[0] == pytest.approx(phases.BEFORE_REGIONS_SHARE * end, rel=0.05)
        assert regions[-1] < end
        assert made[0][0] == "annealing"
