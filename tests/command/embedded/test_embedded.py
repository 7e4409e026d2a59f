"""The embedded Kafka and PostgreSQL: what is stored survives every way to end, and nobody gets in anybody's way."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy.engine import make_url

from services.command import embedded
from services.command.embedded import Addresses, AlreadyRunning, ChildFailed
from services.command.embedded.kafka import new_cluster_id

_HOLDER = """
import asyncio, signal, sys
from pathlib import Path
from services.command import embedded

async def main():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with embedded.start(Path(sys.argv[1])):
        print("up", flush=True)
        await ended.wait()

asyncio.run(main())
"""


@contextmanager
def product_in_another_process(state_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the embedded servers in a process of their own until it is told to stop."""
    command = [sys.executable, "-c", _HOLDER, str(state_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        try:
            yield process
        finally:
            process.kill()


def servers_of(state_dir: Path) -> list[psutil.Process]:
    marks = {f"-Dencounters.state={state_dir}", str(state_dir / "postgres" / "data")}
    return [p for p in psutil.process_iter(["cmdline"]) if marks & set(p.info["cmdline"] or ())]


async def store(addresses: Addresses, word: str) -> None:
    """Put one row and one event where a later start must find them."""
    connection = await asyncpg.connect(_dsn(addresses))
    await connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
    await connection.execute("INSERT INTO words VALUES ($1)", word)
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses.kafka_bootstrap)
    await admin.start()
    if "words" not in await admin.list_topics():
        await admin.create_topics([NewTopic("words", 3, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=addresses.kafka_bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait("words", word.encode(), key=word.encode())
    await producer.stop()


async def stored_rows(addresses: Addresses) -> list[str]:
    connection = await asyncpg.connect(_dsn(addresses))
    try:
        return [row["word"] for row in await connection.fetch("SELECT word FROM words ORDER BY word")]
    finally:
        await connection.close()


async def stored_events(addresses: Addresses, count: int) -> list[str]:
    consumer = AIOKafkaConsumer("words", bootstrap_servers=addresses.kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            return sorted([(await consumer.getone()).value.decode() for _ in range(count)])
    finally:
        await consumer.stop()


def _dsn(addresses: Addresses) -> str:
    return make_url(addresses.database_url).set(drivername="postgresql").render_as_string(hide_password=False)


async def test_everything_survives_a_clean_stop_a_killed_product_and_killed_servers(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    async with embedded.start(state_dir) as first:
        await store(first, "a clean stop")
    assert servers_of(state_dir) == []

    with product_in_another_process(state_dir) as product:
        running = embedded.addresses_in_use(state_dir)
        assert running == first, "the ports are kept"
        await store(first, "b killed product")
        product.kill()
        product.wait()
    async with embedded.start(state_dir) as third:
        await store(third, "c killed servers")

    with product_in_another_process(state_dir) as product:
        for process in [*servers_of(state_dir), psutil.Process(product.pid)]:
            process.kill()
        product.wait()
    async with embedded.start(state_dir) as last:
        expected = ["a clean stop", "b killed product", "c killed servers"]
        assert await stored_rows(last) == expected
        assert await stored_events(last, 3) == expected
    assert servers_of(state_dir) == []


async def test_a_second_start_on_the_same_directory_is_refused_and_the_first_can_be_told_to_stop(
    tmp_path: Path,
) -> None:
    state_dir = tmp_path / "state"
    assert embedded.stop_running(state_dir) is None
    with product_in_another_process(state_dir) as product:
        with pytest.raises(AlreadyRunning, match=rf"process {product.pid} already runs .*encounters down"):
            async with embedded.start(state_dir):
                pass
        assert len(servers_of(state_dir)) == 2, "the first is not disturbed"
        assert embedded.stop_running(state_dir) == product.pid
        assert product.wait() == 0, "it was asked, and stopped in order"
    assert servers_of(state_dir) == []
    assert embedded.addresses_in_use(state_dir) is None


async def test_servers_listen_on_this_machine_only_and_ports_that_were_taken_are_chosen_anew(tmp_path: Path) -> None:
    state_dir = tmp_path / ("a long name with spaces, commas and ümlauts " * 3)
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        (state_dir / "kafka").mkdir(parents=True)
        (state_dir / "kafka" / "ports.json").write_text(json.dumps([taken, taken + 1]))
        async with embedded.start(state_dir) as addresses:
            assert not addresses.kafka_bootstrap.endswith(f":{taken}")
            await store(addresses, "reached")
            listening = {
                listener.laddr.ip.removeprefix("::ffff:")
                for server in servers_of(state_dir)
                for listener in server.net_connections()
                if listener.status == psutil.CONN_LISTEN
            }
            assert listening == {"127.0.0.1"}
            assert state_dir.stat().st_mode & 0o077 == 0


async def test_a_server_that_cannot_start_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    with pytest.raises(ChildFailed, match="PostgreSQL ended with code") as failure:
        async with embedded.start(tmp_path, kafka_bootstrap="127.0.0.1:9"):
            pass
    assert "postgresql.conf" in str(failure.value), "the end of its log is shown"
    assert servers_of(tmp_path) == []
    assert embedded.addresses_in_use(tmp_path) is None


async def test_the_death_of_a_server_is_told(tmp_path: Path) -> None:
    deaths: list[ChildFailed] = []
    async with embedded.start(tmp_path, kafka_bootstrap="127.0.0.1:9", on_death=deaths.append) as addresses:
        assert addresses.kafka_bootstrap == "127.0.0.1:9", "what is given is not started"
        os.kill(servers_of(tmp_path)[0].pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while not deaths:
                await asyncio.sleep(0.05)
    assert deaths[0].name == "PostgreSQL"


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    ids = [new_cluster_id() for _ in range(500)]
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", one) for one in ids)
    assert len(set(ids)) == len(ids)
