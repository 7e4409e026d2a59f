"""The benchmark remembers what it has run, and only takes over what is better and has been checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from services.matching.planning.reading import problem_from_json, read_problem
from services.matching.planning.scenario.planted import planted_problem
from services.matching.planning.writing import problem_to_json
from tests import realdata
from tests.benchmarks.bench_engine import rank
from tests.benchmarks.problems import problem_named, withdrawn, write_england
from tests.benchmarks.records import BEST_KNOWN, BestKnown, Book, Result

RESULT = Result(
    problem="planted:12:1",
    sha256="ab",
    planner="engine",
    budget=60.0,
    version="v",
    seconds=9.5,
    covered=900,
    floor=0.0,
    students=1000,
    valid=True,
    bound=950,
    certified=960,
)


def test_results_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "build" / "results.jsonl"
    Book(path).add(RESULT)
    assert Book(path).get(RESULT.key) == RESULT
    assert Book(path).get(replace(RESULT, version="w").key) is None
    assert Book(path).get(replace(RESULT, budget=5.0).key) is None


def test_only_better_and_checked_results_are_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    best = BestKnown(path)
    best.learn(RESULT, "first")
    best.learn(replace(RESULT, covered=890, certified=970), "worse")
    best.learn(replace(RESULT, covered=990, certified=955, valid=False), "broken")
    assert (BestKnown(path).covered("ab"), BestKnown(path).bound("ab")) == (900, 960)
    best.learn(replace(RESULT, covered=910), "better plan")
    best.learn(replace(RESULT, certified=940), "better bound")
    known = json.loads(path.read_text())["ab"]
    assert (known["covered"], known["covered_by"]) == (910, "better plan")
    assert (known["bound"], known["bound_by"]) == (940, "better bound")


def test_what_is_best_known_is_possible() -> None:
    known = json.loads(BEST_KNOWN.read_text()) if BEST_KNOWN.exists() else {}
    for record in known.values():
        assert 0 <= record["covered"] <= record.get("bound", record["students"]) <= record["students"]


def test_the_gap_is_that_of_the_format() -> None:
    assert RESULT.gap == pytest.approx(50 / 950)
    assert replace(RESULT, bound=None).gap is None


def test_floors_come_before_coverage_and_a_broken_plan_last() -> None:
    short, full = replace(RESULT, floor=10.0, covered=999), replace(RESULT, floor=0.0, covered=800)
    broken = replace(RESULT, covered=1000, valid=False)
    assert sorted([short, broken, full], key=rank) == [full, short, broken]


def test_a_withdrawn_employer_leaves_a_valid_repair() -> None:
    planted = planted_problem(12, 1)
    problem, gone = withdrawn(planted.problem, planted.sessions)
    assert problem.policy.repair
    assert gone not in {employer.id for employer in problem.employers}
    assert not any(offer.employer == gone for offer in problem.offers)
    assert problem.in_force == planted.sessions
    assert problem_from_json(problem_to_json(problem)) == problem


def test_a_problem_is_made_from_its_name() -> None:
    assert len(problem_named("fictional:4:0.7:2").schools) == 4
    assert problem_named("planted:12:1") == planted_problem(12, 1).problem
    with pytest.raises(ValueError, match="names no problem"):
        problem_named("country:9")


@pytest.mark.skipif(not realdata.available(), reason="the real open data is not beside the repository")
def test_a_tenth_of_england_is_a_folder_of_hubs(tmp_path: Path) -> None:
    paths = write_england(tmp_path / "england", "1.05", "1", every=70)
    assert [path.name for path in paths] == ["886.json.gz", paths[1].name, paths[2].name]
    assert len(read_problem(paths[0]).problem.schools) == 130
