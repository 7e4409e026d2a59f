"""A coordinator at the portal's HTTP API: asks for a plan, watches it, approves, publishes, and sees who was told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx
from aiokafka import AIOKafkaConsumer

from shared.events.encounters import EncounterTold
from shared.inbox import read
from shared.settings import Settings
from shared.topics import ENCOUNTERS, MAX_EVENT_BYTES

_LOOK_AGAIN_SECONDS = 0.25


class PlanFailed(RuntimeError):
    """A planning run ended without a timetable; the message says why."""


class Coordinator:
    """The portal's API as one hub's coordinator uses it, by a token."""

    def __init__(self, portal: str, hub: str, token: str) -> None:
        self.hub = hub
        self._http = httpx.AsyncClient(
            base_url=f"{portal}/api/v1/hubs/{hub}", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    async def __aenter__(self) -> Self:
        """Open the connection."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def plan(
        self,
        seconds: float,
        on_run: Callable[[dict[str, Any]], None] = lambda _: None,
        not_before: str | None = None,
    ) -> dict[str, Any]:
        """Ask for a plan and wait for it; `on_run` sees the run as it goes. Raises PlanFailed.

        Where nothing better was found it gives the timetable that stays.
        No new session starts before `not_before`, a local time of the hub; None plans the whole year.
        """
        job = (await self._post("/plans", {"seconds": seconds, "not_before": not_before}))["job"]
        run = await self._run_to_its_end(lambda one: one["job"] == job, seconds, on_run)
        return await self._timetable_of(run)

    async def timetable(self) -> dict[str, Any]:
        """Give the newest complete version: proof, levels, counts of the review."""
        timetable: dict[str, Any] = await self._get("/timetable")
        return timetable

    async def sessions(self) -> list[dict[str, Any]]:
        """Give the sessions of the newest complete version."""
        page = await self._get("/timetable/sessions?limit=10000")
        sessions: list[dict[str, Any]] = page["sessions"]
        return sessions

    async def shortfalls(self) -> list[dict[str, Any]]:
        """Give the groups left out, and why."""
        shortfalls: list[dict[str, Any]] = await self._get("/timetable/shortfalls")
        return shortfalls

    async def remedies(self) -> list[dict[str, Any]]:
        """Give what people could be asked for."""
        remedies: list[dict[str, Any]] = await self._get("/timetable/remedies")
        return remedies

    async def approve_all(self, version: int) -> None:
        """Approve all sessions that are still proposed."""
        await self.decide(version, "approve", encounters="all")

    async def decide(self, version: int, what: str, **said: Any) -> dict[str, Any]:
        """Decide on sessions: `what` is "approve", "return", "pin" or "publish", the rest is the API's body."""
        return await self._post(f"/timetable/{version}/{what}", said)

    async def publish(self, version: int) -> dict[str, Any]:
        """Publish the approved sessions."""
        return await self.decide(version, "publish")

    async def next_version(self, after: int, seconds: float) -> dict[str, Any]:
        """Wait for a version newer than `after`, such as a repair's."""
        run = await self._run_to_its_end(lambda one: (one["version"] or 0) > after, seconds, lambda _: None)
        return await self._timetable_of(run)

    async def _run_to_its_end(
        self, mine: Callable[[dict[str, Any]], bool], seconds: float, on_run: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        deadline = time.monotonic() + seconds * 2 + 120
        while time.monotonic() < deadline:
            runs: list[dict[str, Any]] = await self._get("/plans")
            run = next((one for one in runs if mine(one)), None)
            if run:
                on_run(run)
                if run["state"] == "ended":
                    return run
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        raise PlanFailed(f"no plan of {self.hub} within {seconds * 2 + 120:.0f} seconds: see the log of matching")

    async def _timetable_of(self, run: dict[str, Any]) -> dict[str, Any]:
        if run["outcome"] == "unchanged":
            return await self.timetable()
        if run["outcome"] != "proposed":
            raise PlanFailed(f"planning ended {run['outcome']}: {run['message'] or 'see the log of matching'}")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = await self._http.get("/timetable")
            if answer.is_success and answer.json()["version"] >= run["version"]:
                whole: dict[str, Any] = answer.json()
                return whole
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        raise PlanFailed(f"version {run['version']} of {self.hub} has not reached the portal within a minute")

    async def _get(self, path: str) -> Any:
        return _said(await self._http.get(path))

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        said: dict[str, Any] = _said(await self._http.post(path, json=body))
        return said


def _said(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise PlanFailed(f"the portal answered {answer.status_code} to {answer.request.url.path}: {answer.text[:500]}")
    return answer.json()


class Told:
    """Listens to what parties are told of encounters, from the moment it is opened; an event that Kafka holds twice counts once."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = AIOKafkaConsumer(
            settings.topic_prefix + ENCOUNTERS.name,
            bootstrap_servers=settings.kafka(),
            auto_offset_reset="latest",
            max_partition_fetch_bytes=4 * MAX_EVENT_BYTES,
        )
        self._seen: set[tuple[str, str]] = set()
        self.events: list[EncounterTold] = []

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        await self._consumer.start()
        await asyncio.gather(*[self._consumer.position(partition) for partition in self._consumer.assignment()])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        await self._consumer.stop()

    async def wait_for(self, count: int, *, hub: str, seconds: float = 120) -> list[EncounterTold]:
        """Wait until `count` events of a hub were heard in all. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while len(self.of(hub)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.of(hub))} of {count} confirmations came within {seconds:.0f} seconds")
            polled = await self._consumer.getmany(timeout_ms=200)
            for record in (record for records in polled.values() for record in records):
                event = read(record)
                if isinstance(event.data, EncounterTold) and (event.source, event.id) not in self._seen:
                    self._seen.add((event.source, event.id))
                    self.events.append(event.data)
        return self.of(hub)

    def of(self, hub: str) -> list[EncounterTold]:
        """Give what was heard of one hub."""
        return [event for event in self.events if event.hub == hub]
