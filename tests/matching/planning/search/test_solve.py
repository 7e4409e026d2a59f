"""A planning run keeps its promises: valid plans, stopped or crippled or not, and the same bytes again."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import psutil
import pytest

from services.matching.planning.checker import check
from services.matching.planning.explanation.explain import Explainer
from services.matching.planning.model import Problem, Timetable
from services.matching.planning.reading import ProblemFile, problem_file_from_json
from services.matching.planning.scenario import fictional_area
from services.matching.planning.search import outcome, run
from services.matching.planning.search.messages import Bounded
from services.matching.planning.search.outcome import levels_with_bounds
from services.matching.planning.search.run import Run
from services.matching.planning.solve import Budget, NeverStop, Progress, solve, start_crew
from services.matching.planning.writing import problem_to_json, timetable_to_json

SCHOOLS = 3


@pytest.fixture(scope="module")
def town() -> ProblemFile:
    return file_of(fictional_area(SCHOOLS, 1).problem)


def file_of(problem: Problem) -> ProblemFile:
    return problem_file_from_json(problem_to_json(problem))


def budget(seconds: float, *, deterministic: bool = False, workers: int = 2) -> Budget:
    return Budget(seconds, workers, 1, deterministic, time.monotonic())


def plan_of(problem_file: ProblemFile) -> Timetable:
    """Stop at the first plan."""
    stop = threading.Event()
    return solve(problem_file, budget(600.0), lambda progress: stop.set() if progress.covered else None, stop)


def assert_holds(problem_file: ProblemFile, timetable: Timetable) -> None:
    assert [violation.message for violation in check(problem_file, timetable).violations] == []


def test_the_same_seed_gives_the_same_bytes(town: ProblemFile) -> None:
    first, second = (solve(town, budget(10.0, deterministic=True, workers=1)) for _ in range(2))
    assert timetable_to_json(first) == timetable_to_json(second)
    assert first.proof.covered > 0
    assert_holds(town, first)


def test_a_crew_that_was_started_before_does_the_work(town: ProblemFile, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_crew() as crew:
        assert len(crew.pids) == 1
        monkeypatch.delattr(run, "Crew")  # none is started besides
        timetable = solve(town, budget(6.0, deterministic=True), crew=crew)
    assert timetable.proof.covered > 0
    assert not any(psutil.pid_exists(pid) for pid in crew.pids)


def test_a_stop_flag_ends_it_with_the_best_plan_so_far(town: ProblemFile) -> None:
    stop, heard = threading.Event(), list[Progress]()

    def hear(progress: Progress) -> None:
        heard.append(progress)
        if progress.covered:
            stop.set()

    timetable = solve(town, budget(600.0), hear, stop)
    assert timetable.proof.covered >= max(progress.covered for progress in heard) > 0
    assert_holds(town, timetable)


def test_a_run_that_is_stopped_with_a_bound_and_no_plan_claims_no_more_than_it_can_show(town: ProblemFile) -> None:
    run = Run(town, budget(60.0), lambda _: None, NeverStop())
    run.outcome.bounded(Bounded(run.outcome.students // 2, {}))
    timetable = run._written()
    assert (timetable.proof.bound, timetable.proof.method) == (run.outcome.students, "students")
    assert "not-proven" in {entry.code for entry in timetable.unmet}
    assert_holds(town, timetable)


def test_a_killed_worker_costs_its_own_work_only(town: ProblemFile) -> None:
    killed = list[int]()

    def hear(progress: Progress) -> None:
        if progress.covered and not killed:
            workers = psutil.Process().children()
            workers = [child for child in workers if "search.worker" in " ".join(child.cmdline())]
            workers[0].kill()
            killed.append(workers[0].pid)

    timetable = solve(town, budget(12.0), hear)
    assert killed
    assert timetable.stats["failures"]
    assert timetable.proof.covered > 0
    assert_holds(town, timetable)


def test_without_offers_the_plan_is_empty_and_says_why(town: ProblemFile) -> None:
    bare = file_of(replace(town.problem, offers=(), pledges=()))
    timetable = solve(bare, budget(5.0))
    assert timetable.sessions == ()
    assert {entry.code for entry in timetable.unmet} == {"no-offer-for-year"}
    assert_holds(bare, timetable)


def test_no_time_at_all_still_gives_a_valid_plan(town: ProblemFile) -> None:
    assert_holds(town, solve(town, budget(0.0)))


def test_reasons_get_no_time_that_a_busy_machine_needs_to_write_the_plan(
    town: ProblemFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reckoning the levels takes 2 of 4 seconds, and is done once more before the file is written: none is left to explain."""
    explain, given = Explainer.explain, list[float | None]()

    def slowly(*arguments: Any) -> Any:
        time.sleep(2.0)
        return levels_with_bounds(*arguments)

    def noted(self: Explainer, *arguments: Any, seconds: float | None, **more: Any) -> Any:
        given.append(seconds)
        return explain(self, *arguments, seconds=seconds, **more)

    monkeypatch.setattr(outcome, "levels_with_bounds", slowly)
    monkeypatch.setattr(Explainer, "explain", noted)
    without_offers = file_of(replace(town.problem, offers=(), pledges=()))
    assert_holds(without_offers, solve(without_offers, budget(4.0)))
    assert set(given) == {run.STOPPED_SECONDS}
