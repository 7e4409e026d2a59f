"""Takes facts, decisions and what people have been told, and keeps them; planning itself is a worker's, not done here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.matching import jobs
from services.matching.agreed import told_to_json
from services.matching.projection import keep_facts
from services.matching.tables import InForce, Pinned, PlannedSession, PlanVersion, Returned
from shared.envelope import Event, new_event
from shared.events.decisions import (
    CancelPlanning,
    RequestPlan,
    SessionDecision,
    SessionPinned,
    SessionReturned,
    TimetablePublished,
)
from shared.events.encounters import EncounterCancelled, EncounterTold
from shared.events.plans import PlanningEnded
from shared.outbox import send
from shared.settings import Settings

SOURCE = "/matching"
Planned = Mapping[tuple[str, int, str], PlannedSession]
"""Proposed sessions by hub, version and encounter."""

_PUBLISHED = text("""
    SELECT hub FROM plan_versions WHERE published AND hub = ANY(CAST(:hubs AS text[]))
    UNION SELECT hub FROM in_force WHERE NOT cancelled AND hub = ANY(CAST(:hubs AS text[])) ORDER BY 1
""")


class Handlers:
    """What the service does with each batch of events."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def facts(self, session: AsyncSession, events: Sequence[Event[Any]]) -> None:
        """Keep facts; where one changes the problem of a hub that has published a plan, it is to be repaired."""
        changed = await keep_facts(session, events)
        if changed:
            published = await (await session.connection()).execute(_PUBLISHED, {"hubs": changed})
            await self._repair(session, [row.hub for row in published], events[-1])

    async def decisions(self, session: AsyncSession, events: Sequence[Event[Any]]) -> None:
        """Queue and cancel planning runs, and keep what binds every later plan: returned and pinned sessions."""
        planned = await _planned(session, [event.data for event in events])
        await _keep_returned(session, planned, events)
        await _keep_pinned(session, planned, events)
        for event in events:
            match event.data:
                case RequestPlan():
                    await jobs.request(session, event)
                case CancelPlanning(hub=hub, job=job):
                    if await jobs.cancel(session, event.data):
                        ended = PlanningEnded(hub=hub, job=job, outcome="cancelled")
                        await send(session, [new_event(SOURCE, ended, cause=event)], self._settings.topic_prefix)
                case TimetablePublished():
                    await self._publish(session, event)

    async def encounters(self, session: AsyncSession, events: Sequence[Event[Any]]) -> None:
        """Keep what is in force, by what employers are told: they are told of all that attend."""
        newest: dict[str, Event[EncounterTold]] = {}
        for event in events:
            told = event.data
            if isinstance(told, EncounterTold) and told.party_kind == "employer":
                before = newest.get(told.encounter)
                if before is None or before.data.sequence < told.sequence:
                    newest[told.encounter] = event
        if not newest:
            return
        statement = upsert(InForce).values([_in_force(newest[encounter]) for encounter in sorted(newest)])
        new = statement.excluded
        await (await session.connection()).execute(
            statement.on_conflict_do_update(
                index_elements=["encounter"],
                set_={
                    **{name: new[name] for name in ("sequence", "cancelled", "session")},
                    "told_at": text(
                        "CASE WHEN in_force.cancelled OR in_force.session ->> 'start' <> excluded.session ->> 'start' "
                        "THEN excluded.told_at ELSE in_force.told_at END"
                    ),
                },
                where=col(InForce.sequence) < new.sequence,
            )
        )
        hubs = sorted({event.data.hub for event in newest.values()})
        await jobs.put_repairs_off(session, hubs, self._settings.repair_delay_seconds)

    async def _publish(self, session: AsyncSession, event: Event[TimetablePublished]) -> None:
        """Note that a version is published; where facts have changed since its problem was built, repair it."""
        published = event.data
        await (await session.connection()).execute(
            update(PlanVersion)
            .where(
                col(PlanVersion.hub) == published.hub,
                col(PlanVersion.academic_year) == published.academic_year,
                col(PlanVersion.version) == published.version,
            )
            .values(published=True)
        )
        stale = await (await session.connection()).scalar(
            text(
                "SELECT hub FROM plan_versions JOIN hub_changes USING (hub) WHERE hub = :hub AND academic_year = :year "
                "AND version = :version AND changes > changes_seen"
            ),
            {"hub": published.hub, "year": published.academic_year, "version": published.version},
        )
        if stale and published.sessions:
            await self._repair(session, [published.hub], event)

    async def _repair(self, session: AsyncSession, hubs: Sequence[str], cause: Event[Any]) -> None:
        settings = self._settings
        await jobs.schedule_repairs(session, hubs, settings.planning_seconds, settings.repair_delay_seconds, cause)


async def _planned(session: AsyncSession, decisions: Iterable[Any]) -> Planned:
    """Find the proposed sessions that decisions are about."""
    keys = sorted(
        {
            (one.hub, one.version, one.encounter)
            for one in decisions
            if isinstance(one, (SessionReturned, SessionPinned))
        }
    )
    if not keys:
        return {}
    rows = await session.exec(
        select(PlannedSession).where(
            tuple_(col(PlannedSession.hub), col(PlannedSession.version), col(PlannedSession.encounter)).in_(keys)
        )
    )
    return {(row.hub, row.version, row.encounter): row for row in rows}


def _decided(planned: Planned, decision: SessionDecision) -> PlannedSession | None:
    return planned.get((decision.hub, decision.version, decision.encounter))


async def _keep_returned(session: AsyncSession, planned: Planned, events: Iterable[Event[Any]]) -> None:
    rows = []
    for event in events:
        if isinstance(event.data, SessionReturned):
            proposed = _decided(planned, event.data)
            if proposed:
                rows.append(
                    {
                        "encounter": proposed.encounter,
                        "version": proposed.version,
                        "why": event.data.why,
                        "hub": proposed.hub,
                        "academic_year": proposed.academic_year,
                        "session": proposed.session,
                    }
                )
    if rows:
        await (await session.connection()).execute(upsert(Returned).values(rows).on_conflict_do_nothing())


async def _keep_pinned(session: AsyncSession, planned: Planned, events: Iterable[Event[Any]]) -> None:
    """Pin and unpin; a session that is returned is no longer pinned."""
    wanted: dict[str, PlannedSession | None] = {}
    for event in events:
        if isinstance(event.data, (SessionPinned, SessionReturned)):
            pins = isinstance(event.data, SessionPinned) and event.data.pinned
            wanted[event.data.encounter] = _decided(planned, event.data) if pins else None
    if not wanted:
        return
    await (await session.connection()).execute(delete(Pinned).where(col(Pinned.encounter).in_(sorted(wanted))))
    rows = [
        {
            "encounter": proposed.encounter,
            "hub": proposed.hub,
            "academic_year": proposed.academic_year,
            "session": proposed.session,
        }
        for proposed in wanted.values()
        if proposed
    ]
    if rows:
        await (await session.connection()).execute(upsert(Pinned).values(rows))


def _in_force(event: Event[EncounterTold]) -> dict[str, Any]:
    told = event.data
    return {
        "encounter": told.encounter,
        "hub": told.hub,
        "academic_year": told.academic_year,
        "sequence": told.sequence,
        "cancelled": isinstance(told, EncounterCancelled),
        "told_at": event.time,
        "session": told_to_json(told),
    }
