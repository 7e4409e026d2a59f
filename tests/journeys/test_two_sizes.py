"""One journey at two sizes, embedded and distributed; at both, one copy of each service is killed on the way.

Each dies with work in hand: intake between answered submissions and others, matching with its planning process, the
portal and confirmations between the order to publish and the first word to anybody.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from services.command.reaching import local_portal
from services.command.ring import running_copies, running_ring, wait_until_healthy
from services.matching.planning.scenario import fictional_area
from shared.database import SERVICES
from shared.settings import Settings
from tests.journeys.journey import (
    Outcome,
    Stage,
    assert_everybody_was_invited_once,
    assert_everybody_was_told_once,
    assert_no_seat_was_given_twice,
    journey,
)
from tests.ports import free_port

AREA = fictional_area(3, 11, Decimal("0.9"))
PLANNING_SECONDS = 7.0
LEASE_SECONDS = 3.0


class Killer:
    """Kills copies of services amid their work; `victim` tells which of those that are alike."""

    def __init__(self, victim: int, afterwards: Callable[[], Awaitable[None]] | None = None) -> None:
        self.killed: Counter[str] = Counter()
        self._victim = victim
        self._afterwards = afterwards

    async def __call__(self, stage: Stage) -> None:
        """Kill what works in this stage."""
        if stage == "submitting":
            self._kill("intake", copies_of("intake")[self._victim])
        elif stage == "planning":
            self._kill("matching", await copy_that_plans())
        else:
            self._kill("portal", copies_of("portal")[0])
            self._kill("confirmations", copies_of("confirmations")[self._victim])
            if self._afterwards:
                await self._afterwards()

    def _kill(self, service: str, copy: psutil.Process) -> None:
        copy.kill()
        copy.wait(10)
        self.killed[service] += 1


def copies_of(service: str) -> list[psutil.Process]:
    """Give the living copies of a service that this process has started, in the order of their start."""
    copies = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if child.cmdline()[-2:] == ["run", service]:
                copies.append(child)
    return sorted(copies, key=lambda copy: (copy.create_time(), copy.pid))


async def copy_that_plans() -> psutil.Process:
    """Wait for the copy of matching that has a planning process."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for copy in copies_of("matching"):
            if copy.children():
                return copy
        await asyncio.sleep(0.02)
    raise AssertionError("no copy of matching has a planning process")


def assert_all_is_well(settings: Settings, outcome: Outcome, killer: Killer) -> None:
    assert killer.killed == Counter(SERVICES)
    assert_everybody_was_told_once(outcome)
    assert_everybody_was_invited_once(settings, outcome)
    assert_no_seat_was_given_twice(AREA, outcome)
    assert outcome.timetable["version"] == 1


async def test_embedded_where_a_service_that_dies_is_started_again(tmp_path: Path) -> None:
    settings = Settings(
        state_dir=tmp_path,
        kafka_bootstrap_servers=None,
        database_url=None,
        portal_port=free_port(),
        planning_lease_seconds=LEASE_SECONDS,
    )
    async with running_ring(settings, lambda _: None) as ready:
        killer = Killer(0, lambda: wait_until_healthy(ready))
        outcome = await journey(ready, [local_portal(ready)], AREA, PLANNING_SECONDS, killer)
        assert {service: len(copies_of(service)) for service in SERVICES} == dict.fromkeys(SERVICES, 1)
    assert_all_is_well(settings, outcome, killer)


@pytest.mark.parametrize("victim", [0, 1])
async def test_distributed_over_two_copies_of_each_service_of_which_one_dies(
    ring_settings: Settings, victim: int
) -> None:
    settings = ring_settings.model_copy(update={"planning_lease_seconds": LEASE_SECONDS})
    portals = [settings.model_copy(update={"portal_port": free_port()}) for _ in range(2)]
    wanted = [("portal", one) for one in portals]
    wanted += [(service, settings) for service in SERVICES if service != "portal" for _ in range(2)]
    killer = Killer(victim)
    async with running_copies(wanted, restart=False):
        for one in portals:
            await wait_until_healthy(one)
        outcome = await journey(settings, [local_portal(one) for one in portals], AREA, PLANNING_SECONDS, killer)
        assert {service: len(copies_of(service)) for service in SERVICES} == dict.fromkeys(SERVICES, 1)
    assert_all_is_well(settings, outcome, killer)
