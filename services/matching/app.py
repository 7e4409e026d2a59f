"""Wires the service: facts, decisions and encounters come in; a worker plans; progress and timetables go out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.matching.handlers import Handlers
from services.matching.worker import Worker
from shared.service import Reads, Wiring, running_service
from shared.settings import Settings
from shared.topics import DECISIONS, ENCOUNTERS, FACTS


@asynccontextmanager
async def running(settings: Settings, *, plan: bool = True) -> AsyncIterator[Wiring]:
    """Run matching until the block ends; with `plan` False it only reads, and leaves planning to other copies."""
    handlers = Handlers(settings)
    reads = [
        Reads([FACTS], handlers.facts),
        Reads([DECISIONS], handlers.decisions),
        Reads([ENCOUNTERS], handlers.encounters),
    ]
    async with running_service(settings, "matching", reads) as wiring:
        worker = asyncio.create_task(Worker(wiring.database, wiring.relay, settings).run()) if plan else None
        try:
            yield wiring
        finally:
            if worker:
                worker.cancel()
                await asyncio.gather(worker, return_exceptions=True)
