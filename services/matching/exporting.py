"""Gives planning files out: a hub's problem as it stands now, and both files of any version of its timetable."""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import col, func, select

from services.matching.planning.clock import Clock
from services.matching.problem import Built, build_problem
from services.matching.projection import Snapshot, read_snapshot
from services.matching.tables import PlanVersion
from shared.database import Database


class UnknownHub(LookupError):
    """No such hub is registered, as far as matching has read."""

    def __init__(self, hub: str) -> None:
        super().__init__(f"no hub {hub!r} is registered: register it first, or correct the id")


class UnknownVersion(LookupError):
    """The hub's timetable has no such version."""

    def __init__(self, hub: str, version: int, newest: int | None) -> None:
        there = f"its newest is {newest}" if newest else "it has none yet: ask for a plan first"
        super().__init__(f"the timetable of hub {hub!r} has no version {version}: {there}")


async def present_problem(database: Database, hub: str, not_before: str | None = None) -> tuple[Snapshot, Built]:
    """Build the problem that a plan made now would solve, with what it was built of.

    `not_before` is a local time. Raises UnknownHub, and RefusedTime for a time that is none.
    """
    async with database.transaction() as session:
        snapshot = await read_snapshot(session, hub)
    if snapshot is None:
        raise UnknownHub(hub)
    return snapshot, await asyncio.to_thread(_build, snapshot, not_before)


def _build(snapshot: Snapshot, not_before: str | None) -> Built:
    zone = snapshot.projection.hub.time_zone
    now = datetime.now(ZoneInfo(zone)).replace(tzinfo=None)
    return build_problem(snapshot.projection, now, Clock(zone).minute(not_before) if not_before else None)


async def version_files(database: Database, hub: str, version: int) -> tuple[bytes, bytes]:
    """Give the problem file and the timetable file (both gzip) of a version in its newest academic year.

    Raises UnknownVersion.
    """
    async with database.transaction() as session:
        row = (
            await session.exec(
                select(PlanVersion)
                .where(col(PlanVersion.hub) == hub, col(PlanVersion.version) == version)
                .order_by(col(PlanVersion.academic_year).desc())
                .limit(1)
            )
        ).first()
        if row is None:
            newest = (
                await session.exec(select(func.max(PlanVersion.version)).where(col(PlanVersion.hub) == hub))
            ).one()
            raise UnknownVersion(hub, version, newest)
    return row.problem_file, row.timetable_file
