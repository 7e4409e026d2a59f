"""How every service of the ring is wired: database, outbox relay, inbox and broker, started and stopped in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from faststream.kafka import KafkaBroker

from shared.broker import make_broker, subscribe
from shared.database import Database, service_database
from shared.inbox import Handler, Inbox, OnWrongShape
from shared.logging import get_logger
from shared.outbox import Relay
from shared.settings import Settings
from shared.topics import MAX_EVENT_BYTES, Topic


@dataclass(frozen=True, slots=True)
class Reads:
    """What a service reads from the ring, and what it does with it."""

    topics: Sequence[Topic]
    handle: Handler
    on_wrong_shape: OnWrongShape | None = None
    max_bytes: int = MAX_EVENT_BYTES


@dataclass(frozen=True, slots=True)
class Wiring:
    """One running service's parts."""

    settings: Settings
    service: str
    database: Database
    relay: Relay
    broker: KafkaBroker


@asynccontextmanager
async def running_service(settings: Settings, service: str, reads: Sequence[Reads]) -> AsyncIterator[Wiring]:
    """Run a service until the block ends; each entry of `reads` is a consumer and a group of its own."""
    log = get_logger(service=service)
    async with AsyncExitStack() as stack:
        database = service_database(settings, service)
        stack.push_async_callback(database.close)
        relay = Relay(database, settings.kafka(), service)
        await relay.start()
        stack.push_async_callback(relay.stop)
        broker = make_broker(settings, service)
        for entry in reads:
            inbox = Inbox(database, relay, service, entry.handle, entry.on_wrong_shape, entry.max_bytes)
            subscribe(broker, settings, service, entry.topics, inbox)
        await broker.start()
        stack.push_async_callback(broker.stop)
        log.info("service.started")
        yield Wiring(settings, service, database, relay, broker)
        log.info("service.stopping")
