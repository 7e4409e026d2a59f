"""The inbox: each event has its effect once, however often it comes.

A polled batch is one transaction: what was read before drops out, the service's handler does its work, its events go
to the outbox, and only after the commit is the batch acknowledged to Kafka. What can't be read goes to the dead
letters in the same transaction. When a batch fails, each of its messages gets a transaction of its own, so that a bad
one falls alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, DateTime, MetaData, Table, Text, func, text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.database import Database, will_pass
from shared.envelope import Event, Headers, Message, Unreadable, WrongShape, from_message
from shared.logging import get_logger, where
from shared.outbox import Relay, put
from shared.topics import MAX_EVENT_BYTES, dead_letters

TRIES = 3
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0

Handler = Callable[[AsyncSession, Sequence[Event[Any]]], Awaitable[None]]
OnWrongShape = Callable[[AsyncSession, Sequence[WrongShape]], Awaitable[None]]


class Record(Protocol):
    """What this module reads of a Kafka record."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def inbox_table(metadata: MetaData) -> Table:
    """Declare the inbox in a service's metadata: the source and id of every event that had its effect."""
    return Table(
        "inbox",
        metadata,
        Column("source", Text, primary_key=True),
        Column("id", Text, primary_key=True),
        Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


@dataclass(frozen=True, slots=True)
class Dead:
    """A message that could not be read or handled, and why."""

    record: Record
    reason: str

    def message(self) -> Message:
        """Write it for the dead letters: the original bytes and headers, and the reason."""
        reason = self.reason.encode("utf-8", "replace")[:2000]
        return Message(
            topic=dead_letters(self.record.topic),
            key=self.record.key or b"",
            headers=[*_headers(self.record), ("dead_reason", reason), ("dead_topic", self.record.topic.encode())],
            value=self.record.value or b"",
        )


class Inbox:
    """Takes the polled batches of one service."""

    def __init__(
        self, database: Database, relay: Relay, service: str, handle: Handler, on_wrong_shape: OnWrongShape | None = None,
        max_bytes: int = MAX_EVENT_BYTES,
    ) -> None:  # fmt: skip
        self._database = database
        self._relay = relay
        self._service = service
        self._handle = handle
        self._on_wrong_shape = on_wrong_shape
        self._max_bytes = max_bytes
        self._log = get_logger(service=service)

    async def take(self, records: Sequence[Record]) -> None:
        """Give every record its effect, or a dead letter; returns when all is committed.

        While the database is out of reach it waits and tries again, for as long as it takes: nothing is dropped.
        """
        try:
            await self._patiently(records)
        except Exception as error:  # any fault of a handler: found again below, message by message
            if len(records) > 1:
                self._log.warning(
                    "inbox.batch.failed", messages=len(records), error=type(error).__name__, where=where(error)
                )
                for record in records:
                    await self._take_alone(record)
            else:
                await self._take_alone(records[0])
        self._relay.nudge()

    async def _take_alone(self, record: Record) -> None:
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(1, TRIES + 1):
            try:
                await self._patiently([record])
            except Exception as error:  # a poisonous message must not stop those behind it
                self._log.warning(
                    "inbox.message.failed", attempt=attempt, error=type(error).__name__, where=where(error)
                )
                if attempt < TRIES:
                    await asyncio.sleep(pause)
                    pause *= 2
                    continue
                await self._bury([Dead(record, f"handling failed {TRIES} times: {type(error).__name__}")])
            return

    async def _patiently(self, records: Sequence[Record]) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._take(records)
            except (DBAPIError, OSError) as error:
                if not will_pass(error):
                    raise
                self._log.warning("inbox.database.away", error=type(error).__name__, again_in_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _take(self, records: Sequence[Record]) -> None:
        events: list[Event[Any]] = []
        wrong: list[WrongShape] = []
        dead: list[Dead] = []
        for record in records:
            try:
                events.append(read(record, self._max_bytes))
            except Unreadable as error:
                dead.append(Dead(record, str(error)))
            except WrongShape as error:
                wrong.append(error)
                dead.append(Dead(record, str(error)))
        async with self._database.transaction() as session:
            fresh = await _mark(session, [*map(_identity, events), *map(_refused_as, wrong)])
            first: dict[tuple[str, str], Event[Any]] = {}
            for event in events:
                first.setdefault((event.source, event.id), event)
            new_events = [event for identity, event in first.items() if identity in fresh]
            if new_events:
                await self._handle(session, new_events)
            new_wrong = [fault for fault in wrong if _refused_as(fault) in fresh]
            if new_wrong and self._on_wrong_shape:
                await self._on_wrong_shape(session, new_wrong)
            await put(session, [letter.message() for letter in dead])
        for letter in dead:
            self._log.warning("inbox.message.dead", topic=letter.record.topic, reason_length=len(letter.reason))

    async def _bury(self, dead: Sequence[Dead]) -> None:
        async with self._database.transaction() as session:
            await put(session, [letter.message() for letter in dead])


def read(record: Record, max_bytes: int = MAX_EVENT_BYTES) -> Event[Any]:
    """Read one record. Raises Unreadable or WrongShape as `from_message` does."""
    try:
        return from_message(record.headers, record.value, max_bytes)
    except WrongShape as error:
        error.key = (record.key or b"").decode("utf-8", "replace")
        raise


def _headers(record: Record) -> Headers:
    """Take a header without a value for an empty one."""
    return [(name, value or b"") for name, value in record.headers]


_MARK = text(
    "INSERT INTO inbox (source, id) SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) "
    "ON CONFLICT DO NOTHING RETURNING source, id"
)


def _identity(event: Event[Any]) -> tuple[str, str]:
    return event.source, event.id


def _refused_as(fault: WrongShape) -> tuple[str, str]:
    """Name an event that was refused for its shape: once it can be read, a replay of it is to have its effect."""
    return fault.event.source, f"refused {fault.event.id}"


async def _mark(session: AsyncSession, identities: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Note that these events are taken; returns those that had not been."""
    if not identities:
        return set()
    connection = await session.connection()
    rows = await connection.execute(
        _MARK, {"sources": [source for source, _ in identities], "ids": [name for _, name in identities]}
    )
    return {(source, name) for source, name in rows}
