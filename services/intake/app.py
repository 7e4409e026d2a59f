"""Wires the intake service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.intake.handlers import Submissions
from shared.service import Reads, Wiring, running_service
from shared.settings import Settings
from shared.topics import MAX_SUBMISSION_BYTES, SUBMISSIONS


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Wiring]:
    """Run intake until the block ends."""
    submissions = Submissions(settings.topic_prefix)
    reads = Reads([SUBMISSIONS], submissions.take, submissions.refuse, MAX_SUBMISSION_BYTES)
    async with running_service(settings, "intake", [reads]) as wiring:
        yield wiring
