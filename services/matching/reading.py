"""Waits until matching has read what was in its topics: a plan takes in every fact that came before it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.broker import group_of
from shared.settings import Settings
from shared.topics import Topic

_LOOK_AGAIN_SECONDS = 0.1


async def wait_until_read(settings: Settings, service: str, topics: Sequence[Topic], *, seconds: float) -> None:
    """Wait until the service's consumers have committed all that lay in `topics` when this began.

    Each topic is one that the service reads by itself, in a group of its own. Raises TimeoutError.
    """
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await _wait(settings, service, topics)
            except KafkaError:  # away for a moment, or the group is being looked after by nobody just now
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _wait(settings: Settings, service: str, topics: Sequence[Topic]) -> None:
    wanted = await _ends(settings, topics)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka())
    await admin.start()
    try:
        for topic in topics:
            group = group_of(settings, service, [topic])
            while not await _has_read(admin, group, settings, topic, wanted):  # noqa: ASYNC110 - Kafka calls nobody back
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    finally:
        await admin.close()


async def _ends(settings: Settings, topics: Sequence[Topic]) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka())
    await consumer.start()
    try:
        partitions = [
            TopicPartition(settings.topic_prefix + topic.name, number)
            for topic in topics
            for number in range(topic.partitions)
        ]
        return dict(await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()


async def _has_read(
    admin: AIOKafkaAdminClient, group: str, settings: Settings, topic: Topic, wanted: dict[TopicPartition, int]
) -> bool:
    read = await admin.list_consumer_group_offsets(group)
    name = settings.topic_prefix + topic.name
    return all(
        (read[partition].offset if partition in read else 0) >= end
        for partition, end in wanted.items()
        if partition.topic == name
    )
