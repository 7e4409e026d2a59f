"""The portal's read models, kept from events: a few statements a batch, and a version seen before changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, inspect, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.tables import (
    AvailabilityRow,
    EmployerRow,
    HubRow,
    PledgeRow,
    ProfileRow,
    RequestRow,
    Row,
    SchoolRow,
    Told,
)
from shared.envelope import Event
from shared.events.encounters import EncounterCancelled, EncounterMoved, EncounterTold
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
    SubmissionChangedNothing,
    SubmissionRefused,
)

Values = dict[str, Any]


def table_of(row: type[Row]) -> Table:
    """Give the table behind a row's class."""
    table: Table = inspect(row).local_table
    return table


async def keep_newest(session: AsyncSession, row: type[Row], rows: Sequence[Values], counter: str = "version") -> None:
    """Insert rows, or replace those of a lower `counter`; all of `rows` have the same columns."""
    if not rows:
        return
    table = table_of(row)
    keys = [column.name for column in table.primary_key.columns]
    newest: dict[tuple[Any, ...], Values] = {}
    for values in rows:
        key = tuple(values[name] for name in keys)
        if key not in newest or newest[key][counter] < values[counter]:
            newest[key] = values
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection = await session.connection()
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=keys, set_=changed, where=table.c[counter] < statement.excluded[counter]
        ),
        [newest[key] for key in sorted(newest)],
    )


def _hub(fact: HubRegistered) -> tuple[type[Row], Values]:
    return HubRow, {"hub": fact.hub, "name": fact.name}


def _school(fact: SchoolRegistered) -> tuple[type[Row], Values]:
    return SchoolRow, {"school": fact.school, "hub": fact.hub, "name": fact.name}


def _profile(fact: SchoolDescribed) -> tuple[type[Row], Values]:
    return ProfileRow, {"school": fact.school, "hub": fact.hub}


def _employer(fact: EmployerRegistered) -> tuple[type[Row], Values]:
    return EmployerRow, {"employer": fact.employer, "name": fact.name}


def _availability(fact: AvailabilityRegistered | AvailabilityWithdrawn) -> tuple[type[Row], Values]:
    return AvailabilityRow, {
        "availability": fact.availability,
        "employer": fact.employer,
        "hub": fact.hub,
        "withdrawn": isinstance(fact, AvailabilityWithdrawn),
    }


def _pledge(fact: PledgeRegistered | PledgeWithdrawn) -> tuple[type[Row], Values]:
    return PledgeRow, {
        "employer": fact.employer,
        "hub": fact.hub,
        "withdrawn": isinstance(fact, PledgeWithdrawn),
    }


def _request(fact: RequestRegistered | RequestWithdrawn) -> tuple[type[Row], Values]:
    return RequestRow, {
        "group": fact.group,
        "hub": fact.hub,
        "school": fact.school,
        "withdrawn": isinstance(fact, RequestWithdrawn),
    }


_ROW_OF: dict[type[Fact], Any] = {
    HubRegistered: _hub,
    SchoolRegistered: _school,
    SchoolDescribed: _profile,
    EmployerRegistered: _employer,
    AvailabilityRegistered: _availability,
    AvailabilityWithdrawn: _availability,
    PledgeRegistered: _pledge,
    PledgeWithdrawn: _pledge,
    RequestRegistered: _request,
    RequestWithdrawn: _request,
}


async def keep_facts(session: AsyncSession, events: Sequence[Event[Fact]]) -> None:
    """Keep what intake accepted, and mark the submissions that the facts answer as accepted."""
    rows: dict[type[Row], list[Values]] = {}
    for event in events:
        fact = event.data
        row, values = _ROW_OF[type(fact)](fact)
        rows.setdefault(row, []).append({**values, "version": fact.version, "data": fact.model_dump(mode="json")})
    for row, batch in rows.items():
        await keep_newest(session, row, batch)
    await _answer(session, "accepted", [(event.correlation_id, []) for event in events])


async def keep_answers(
    session: AsyncSession, events: Sequence[Event[SubmissionRefused | SubmissionChangedNothing]]
) -> None:
    """Mark submissions as refused, with the reasons, or as having changed nothing."""
    refused = [
        (event.data.submission, [reason.model_dump() for reason in event.data.reasons])
        for event in events
        if isinstance(event.data, SubmissionRefused)
    ]
    unchanged: list[tuple[str, list[dict[str, str]]]] = [
        (event.data.submission, []) for event in events if isinstance(event.data, SubmissionChangedNothing)
    ]
    await _answer(session, "refused", refused)
    await _answer(session, "unchanged", unchanged)


_ANSWER = text(
    "UPDATE submissions SET status = :status, reasons = answer.reasons, answered_at = now() "
    "FROM (SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:reasons AS jsonb[])) AS t(id, reasons)) AS answer "
    "WHERE submissions.id = answer.id AND submissions.status = 'pending'"
)


async def _answer(session: AsyncSession, status: str, answers: Sequence[tuple[str, list[dict[str, str]]]]) -> None:
    if not answers:
        return
    once = dict(sorted(answers))
    connection = await session.connection()
    await connection.execute(
        _ANSWER,
        {"status": status, "ids": list(once), "reasons": [json.dumps(reasons) for reasons in once.values()]},
    )


async def keep_told(session: AsyncSession, events: Sequence[Event[EncounterTold]]) -> None:
    """Keep what each party has been told of an encounter; a higher sequence replaces a lower one."""
    rows = []
    for event in events:
        told = event.data
        status = "confirmed"
        if isinstance(told, EncounterMoved):
            status = "moved"
        elif isinstance(told, EncounterCancelled):
            status = "cancelled"
        rows.append(
            {
                "encounter": told.encounter,
                "party_kind": told.party_kind,
                "party": told.party,
                "sequence": told.sequence,
                "status": status,
                "hub": told.hub,
                "start": told.start,
                "data": told.model_dump(mode="json"),
            }
        )
    await keep_newest(session, Told, rows, counter="sequence")
