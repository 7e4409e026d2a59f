"""Stands beside the ring in tests: writes events as a service would, and reads what comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.envelope import Event, Message, to_message
from shared.inbox import read
from shared.settings import Settings
from shared.topics import MAX_EVENT_BYTES, Topic, dead_letters


async def write(settings: Settings, events: Iterable[Event[Any]]) -> None:
    """Write events to their topics, in their order."""
    await write_messages(settings, [to_message(event, settings.topic_prefix) for event in events])


async def write_messages(settings: Settings, messages: Sequence[Message]) -> None:
    """Write ready messages, good or bad."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka(), enable_idempotence=True, linger_ms=2, max_request_size=4 * MAX_EVENT_BYTES
    )
    try:
        await producer.start()
        sent = [
            await producer.send(message.topic, message.value, key=message.key, headers=message.headers)
            for message in messages
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def events_until(
    settings: Settings, topics: Sequence[Topic], enough: Callable[[list[Event[Any]]], bool], *, seconds: float = 60
) -> list[Event[Any]]:
    """Read topics from their beginning until `enough` says so; fails with what came when time is up."""
    names = [settings.topic_prefix + topic.name for topic in topics]
    return [
        read(record)
        for record in await _records(settings, names, lambda all_: enough([read(r) for r in all_]), seconds)
    ]


async def dead_letters_of(settings: Settings, topic: Topic, count: int, *, seconds: float = 60) -> list[Any]:
    """Read `count` dead letters of a topic."""
    return await _records(
        settings, [dead_letters(settings.topic_prefix + topic.name)], lambda all_: len(all_) >= count, seconds
    )


async def _records(
    settings: Settings, names: Sequence[str], enough: Callable[[list[Any]], bool], seconds: float
) -> list[Any]:
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=settings.kafka(),
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * MAX_EVENT_BYTES,
    )
    records: list[Any] = []
    try:
        await consumer.start()
        async with asyncio.timeout(seconds):
            while not enough(records):
                polled = await consumer.getmany(timeout_ms=200)
                records += [record for some in polled.values() for record in some]
    except TimeoutError:
        came = [dict(record.headers).get("ce_type") for record in records]
        raise AssertionError(f"waited {seconds} s on {names}; {len(records)} came: {came[-20:]}") from None
    finally:
        await consumer.stop()
    return records
