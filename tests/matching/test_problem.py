"""The problem that matching builds: equal to the scenario it came from, and true to decisions and to what was told."""

from __future__ import annotations

from datetime import datetime

import pytest

from services.matching.planning.scenario import Area, fictional_area
from services.matching.planning.writing import canonical_bytes, problem_to_json
from services.matching.problem import build_problem
from tests.matching.area_facts import facts_of, projection_of

BEFORE_THE_YEAR = datetime(2026, 8, 1, 9)  # noqa: DTZ001 - local time of the hub


@pytest.fixture(scope="module")
def area() -> Area:
    return fictional_area(schools=4, seed=7)


@pytest.mark.parametrize(("schools", "seed"), [(3, 1), (12, 1), (12, 3)])
def test_a_scenario_told_as_facts_becomes_the_same_problem(schools: int, seed: int) -> None:
    area = fictional_area(schools=schools, seed=seed)

    built = build_problem(projection_of(facts_of(area)), BEFORE_THE_YEAR)

    tree, wanted = problem_to_json(built.problem), problem_to_json(area.problem)
    assert tree == wanted
    assert canonical_bytes(tree) == canonical_bytes(wanted)
    assert not built.lost_pins
