"""The table says honestly what was reached: ahead of a peer means floors first, and equal only where it is proven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.bench_engine import against_peers
from tests.benchmarks.records import BestKnown, Book, Result
from tests.benchmarks.runs import Bench

OURS = Result("p", "ab", "engine", 5.0, "v", 4.9, 900, 0.0, 1000, valid=True, bound=950, certified=950)


@pytest.mark.parametrize(
    ("ours", "theirs", "ahead"),
    [
        ({}, {"covered": 899}, True),
        ({}, {"covered": 900}, False),
        ({}, {"covered": 901}, False),
        ({}, {"covered": 990, "floor": 1.0}, True),
        ({"floor": 1.0}, {"covered": 100}, False),
        ({"bound": 900}, {"covered": 900}, True),
        ({}, {"covered": 990, "valid": False}, True),
        ({"valid": False}, {"covered": 1}, False),
    ],
)
def test_ahead_of_a_peer(ours: dict[str, float], theirs: dict[str, float], ahead: bool) -> None:
    peer = replace(OURS, planner="best fit", bound=None, **theirs)  # type: ignore[arg-type]  # the fields named above
    engine = replace(OURS, **ours)  # type: ignore[arg-type]  # the same
    (figure,) = against_peers("p", {5.0: engine}, {("best fit", 5.0): peer}, [5.0])
    assert figure.is_reached is ahead


def test_a_peer_that_is_done_early_counts_at_every_budget_it_kept() -> None:
    peer = replace(OURS, planner="best fit", budget=120.0, seconds=6.0, covered=950)
    engine = {5.0: OURS, 20.0: replace(OURS, budget=20.0)}
    figures = against_peers("p", engine, {("best fit", 120.0): peer}, [5.0, 20.0])
    assert [(figure.what, figure.is_reached) for figure in figures] == [("20 s against best fit", False)]


def test_a_planner_runs_once_and_is_judged_by_the_checker(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "v", Book(tmp_path / "book.jsonl"), BestKnown(tmp_path / "best.json"), resume=True)
    result = bench.run("fictional:3:1.05:1", "best fit", 30)
    assert result.valid
    assert 0 < result.covered < result.students
    assert bench.run("fictional:3:1.05:1", "best fit", 30) is result
    again = Bench(tmp_path, "v", Book(tmp_path / "book.jsonl"), BestKnown(tmp_path / "best.json"), resume=True)
    assert again.run("fictional:3:1.05:1", "best fit", 30) == result
    assert again.best.covered(result.sha256) == result.covered
    assert again.best.bound(result.sha256) is None


def test_a_planner_that_writes_nothing_has_an_empty_plan(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "v", Book(tmp_path / "book.jsonl"), BestKnown(tmp_path / "best.json"), resume=False)
    result = bench.run("fictional:3:1.05:1", "no such peer", 5)
    assert (result.covered, result.valid) == (0, True)
