"""What the whole hub's program has found becomes a plan that keeps every rule; prices and plans of others are heard."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, cast

import numpy as np
import pytest

from services.matching.planning.bound.certify import certify
from services.matching.planning.checker import check_sessions
from services.matching.planning.model import Problem
from services.matching.planning.reading import ProblemFile
from services.matching.planning.scenario import fictional_area
from services.matching.planning.search.crew import Crew
from services.matching.planning.search.guidance import Guidance
from services.matching.planning.search.messages import Bounded, Found, Job, Prices, Shared
from services.matching.planning.search.outcome import Outcome, levels_with_bounds, proof_of
from services.matching.planning.search.pace import Pace
from services.matching.planning.search.phases import Desk
from services.matching.planning.search.ranking import COVERED
from services.matching.planning.search.rows import no_rows, rows_of_pins, sessions_of_rows
from services.matching.planning.search.run import Run
from services.matching.planning.search.searcher import Searcher
from services.matching.planning.search.whole_hub import WholeHub
from services.matching.planning.solve import Budget
from tests.matching.planning.exhaustive import Exhaustive, tiny_problem


def searcher_of(problem: Problem) -> Searcher:
    return Searcher(problem, 1, Pace(time.monotonic(), 1e6, deterministic=True), lambda *_: None)


@pytest.mark.parametrize("seed", range(150))
def test_the_whole_hub_s_bound_is_never_below_the_best_plan_nor_above_the_certified_one_and_its_plan_keeps_every_rule(
    seed: int,
) -> None:
    problem = tiny_problem(seed)
    certified = certify(problem, seconds=2.0, deterministic=True).bound
    found, wanted = WholeHub(problem).search(no_rows(), 20.0)
    assert found is not None
    best = Exhaustive(problem).best
    assert best <= found
    assert found <= certified + 1 or any(group.may_split for group in problem.groups)
    searcher = searcher_of(problem)
    searcher.hold(wanted, "whole hub")
    assert check_sessions(problem, sessions_of_rows(problem, searcher.best_rows)) == []
    assert searcher.best_values[COVERED] <= best


def test_a_town_s_whole_program_bounds_it_tighter_beside_the_certificate_and_finds_a_better_plan() -> None:
    problem = fictional_area(schools=4, seed=3).problem
    searcher = searcher_of(problem)
    searcher.first_plan()
    first = searcher.best_values[COVERED]
    result = certify(problem, seconds=5.0, deterministic=True)
    found, wanted = WholeHub(problem).search(searcher.best_rows, 10.0)
    searcher.hold(wanted, "whole hub")
    assert found is not None
    assert first < searcher.best_values[COVERED] <= found < result.bound
    assert searcher.best_values[COVERED] > 0.98 * found
    assert check_sessions(problem, sessions_of_rows(problem, searcher.best_rows)) == []
    outcome = Outcome(problem)
    assert outcome.bounded(Bounded(result.bound, result.certificate))
    assert outcome.bounded(Bounded(found, None))
    assert not outcome.bounded(Bounded(found, None))
    proof = proof_of(outcome, levels_with_bounds(problem, (), outcome), {"seconds": 10})
    assert (proof.method, proof.bound) == ("search", found)
    assert proof.certificate is not None
    assert (proof.certificate["bound"], proof.certificate["search"]) == (result.bound, {"seconds": 10})


def test_sessions_that_cover_fewer_are_not_gone_on_with() -> None:
    problem = fictional_area(schools=2).problem
    searcher = searcher_of(problem)
    searcher.first_plan()
    best = searcher.best_rows
    searcher.board.o_slot[:] = 0  # no offer has a session left to hold
    searcher.hold([], "whole hub")
    assert searcher.best_rows is best


def test_prices_are_followed_at_once_and_a_plan_waits_until_it_is_taken() -> None:
    problem = fictional_area(schools=2).problem
    certificate = certify(problem, seconds=2.0, deterministic=True).certificate
    inbox: queue.Queue[Any] = queue.Queue()
    job = Job(time.monotonic(), 10.0, 1, deterministic=False, phases=("cover",))
    desk = Desk(problem, job, lambda *_: None, lambda _: None, inbox)
    other = searcher_of(problem)
    other.first_plan()
    inbox.put(Shared(other.best_rows, other.best_values))
    inbox.put(Prices(certificate))
    desk.searcher.anneal("annealing", 0.3, desk.searcher.coverage(strict=True), 3.0, 0.3)
    assert desk.searcher.guidance is not None
    expected = Guidance.of_certificate(problem, certificate)
    np.testing.assert_array_equal(desk.searcher.board.g_scarce, expected.scarcity)
    desk.searcher.best_rows, desk.searcher.best_values = rows_of_pins(problem), ()
    assert desk.take_shared()
    assert desk.searcher.best_values == other.best_values
    assert not desk.take_shared()


def test_prices_go_to_all_workers_but_the_one_that_found_them() -> None:
    problem = fictional_area(schools=2).problem
    budget = Budget(60.0, 3, 1, deterministic=False, started=time.monotonic())
    run = Run(ProblemFile(problem, {}), budget, lambda _: None, threading.Event())
    told: list[tuple[int, Any]] = []

    class Listening:
        def tell(self, number: int, message: Any) -> None:
            told.append((number, message))

    run._working = {0, 1, 2}
    run._hear(0, Found(no_rows(), (0,) * 8, "first plan"))
    certificate = certify(problem, seconds=2.0, deterministic=True).certificate
    run._hear(1, Bounded(certificate["bound"], certificate))
    run._share(cast("Crew", Listening()))
    assert [number for number, message in told if isinstance(message, Prices)] == [0, 2]
