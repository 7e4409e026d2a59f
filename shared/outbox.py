"""The outbox: events leave in the transaction that made them true, and a relay sends them in order.

The relay claims a batch, sends it and deletes it. A crash in between sends some twice; readers' inboxes drop those.
One copy of a service relays at a time (an advisory lock of the transaction), so that order is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from pydantic_core import from_json, to_json
from sqlalchemy import BigInteger, Column, Identity, LargeBinary, MetaData, Table, Text, text
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.database import Database
from shared.envelope import Event, Headers, Message, to_message
from shared.logging import get_logger, where
from shared.topics import DEAD, MAX_EVENT_BYTES

RELAY_BATCH = 2000
_MOST_BYTES = {False: MAX_EVENT_BYTES + 32_768, True: 2 * MAX_EVENT_BYTES - 32_768}
"""Largest message, headers included, of an event and of a dead letter; a little below what the topics are made to take."""
_RELAY_LOCK = 7012
_IDLE_SECONDS = 0.5


def outbox_table(metadata: MetaData) -> Table:
    """Declare the outbox in a service's metadata; the service's search path tells whose it is."""
    return Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("topic", Text, nullable=False),
        Column("key", LargeBinary, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("value", LargeBinary, nullable=False),
    )


_INSERT = text(
    "INSERT INTO outbox (topic, key, headers, value) "
    "SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:keys AS bytea[]), CAST(:headers AS bytea[]), CAST(:values AS bytea[]))"
)


async def send(session: AsyncSession, events: Iterable[Event[Any]], prefix: str) -> None:
    """Put events into the outbox of the session's transaction, in their order."""
    await put(session, [to_message(event, prefix) for event in events])


async def put(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Put ready messages into the outbox of the session's transaction, in their order.

    Raises EventTooLarge for one that Kafka would refuse: later it would hold up all behind it for ever.
    """
    for message in messages:
        size = len(message.value) + sum(len(name) + len(value) for name, value in message.headers)
        if size > _MOST_BYTES[message.topic.endswith(DEAD)]:
            raise EventTooLarge(message.topic, size)
    if not messages:
        return
    connection = await session.connection()
    await connection.execute(
        _INSERT,
        {
            "topics": [message.topic for message in messages],
            "keys": [message.key for message in messages],
            "headers": [_dump(message.headers) for message in messages],
            "values": [message.value for message in messages],
        },
    )


def _dump(headers: Headers) -> bytes:
    return to_json([(name, value.decode("latin-1")) for name, value in headers])


def _load(headers: bytes) -> Headers:
    return [(name, value.encode("latin-1")) for name, value in from_json(headers)]


async def deliver(producer: AIOKafkaProducer, messages: Iterable[Message]) -> None:
    """Send messages, those of one key in their order, and return once Kafka has them.

    They are handed over as whole batches: one by one they take twice the processor time.
    """
    partitions: dict[str, list[int]] = {}
    filling: dict[tuple[str, int], BatchBuilder] = {}
    sent = []
    for message in messages:
        topic = message.topic
        if topic not in partitions:
            partitions[topic] = sorted(await producer.partitions_for(topic))
        partition = _partition_of(message.key, partitions[topic], ())
        batch = filling.get((topic, partition))
        if batch is None or not _add(batch, message):
            if batch is not None:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = filling[topic, partition] = producer.create_batch()
            _add(batch, message)  # an empty batch takes a message of any size
    sent += [
        await producer.send_batch(batch, topic, partition=partition) for (topic, partition), batch in filling.items()
    ]
    await asyncio.gather(*sent)


_partition_of = DefaultPartitioner()


def _add(batch: BatchBuilder, message: Message) -> bool:
    """Add a message to a batch, unless it is full."""
    added = batch.append(timestamp=None, key=message.key, value=message.value, headers=message.headers)
    return added is not None


class EventTooLarge(ValueError):
    """An event is larger than its topic takes; whoever writes it must divide it."""

    def __init__(self, topic: str, size: int) -> None:
        super().__init__(f"an event of {size} bytes does not fit into {topic}")


class Relay:
    """Sends what lies in one service's outbox, until it is stopped."""

    def __init__(self, database: Database, bootstrap: str, service: str) -> None:
        self._database = database
        self._bootstrap = bootstrap
        self._log = get_logger(service=service)
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def nudge(self) -> None:
        """Say that something was put into the outbox, so that it leaves at once."""
        self._wake.set()

    async def start(self) -> None:
        """Connect to Kafka and begin."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            enable_idempotence=True,
            linger_ms=2,
            max_batch_size=262_144,
            max_request_size=2 * MAX_EVENT_BYTES,
        )
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise
        self._stopping = False
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop; what has not been sent stays in the outbox for the next start."""
        if self._task:
            self._stopping = True  # a cancellation alone can be lost: a wait that ends at the same moment swallows it
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._producer.stop()

    async def _run(self) -> None:
        pause = _IDLE_SECONDS
        while not self._stopping:
            try:
                sent = await self.relay_batch()
                pause = _IDLE_SECONDS
            except Exception as error:  # whatever it was: a relay that ended would hold back all events without a word
                self._log.warning(
                    "outbox.relay.failed", error=type(error).__name__, where=where(error), again_in_seconds=pause
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10)
                continue
            if sent < RELAY_BATCH:
                try:
                    await asyncio.wait_for(self._wake.wait(), pause)
                except TimeoutError:
                    continue
                finally:
                    self._wake.clear()

    async def relay_batch(self) -> int:
        """Send the oldest messages, in order, and delete them; 0 when there are none or another copy is at it."""
        async with self._database.transaction() as session:
            connection = await session.connection()
            if not await connection.scalar(
                text("SELECT pg_try_advisory_xact_lock(:lock, CAST(hashtext(current_schema()) AS int))"),
                {"lock": _RELAY_LOCK},
            ):
                return 0
            rows = (
                await connection.execute(
                    text("SELECT id, topic, key, headers, value FROM outbox ORDER BY id LIMIT :batch"),
                    {"batch": RELAY_BATCH},
                )
            ).all()
            if not rows:
                return 0
            messages = [Message(row.topic, row.key, _load(row.headers), row.value) for row in rows]
            await deliver(self._producer, messages)
            await connection.execute(
                text("DELETE FROM outbox WHERE id = ANY(CAST(:ids AS bigint[]))"), {"ids": [row.id for row in rows]}
            )
        return len(rows)
