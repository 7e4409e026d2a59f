"""Kafka as every service uses it: batches, acknowledged by hand, only after their transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from shared.inbox import Inbox
from shared.logging import BrokerLogger, get_logger, where
from shared.settings import Settings
from shared.topics import MAX_EVENT_BYTES, TOPICS, Topic, dead_letters

POLL_RECORDS = 2000
_AGAIN_SECONDS = 1.0


def make_broker(settings: Settings, service: str) -> KafkaBroker:
    """Make the broker of one service. Raises MissingAddress when Kafka's is not set."""
    return KafkaBroker(
        settings.kafka(),
        client_id=f"{settings.topic_prefix}{service}",
        allow_auto_create_topics=False,
        logger=BrokerLogger(service),
        apply_types=False,
    )


async def _untouched(message: Any) -> Any:
    """Hand the message on as it came: a batch may hold bodies that are no JSON."""
    return message


async def _parse(records: tuple[ConsumerRecord, ...], parse: Callable[[Any], Awaitable[KafkaMessage]]) -> KafkaMessage:
    """Let FastStream read one record, without headers: it drops a whole batch for one header that is no UTF-8."""
    message = await parse((replace(records[0], headers=()),))
    message.raw_message = records
    return message


def group_of(settings: Settings, service: str, topics: Sequence[Topic]) -> str:
    """Name the consumer group in which a service reads these topics."""
    return f"{settings.topic_prefix}{service}.{'+'.join(topic.name for topic in topics)}"


def subscribe(broker: KafkaBroker, settings: Settings, service: str, topics: Sequence[Topic], inbox: Inbox) -> None:
    """Let a service read `topics` in a consumer group of its own; copies of the service share the partitions."""
    log = get_logger(service=service)

    async def take(message: KafkaMessage) -> None:
        records = message.raw_message
        try:
            await inbox.take(records if isinstance(records, tuple) else (records,))
        except Exception as error:  # FastStream would go on with the next batch, and its ack would lose this one
            log.error("inbox.batch.again", messages=len(records), error=type(error).__name__, where=where(error))
            await asyncio.sleep(_AGAIN_SECONDS)
            await message.nack()
        else:
            await message.ack()

    broker.subscriber(
        *(settings.topic_prefix + topic.name for topic in topics),
        batch=True,
        max_records=POLL_RECORDS,
        batch_timeout_ms=100,
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * MAX_EVENT_BYTES,
        group_id=group_of(settings, service, topics),
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        parser=_parse,
        decoder=_untouched,
    )(take)


async def create_topics(settings: Settings) -> list[str]:
    """Create the topics, and those of their dead letters, that Kafka does not have; returns the new names."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka())
    await admin.start()
    try:
        known = set(await admin.list_topics())
        wanted = [new for topic in TOPICS for new in _declare(topic, settings) if new.name not in known]
        if wanted:
            await admin.create_topics(wanted)
        return [new.name for new in wanted]
    finally:
        await admin.close()


def _declare(topic: Topic, settings: Settings) -> list[NewTopic]:
    name = settings.topic_prefix + topic.name
    if topic.keep is None:
        kept = {"cleanup.policy": "compact"}
    else:
        kept = {"retention.ms": str(int(topic.keep.total_seconds() * 1000))}
    return [
        NewTopic(
            name, topic.partitions, settings.topic_replication,
            topic_configs={**kept, "max.message.bytes": str(MAX_EVENT_BYTES + 65_536)},
        ),
        NewTopic(
            dead_letters(name), 1, settings.topic_replication,
            topic_configs={"retention.ms": "-1", "max.message.bytes": str(2 * MAX_EVENT_BYTES)},
        ),
    ]  # fmt: skip
