"""Wires the service: facts and decisions come in, encounters and invitations go out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.confirmations.handlers import Handlers
from services.confirmations.sending import MailSender
from shared.service import Reads, Wiring, running_service
from shared.settings import Settings
from shared.topics import DECISIONS, FACTS


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Wiring]:
    """Run confirmations until the block ends."""
    handlers = Handlers(settings)
    reads = [Reads([FACTS], handlers.facts), Reads([DECISIONS], handlers.decisions)]
    async with running_service(settings, "confirmations", reads) as wiring:
        sender = asyncio.create_task(MailSender(wiring.database, settings).run())
        try:
            yield wiring
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
