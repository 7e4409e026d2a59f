"""What schools and employers submit becomes the planning problem, field by field."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.command.submitting import import_postcodes_of, submissions_of, submit
from services.intake.app import running as intake
from services.matching.app import running as matching
from services.matching.exporting import present_problem
from services.matching.planning.scenario import fictional_area
from services.matching.planning.writing import canonical_sha256, problem_to_json
from services.matching.reading import wait_until_read
from shared.settings import Settings
from shared.topics import FACTS


@pytest.mark.parametrize(("schools", "seed"), [(12, 1), (3, 7)])
async def test_a_scenario_submitted_by_its_parties_comes_back_as_the_same_problem(
    ring_settings: Settings, schools: int, seed: int
) -> None:
    area = fictional_area(schools, seed, Decimal("1.05"))
    async with intake(ring_settings), matching(ring_settings, plan=False) as wiring:
        await import_postcodes_of(ring_settings, area)
        for stage in submissions_of(area):
            answers = await submit(ring_settings, "/test", stage)
            assert answers.refused == []
            assert answers.taken == len(stage)
        await wait_until_read(ring_settings, "matching", [FACTS], seconds=30)
        _, built = await present_problem(wiring.database, area.problem.hub.id)
    exported = problem_to_json(built.problem)
    wanted = problem_to_json(area.problem)
    for name in wanted:
        assert exported[name] == wanted[name], name
    assert canonical_sha256(exported) == canonical_sha256(wanted)
