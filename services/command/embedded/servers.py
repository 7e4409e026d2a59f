"""Start what is needed of Kafka and PostgreSQL, watch both, stop both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from services.command.embedded.children import Child, ChildFailed
from services.command.embedded.kafka import EmbeddedKafka
from services.command.embedded.postgres import EmbeddedPostgres
from services.command.embedded.state import Addresses, hold, publish

_WATCH_SECONDS = 0.5


@asynccontextmanager
async def start(
    state_dir: Path,
    *,
    kafka_bootstrap: str | None = None,
    database_url: str | None = None,
    on_death: Callable[[ChildFailed], None] | None = None,
) -> AsyncIterator[Addresses]:
    """Hold the state directory and run in it what has no address given; yields the addresses of both.

    `on_death` is called once when a server ends by itself. Call it from the main thread: the servers end with the
    calling thread. Raises AlreadyRunning, ChildFailed, JarsUnavailable; a start that fails or is cancelled leaves nothing running.
    """
    with hold(state_dir) as state:
        kafka = None if kafka_bootstrap else EmbeddedKafka(state)
        postgres = None if database_url else EmbeddedPostgres(state)
        servers = [server for server in (kafka, postgres) if server]
        try:
            await _start_together(servers)
            addresses = Addresses(
                kafka_bootstrap=kafka.bootstrap if kafka else str(kafka_bootstrap),
                database_url=postgres.url if postgres else str(database_url),
            )
            publish(state, addresses)
            watch = asyncio.create_task(_watch([server.child for server in servers], on_death))
            try:
                yield addresses
            finally:
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch
        finally:
            await asyncio.gather(*(server.stop() for server in servers))


async def _start_together(servers: list[EmbeddedKafka | EmbeddedPostgres]) -> None:
    starts = [asyncio.create_task(server.start()) for server in servers]
    try:
        await asyncio.gather(*starts)
    except BaseException:
        for task in starts:
            task.cancel()
        await asyncio.gather(*starts, return_exceptions=True)
        raise


async def _watch(children: list[Child], on_death: Callable[[ChildFailed], None] | None) -> None:
    while on_death:
        for child in children:
            try:
                child.check()
            except ChildFailed as death:
                on_death(death)
                return
        await asyncio.sleep(_WATCH_SECONDS)
