"""What schools and employers submit becomes the planning problem, field by field."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.command.people import sign_ins
from services.command.reaching import local_portal
from services.command.ring import environment_of, running_copies, wait_until_healthy
from services.command.submitting import import_postcodes_of, submissions_of, submit
from services.intake.app import running as intake
from services.matching.app import running as matching
from services.matching.exporting import present_problem
from services.matching.planning.scenario import Area, fictional_area
from services.matching.planning.writing import canonical_sha256, problem_to_json
from services.matching.reading import wait_until_read
from services.portal.accounts import create_token
from shared.database import SERVICES, service_database
from shared.events.submissions import (
    DescribeSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
)
from shared.settings import Settings
from shared.topics import FACTS
from tests.command.processes import COMMAND
from tests.ports import free_port

DOORS: dict[type[Submission], str] = {
    RegisterHub: "hubs",
    RegisterSchool: "schools",
    RegisterEmployer: "employers",
    DescribeSchool: "schools/profile",
    SubmitAvailability: "availability",
    SubmitPledge: "pledges",
    SubmitRequest: "requests",
}


def assert_same(exported: Any, area: Area) -> None:
    """Find the exported problem to be the scenario's, field by field, and so in its canonical form."""
    wanted = problem_to_json(area.problem)
    for name in wanted:
        assert exported[name] == wanted[name], name
    assert canonical_sha256(exported) == canonical_sha256(wanted)


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
    assert_same(problem_to_json(built.problem), area)


async def test_so_it_does_through_the_portal_s_door_all_services_and_the_command(
    ring_settings: Settings, tmp_path: Path
) -> None:
    area = fictional_area(3, 5, Decimal("0.9"))
    settings = ring_settings.model_copy(update={"portal_port": free_port()})
    async with running_copies([(service, settings) for service in SERVICES], restart=False):
        await wait_until_healthy(settings)
        await sign_ins(settings, area)
        await import_postcodes_of(settings, area)
        await submit_over_http(settings, area)
        file = tmp_path / "exported.json"
        words = (*COMMAND, "export-problem", "--hub", area.problem.hub.id, "-o", str(file))
        process = await asyncio.create_subprocess_exec(*words, env=environment_of(settings))
        assert await process.wait() == 0
    assert_same(json.loads(file.read_text()), area)


async def submit_over_http(settings: Settings, area: Area) -> None:
    """Submit an area through the portal's HTTP API; every submission is accepted before the next stage begins."""
    database = service_database(settings, "portal")
    async with database.transaction() as session:
        token = await create_token(session, name="test", role="admin", organisation="")
    await database.close()
    headers = {"Authorization": f"Bearer {token.text}"}
    async with httpx.AsyncClient(base_url=f"{local_portal(settings)}/api/v1", headers=headers, timeout=60) as door:
        for stage in submissions_of(area):
            taken = []
            for submission in stage:
                answer = await door.post(f"/{DOORS[type(submission)]}", json=submission.model_dump(mode="json"))
                assert answer.status_code == 202, answer.text
                taken.append(answer.json()["id"])
            for number in taken:
                answer = await door.get(f"/submissions/{number}", params={"wait": 30})
                assert answer.json()["status"] == "accepted", answer.text
