"""Files that are taken whole or not at all: their rows wait here until the last has come, then are decided together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.deciding import decide
from services.intake.deciding.outcome import Outcome, Refused, refuse
from services.intake.register import Register
from shared.envelope import Event, WrongShape
from shared.events import EVENTS
from shared.events.submissions import Batch, Submission

PATIENCE = "1 day"
"""How long a file's rows wait for the others, as PostgreSQL writes an interval."""

_STAGE = text(
    "INSERT INTO staged_rows (source, batch, row, rows, envelope, body, refused) SELECT * FROM unnest("
    "CAST(:sources AS text[]), CAST(:batches AS text[]), CAST(:row_numbers AS int[]), CAST(:rows AS int[]), "
    "CAST(CAST(:envelopes AS text[]) AS jsonb[]), CAST(:bodies AS bytea[]), CAST(:refused AS boolean[])) "
    "ON CONFLICT DO NOTHING RETURNING source, batch, row, envelope->>'id' AS id"
)
_TAKE_COMPLETE = text(
    "DELETE FROM staged_rows WHERE (source, batch) IN ("
    "SELECT source, batch FROM staged_rows WHERE (source, batch) IN "
    "(SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:batches AS text[]))) "
    "GROUP BY source, batch HAVING count(*) >= max(rows)) "
    "RETURNING source, batch, row, rows, CAST(envelope AS text) AS envelope, body, refused"
)
_TAKE_OLD = text(
    f"DELETE FROM staged_rows WHERE staged_at < now() - interval '{PATIENCE}' "  # noqa: S608 - a constant of this module
    "RETURNING source, batch, row, rows, CAST(envelope AS text) AS envelope, body, refused"
)


class _Attributes(BaseModel):
    """An event's attributes as they are staged."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    correlation_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class StagedFile:
    """All rows of a file, in their order; those refused for their shape have been answered and have no event."""

    events: tuple[tuple[int, Event[Submission]], ...]
    refused: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Staging:
    """What came of staging: files that are complete now, and events that are refused at once."""

    complete: tuple[StagedFile, ...] = ()
    refused: tuple[tuple[Event[Submission], Refused], ...] = ()


def batch_of(fault: WrongShape) -> Batch | None:
    """Read of which file a submission of a wrong shape is a row; None where it doesn't say."""
    try:
        return Batch.model_validate(json.loads(fault.body)["batch"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


async def stage(connection: AsyncConnection, events: Sequence[Event[Submission]]) -> Staging:
    """Keep rows until their files are complete; returns the files that are, and the rows that can't be kept."""
    if not events:
        return Staging()
    rows = [(event, event.data.batch) for event in events if event.data.batch]
    kept = await _insert(
        connection,
        [(event, batch, event.data.model_dump_json().encode(), False) for event, batch in rows],
    )
    twice = [
        (
            event,
            Refused(
                (
                    refuse(
                        "/batch/row",
                        f"row {batch.row} of this file has come already",
                        "number each row once, and give each sending an id of its own",
                    ),
                )
            ),
        )
        for event, batch in rows
        if event.id not in kept
    ]
    return Staging(
        await _complete(connection, [(event.source, batch.id) for event, batch in rows]),
        tuple(twice + await _old(connection)),
    )


async def stage_wrong(
    connection: AsyncConnection, faults: Sequence[tuple[WrongShape, Batch]]
) -> tuple[StagedFile, ...]:
    """Note that rows of files were refused for their shape; returns the files that are complete by that."""
    await _insert(connection, [(fault.event, batch, b"", True) for fault, batch in faults])
    return await _complete(connection, [(fault.event.source, batch.id) for fault, batch in faults])


def decide_together(file: StagedFile, register: Register) -> tuple[list[tuple[Event[Submission], Outcome]], Register]:
    """Decide on all rows of a file: all become facts, or none; returns the outcomes and the register afterwards."""
    tried = register.fork()
    outcomes: list[tuple[int, Event[Submission], Outcome]] = [
        (row, event, decide(event.data, tried)) for row, event in file.events
    ]
    bad = sorted([*file.refused, *(row for row, _, outcome in outcomes if isinstance(outcome, Refused))])
    if not bad:
        return [(event, outcome) for _, event, outcome in outcomes], tried
    others = Refused(
        (
            refuse(
                "/batch",
                f"the file is taken whole or not at all, and {_rows(bad)} refused",
                "correct what was refused, and send the whole file again",
            ),
        )
    )
    return [(event, outcome if isinstance(outcome, Refused) else others) for _, event, outcome in outcomes], register


def _rows(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"row {numbers[0]} was"
    shown = ", ".join(map(str, numbers[:20]))
    return f"rows {shown} were" if len(numbers) <= 20 else f"rows {shown} and {len(numbers) - 20} more were"


async def _insert(connection: AsyncConnection, rows: Sequence[tuple[Event[Any], Batch, bytes, bool]]) -> set[str]:
    found = await connection.execute(
        _STAGE,
        {
            "sources": [event.source for event, _, _, _ in rows],
            "batches": [batch.id for _, batch, _, _ in rows],
            "row_numbers": [batch.row for _, batch, _, _ in rows],
            "rows": [batch.rows for _, batch, _, _ in rows],
            "envelopes": [_attributes(event) for event, _, _, _ in rows],
            "bodies": [body for _, _, body, _ in rows],
            "refused": [refused for _, _, _, refused in rows],
        },
    )
    return {row.id for row in found}


def _attributes(event: Event[Any]) -> str:
    return _Attributes(
        id=event.id,
        source=event.source,
        type=event.type,
        subject=event.subject,
        time=event.time,
        correlation_id=event.correlation_id,
        traceparent=event.traceparent,
    ).model_dump_json()


async def _complete(connection: AsyncConnection, files: Iterable[tuple[str, str]]) -> tuple[StagedFile, ...]:
    named = sorted(set(files))
    found = await connection.execute(
        _TAKE_COMPLETE, {"sources": [source for source, _ in named], "batches": [batch for _, batch in named]}
    )
    by_file: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in found:
        by_file.setdefault((row.source, row.batch), []).append(row)
    return tuple(
        StagedFile(
            tuple((row.row, _event(row)) for row in sorted(rows, key=lambda row: row.row) if not row.refused),
            tuple(sorted(row.row for row in rows if row.refused)),
        )
        for _, rows in sorted(by_file.items())
    )


async def _old(connection: AsyncConnection) -> list[tuple[Event[Submission], Refused]]:
    """Refuse the rows of files that have waited too long."""
    rows = (await connection.execute(_TAKE_OLD)).all()
    reason = refuse("/batch", f"not all rows of the file came within {PATIENCE}", "send the whole file again")
    return [(_event(row), Refused((reason,))) for row in rows if not row.refused]


def _event(row: Row[Any]) -> Event[Submission]:
    attributes = _Attributes.model_validate_json(row.envelope)
    data = EVENTS[attributes.type].model_validate_json(row.body)
    if not isinstance(data, Submission):
        raise TypeError(f"{attributes.type} is no submission")
    return Event(data=data, **attributes.model_dump())
