"""Facts in, projection out: what matching keeps of each fact, and what it knows of a hub when it plans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.matching.agreed import ReturnedSession, Told, agreed_from_json
from services.matching.planning.clock import Clock
from services.matching.problem import Projection, local_minute
from services.matching.tables import InForce, Pinned, Returned
from shared.envelope import Event
from shared.events.facts import (
    AvailabilityRegistered,
    AvailabilityWithdrawn,
    EmployerRegistered,
    Fact,
    HubRegistered,
    PledgeRegistered,
    PledgeWithdrawn,
    RequestRegistered,
    RequestWithdrawn,
    SchoolDescribed,
    SchoolRegistered,
)

NOT_OF_THE_PROBLEM = ("version", "contact_email", "company_number", "postcode", "pupils", "left_out", "local_authority")
"""Fields of facts that no problem is made of: a change of these alone is no reason to plan again."""
_WITHDRAWALS = (AvailabilityWithdrawn, PledgeWithdrawn, RequestWithdrawn)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What matching knows of a hub at one moment, and how often that had changed until then."""

    projection: Projection
    changes: int


_KEEP = text("""
    WITH incoming AS (
        SELECT kind, id, hub, owner, version, withdrawn, CAST(data AS jsonb) AS data
        FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS text[]), CAST(:hubs AS text[]), CAST(:owners AS text[]),
                    CAST(:versions AS int[]), CAST(:withdrawn AS bool[]), CAST(:data AS text[]))
             AS t (kind, id, hub, owner, version, withdrawn, data)
    ), before AS (
        SELECT facts.* FROM facts JOIN incoming USING (kind, id)
    ), kept AS (
        INSERT INTO facts (kind, id, hub, owner, version, withdrawn, data)
        SELECT kind, id, hub, owner, version, withdrawn, data FROM incoming ORDER BY kind, id
        ON CONFLICT (kind, id) DO UPDATE SET
            hub = excluded.hub, owner = excluded.owner, version = excluded.version, withdrawn = excluded.withdrawn,
            data = CASE WHEN excluded.withdrawn THEN facts.data ELSE excluded.data END
        WHERE facts.version < excluded.version
        RETURNING kind, id, hub, withdrawn, data
    ), changed AS (
        SELECT kept.kind, kept.id, kept.hub, before.hub AS hub_before FROM kept LEFT JOIN before USING (kind, id)
        WHERE before.id IS NULL OR before.hub IS DISTINCT FROM kept.hub OR before.withdrawn <> kept.withdrawn
           OR before.data - CAST(:ignored AS text[]) <> kept.data - CAST(:ignored AS text[])
    )
    SELECT hub FROM changed WHERE hub IS NOT NULL
    UNION SELECT hub_before FROM changed WHERE hub_before IS NOT NULL
    UNION SELECT facts.hub FROM changed JOIN facts ON facts.owner = changed.id
          WHERE changed.kind = 'employer' AND facts.kind IN ('availability', 'pledge') AND facts.hub IS NOT NULL
    ORDER BY 1
""")
_COUNT_CHANGE = text("""
    INSERT INTO hub_changes (hub, changes) SELECT hub, 1 FROM unnest(CAST(:hubs AS text[])) AS t (hub)
    ON CONFLICT (hub) DO UPDATE SET changes = hub_changes.changes + 1
""")
_FACTS = text("""
    SELECT kind, withdrawn, data FROM facts WHERE hub = :hub AND data <> '{}'
    UNION ALL
    SELECT kind, withdrawn, data FROM facts WHERE kind = 'employer' AND id IN
        (SELECT owner FROM facts WHERE hub = :hub AND kind IN ('availability', 'pledge'))
""")


async def keep_facts(session: AsyncSession, events: Sequence[Event[Any]]) -> list[str]:
    """Keep the newest version of each fact; returns the hubs whose problem has changed by it.

    A late older fact changes nothing.
    """
    newest: dict[str, Fact] = {}
    for event in events:
        fact = event.data
        if isinstance(fact, Fact):
            before = newest.get(fact.subject())
            if before is None or before.version < fact.version:
                newest[fact.subject()] = fact
    rows = [(subject.partition(":"), newest[subject]) for subject in sorted(newest)]
    if not rows:
        return []
    found = await (await session.connection()).execute(
        _KEEP,
        {
            "kinds": [subject[0] for subject, _ in rows],
            "ids": [subject[2] for subject, _ in rows],
            "hubs": [getattr(fact, "hub", None) for _, fact in rows],
            "owners": [_owner(fact) for _, fact in rows],
            "versions": [fact.version for _, fact in rows],
            "withdrawn": [isinstance(fact, _WITHDRAWALS) for _, fact in rows],
            "data": ["{}" if isinstance(fact, _WITHDRAWALS) else fact.model_dump_json() for _, fact in rows],
            "ignored": list(NOT_OF_THE_PROBLEM),
        },
    )
    hubs = [str(row.hub) for row in found]
    if hubs:
        await (await session.connection()).execute(_COUNT_CHANGE, {"hubs": hubs})
    return hubs


def _owner(fact: Fact) -> str:
    for name in ("employer", "school", "hub"):
        if hasattr(fact, name):
            return str(getattr(fact, name))
    raise AssertionError(f"{fact.event_type()} is about nobody")


async def read_snapshot(session: AsyncSession, hub: str) -> Snapshot | None:
    """Read what is known of a hub, all at one moment; None where no such hub is registered.

    It must be the first thing that is done in the session's transaction.
    """
    connection = await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    changes = await connection.scalar(text("SELECT changes FROM hub_changes WHERE hub = :hub"), {"hub": hub})
    rows = (await connection.execute(_FACTS, {"hub": hub})).all()
    standing: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        standing["withdrawn " * row.withdrawn + row.kind].append(row.data)
    if not standing["hub"]:
        return None
    registered = HubRegistered.model_validate(standing["hub"][0])
    return Snapshot(
        Projection(
            hub=registered,
            schools=[SchoolRegistered.model_validate(data) for data in standing["school"]],
            profiles={data["school"]: SchoolDescribed.model_validate(data) for data in standing["profile"]},
            requests=[RequestRegistered.model_validate(data) for data in standing["request"]],
            employers={data["employer"]: EmployerRegistered.model_validate(data) for data in standing["employer"]},
            availabilities=_availabilities(standing["availability"]),
            withdrawn=_availabilities(standing["withdrawn availability"]),
            pledges=[PledgeRegistered.model_validate(data) for data in standing["pledge"]],
            returned=await read_returned(session, registered),
            pinned=await _pinned(session, registered),
            in_force=await read_in_force(session, registered),
        ),
        changes or 0,
    )


def _availabilities(rows: Iterable[Any]) -> list[AvailabilityRegistered]:
    return [AvailabilityRegistered.model_validate(data) for data in rows]


async def read_returned(session: AsyncSession, hub: HubRegistered) -> list[ReturnedSession]:
    """Read what the hub's coordinators have returned in its academic year."""
    clock = Clock(hub.time_zone)
    rows = await session.exec(
        select(Returned)
        .where(col(Returned.hub) == hub.hub, col(Returned.academic_year) == hub.academic_year)
        .order_by(col(Returned.encounter), col(Returned.version))
    )
    return [ReturnedSession(agreed_from_json(row.session, clock), row.why) for row in rows]


async def _pinned(session: AsyncSession, hub: HubRegistered) -> list[Any]:
    clock = Clock(hub.time_zone)
    rows = await session.exec(
        select(Pinned)
        .where(col(Pinned.hub) == hub.hub, col(Pinned.academic_year) == hub.academic_year)
        .order_by(col(Pinned.encounter))
    )
    return [agreed_from_json(row.session, clock) for row in rows]


async def read_in_force(session: AsyncSession, hub: HubRegistered) -> list[Told]:
    """Read what people of a hub have been told and is not cancelled."""
    clock, zone = Clock(hub.time_zone), ZoneInfo(hub.time_zone)
    rows = await session.exec(
        select(InForce)
        .where(col(InForce.hub) == hub.hub, col(InForce.academic_year) == hub.academic_year)
        .where(col(InForce.cancelled).is_(False))
        .order_by(col(InForce.encounter))
    )
    return [
        Told(
            agreed_from_json(row.session, clock),
            local_minute(row.told_at.astimezone(zone).replace(tzinfo=None)),
            row.session.get("mode"),
            tuple(row.session["position"]) if row.session.get("position") else None,
        )
        for row in rows
    ]
