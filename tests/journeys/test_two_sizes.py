"""One journey at two sizes: embedded, and distributed over two copies of each service of which one is killed on the way."""

from __future__ import annotations

import asyncio
import os
import signal
from decimal import Decimal
from pathlib import Path

from services.command.ring import local_portal, running_copies, running_ring, wait_until_healthy
from services.matching.planning.scenario import fictional_area
from shared.database import SERVICES
from shared.settings import Settings
from tests.journeys.journey import Stage, assert_everybody_was_told_once, journey
from tests.ports import free_port

AREA = fictional_area(3, 11, Decimal("0.9"))
PLANNING_SECONDS = 8.0


async def test_embedded(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, kafka_bootstrap_servers=None, database_url=None, portal_port=free_port())
    async with running_ring(settings, lambda _: None) as ready:
        outcome = await journey(ready, [local_portal(ready)], AREA, PLANNING_SECONDS)
    assert_everybody_was_told_once(outcome)
    assert outcome.timetable["covered"] > 0


async def test_distributed_with_one_copy_of_each_service_killed_on_the_way(ring_settings: Settings) -> None:
    """Each service runs twice; intake dies amid submissions, matching amid planning, confirmations and portal at publishing."""
    settings = ring_settings.model_copy(update={"planning_lease_seconds": 3.0})
    portals = [settings.model_copy(update={"portal_port": free_port()}) for _ in range(2)]
    wanted = [("portal", one) for one in portals]
    wanted += [(service, settings) for service in SERVICES if service != "portal" for _ in range(2)]
    async with running_copies(wanted, restart=False) as copies:
        for one in portals:
            await wait_until_healthy(one)

        def kill(service: str) -> None:
            pid = next(copy.child.pid for copy in copies if copy.service == service)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

        async def disturb(stage: Stage) -> None:
            if stage == "submitted":
                asyncio.get_running_loop().call_later(0.3, kill, "intake")
            elif stage == "planned":
                asyncio.get_running_loop().call_later(3.0, kill, "matching")
            else:
                kill("portal")
                asyncio.get_running_loop().call_later(0.1, kill, "confirmations")

        outcome = await journey(settings, [local_portal(one) for one in portals], AREA, PLANNING_SECONDS, disturb)
        dead = {copy.service for copy in copies if copy.child.has_ended()}
    assert dead == set(SERVICES)
    assert_everybody_was_told_once(outcome)
