"""What the bound's master program holds in fractions, and a plan that begins with it."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace
from functools import cache
from typing import Any, cast

import numpy as np
import pytest

from services.matching.planning.bound.certify import certify
from services.matching.planning.bound.outline import Outline
from services.matching.planning.checker import check_sessions
from services.matching.planning.model import Problem
from services.matching.planning.reading import ProblemFile
from services.matching.planning.scenario import fictional_area
from services.matching.planning.search import phases
from services.matching.planning.search.crew import Crew
from services.matching.planning.search.messages import Found, Job
from services.matching.planning.search.pace import Pace
from services.matching.planning.search.phases import Desk, bound
from services.matching.planning.search.plan import rows_of_plan
from services.matching.planning.search.ranking import COVERED
from services.matching.planning.search.rows import no_rows, sessions_of_rows
from services.matching.planning.search.run import Run
from services.matching.planning.search.searcher import Searcher
from services.matching.planning.solve import Budget
from tests.matching.planning.builders import ALL_WEEK, make_group, make_offer, make_problem
from tests.matching.planning.exhaustive import Exhaustive, tiny_problem


@cache
def town() -> Problem:
    return fictional_area(schools=4, seed=3).problem


@cache
def outlines() -> tuple[list[Outline], int]:
    made = list[Outline]()
    return made, certify(town(), seconds=5.0, deterministic=True, on_outline=made.append).bound


def searcher_of(problem: Problem, seed: int = 1) -> Searcher:
    return Searcher(problem, seed, Pace(time.monotonic(), 1e6, deterministic=True), lambda *_: None)


def begun(problem: Problem, outline: Outline, seed: int = 1) -> Searcher:
    searcher = searcher_of(problem, seed)
    searcher.outline = outline
    searcher.begin_as_outlined()
    return searcher


def students_of(outline: Outline) -> Any:
    return np.add.reduceat(outline.students, outline.ptr[:-1])


def sketch(*sessions: tuple[float, int, list[int], list[int]]) -> Outline:
    """Make an outline of sessions at the first school (share, offer, groups, students), at any start."""
    shares, offers, groups, students = zip(*sessions, strict=True)
    count = len(sessions)
    return Outline(
        np.array(shares),
        np.array(offers),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.full(count, 1 << 40),
        np.cumsum([0, *map(len, groups)]),
        np.concatenate(groups),
        np.concatenate(students),
    )


def test_an_outline_holds_in_fractions_nearly_what_the_bound_allows_within_seats_and_offers() -> None:
    made, limit = outlines()
    assert len(made) > 1
    for outline in made:
        offers = town().offers
        assert (outline.share > 0).all()
        held = np.bincount(outline.offer, weights=outline.share, minlength=len(offers))
        assert (held <= np.array([offer.max_sessions for offer in offers]) + 0.05).all()
        assert (students_of(outline) <= np.array([offers[number].seats for number in outline.offer])).all()
        assert 0.85 * limit < outline.share @ students_of(outline) <= 1.01 * limit


def test_the_first_outline_holds_more_sessions_whole_as_equally_good_ones_are_told_apart() -> None:
    first, last = (outlines()[0][number].share for number in (0, -1))
    assert first[first > 0.9].sum() > 0.6 * first.sum()
    assert first[first > 0.9].sum() > 2 * last[last > 0.9].sum()


def test_an_outline_is_held_in_another_order_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Searcher, "first_plan", lambda _: None)
    searcher, plans = begun(town(), outlines()[0][-1]), set[bytes]()
    for _ in range(3):
        searcher.begin_as_outlined()
        plans.add(rows_of_plan(searcher.board, searcher.state).tobytes())
    assert len(plans) > 1


def test_a_plan_as_outlined_covers_more_than_the_first_plan_and_keeps_every_rule() -> None:
    first = searcher_of(town())
    first.first_plan()
    searcher = begun(town(), outlines()[0][-1])
    assert searcher.best_values[COVERED] > 1.01 * first.best_values[COVERED]
    assert check_sessions(town(), sessions_of_rows(town(), rows_of_plan(searcher.board, searcher.state))) == []


@pytest.mark.parametrize("seed", range(60))
def test_a_plan_as_outlined_keeps_every_rule(seed: int) -> None:
    problem, made = tiny_problem(seed), list[Outline]()
    certify(problem, seconds=1.0, deterministic=True, on_outline=made.append)
    for outline in made:
        searcher = begun(problem, outline)
        sessions = sessions_of_rows(problem, rows_of_plan(searcher.board, searcher.state))
        assert check_sessions(problem, sessions) == []
        assert searcher.best_values[COVERED] <= Exhaustive(problem).best


def test_without_an_outline_the_plan_stays_as_it_is() -> None:
    searcher = searcher_of(town())
    searcher.first_plan()
    before = rows_of_plan(searcher.board, searcher.state)
    searcher.begin_as_outlined()
    assert np.array_equal(rows_of_plan(searcher.board, searcher.state), before)


def attended(problem: Problem, outline: Outline) -> dict[str, set[str]]:
    """Tell who comes to each offer, when an outline is held."""
    searcher = begun(problem, outline)
    sessions = sessions_of_rows(problem, rows_of_plan(searcher.board, searcher.state))
    return {session.offer: {attendance.group for attendance in session.attendances} for session in sessions}


def test_the_larger_share_comes_first_and_what_has_lost_its_students_is_left_to_the_fitting() -> None:
    offers = [make_offer(name, max_sessions=1, seats=seats) for name, seats in (("O1", 50), ("O2", 58))]
    groups = [
        make_group(name, on=ALL_WEEK, size=size) for name, size in (("G1", 20), ("G2", 30), ("G3", 28), ("G4", 30))
    ]
    problem = make_problem(offers=offers, groups=groups)

    def held(share: float, other: float) -> dict[str, set[str]]:
        return attended(problem, sketch((share, 0, [0, 1], [20, 30]), (other, 1, [1, 2], [30, 28])))

    assert held(0.9, 0.5) == {"O1": {"G1", "G2"}, "O2": {"G3", "G4"}}
    assert held(0.5, 0.9) == {"O1": {"G1", "G4"}, "O2": {"G2", "G3"}}


@pytest.mark.parametrize("large", [True, False])
def test_who_looks_for_a_large_hubs_bound_keeps_the_outline_and_tells_it(
    monkeypatch: pytest.MonkeyPatch, *, large: bool
) -> None:
    if large:
        monkeypatch.setattr(phases, "LARGE_PAIRS", 0)
    told = list[Any]()
    job = Job(time.monotonic(), 8.0, 1, True, ("bound",))  # noqa: FBT003 - as a run gives it
    desk = Desk(town(), job, lambda *_: None, told.append, queue.Queue())
    bound(desk)
    made = [message for message in told if isinstance(message, Outline)]
    assert bool(made) == large
    assert desk.searcher.outline is (made[-1] if large else None)


def test_a_worker_hears_the_newest_outline() -> None:
    inbox = queue.Queue[Any]()
    job = Job(time.monotonic(), 8.0, 1, True, ("cover",))  # noqa: FBT003 - as a run gives it
    desk = Desk(town(), job, lambda *_: None, lambda _: None, inbox)
    older = outlines()[0][0]
    newer = replace(older, share=older.share / 2)
    for outline in (older, newer):
        inbox.put(outline)
    desk.listen()
    assert desk.searcher.outline is newer


def test_an_outline_reaches_all_workers_but_its_finder() -> None:
    told = list[tuple[int, Any]]()

    class Noted:
        def tell(self, number: int, message: Any) -> None:
            told.append((number, message))

    budget = Budget(60.0, 3, 1, deterministic=False, started=time.monotonic())
    run = Run(ProblemFile(town(), {}), budget, lambda _: None, threading.Event())
    run._working = {0, 1, 2}
    run._hear(0, Found(no_rows(), (0,) * 8, "first plan"))
    outline = outlines()[0][0]
    run._hear(1, outline)
    run._share(cast("Crew", Noted()))
    assert [number for number, message in told if message is outline] == [0, 2]
