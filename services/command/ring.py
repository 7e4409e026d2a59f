"""The ring of services: one by itself, or all four beside their Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from services.command import embedded
from services.command.embedded.children import Child, ChildFailed
from services.command.migrate import migrate
from services.command.reaching import local_portal
from shared.database import SERVICES
from shared.logging import configure_logging, get_logger
from shared.settings import Settings

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_WATCH_SECONDS = 0.5
_RESTART_SECONDS = 1.0


async def run_service(settings: Settings, service: str) -> None:
    """Run one service until SIGINT or SIGTERM, then let it finish what it has in hand."""
    configure_logging(settings.log_level, settings.log_format)
    running: Callable[[Settings], AbstractAsyncContextManager[Any]] = import_module(f"services.{service}.app").running
    stop = stop_on_signals()
    async with running(settings):
        gc.collect()
        gc.freeze()  # what has been loaded stays: looking through it for garbage was a sixth of a busy service's time
        await stop.wait()


def stop_on_signals() -> asyncio.Event:
    """Give an event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for sent in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sent, stop.set)
    return stop


@asynccontextmanager
async def running_ring(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[Settings]:
    """Run the whole product until the block ends: what has no address is started, tables and topics brought up to date.

    Yields the settings with all addresses. A service that dies is started again; when Kafka or PostgreSQL dies, that is
    said, the product asks itself to stop (SIGTERM), and ChildFailed is raised at the end. Raises CannotStart.
    """
    say("starting Kafka and PostgreSQL")
    deaths: list[ChildFailed] = []

    def stop_everything(death: ChildFailed) -> None:
        deaths.append(death)
        say(f"{death.name} has ended: everything stops now; start it again, and it goes on where it was")
        os.kill(os.getpid(), signal.SIGTERM)

    async with embedded.start(
        settings.state_dir,
        kafka_bootstrap=settings.kafka_bootstrap_servers,
        database_url=settings.database_url,
        on_death=stop_everything,
    ) as addresses:
        port = _portal_port(settings)
        ready = settings.model_copy(
            update={
                "portal_port": port,
                "kafka_bootstrap_servers": addresses.kafka_bootstrap,
                "database_url": addresses.database_url,
                "session_secret": settings.session_secret or _kept_secret(settings.state_dir),
            }
        )
        say("bringing tables and topics up to date")
        await migrate(ready)
        say("starting the services")
        async with running_copies([(service, ready) for service in SERVICES]):
            await wait_until_healthy(ready)
            yield ready
    for death in deaths:
        raise death


class PortTaken(embedded.CannotStart):
    """Another program listens where the portal should."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            f"another program, perhaps another copy of this one, listens on port {settings.portal_port} already: "
            "stop it, or choose another port with PORTAL_PORT"
        )


def _portal_port(settings: Settings) -> int:
    """Give the portal's port, a free one for 0. Raises PortTaken when somebody else listens there."""
    family = socket.AF_INET6 if ":" in settings.portal_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.portal_host, settings.portal_port))
        except OSError as fault:
            raise PortTaken(settings) from fault
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running_copies(
    wanted: Sequence[tuple[str, Settings]], *, restart: bool = True
) -> AsyncIterator[list[ServiceCopy]]:
    """Run services, each as a process with settings of its own, until the block ends; one that dies is started again."""
    copies = [ServiceCopy(service, number, settings) for number, (service, settings) in enumerate(wanted)]
    for copy in copies:
        copy.start()
    watch = asyncio.create_task(_keep_alive(copies)) if restart else None
    try:
        yield copies
    finally:
        if watch:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        await asyncio.gather(*(copy.child.stop((signal.SIGTERM, _STOP_SECONDS)) for copy in copies))


class ServiceCopy:
    """One process of one service."""

    def __init__(self, service: str, number: int, settings: Settings) -> None:
        self.service = service
        self.child = Child(service, settings.state_dir.absolute() / "logs" / f"{service}-{number}.log")
        self._settings = settings

    def start(self) -> None:
        """Start the process, its settings in its environment."""
        self.child.spawn(
            [sys.executable, "-m", "services.command.app", "run", self.service],
            folder=Path.cwd(),
            on_parent_death=signal.SIGTERM,
            environment=environment_of(self._settings),
        )


def environment_of(settings: Settings) -> dict[str, str]:
    """Write settings as the environment variables that another process reads them from."""
    variables = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            variables[str(field.validation_alias or name.upper())] = str(plain)
    return variables


async def _keep_alive(copies: Sequence[ServiceCopy]) -> None:
    log = get_logger(service="command")
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        for copy in copies:
            if copy.child.has_ended():
                log.warning("ring.service.restarted", name=copy.service, log=str(copy.child.log))
                await asyncio.sleep(_RESTART_SECONDS)
                copy.start()


async def wait_until_healthy(settings: Settings) -> None:
    """Wait until the portal says that it, the database and Kafka answer; raises ChildFailed after a minute."""
    deadline = time.monotonic() + _START_SECONDS
    async with httpx.AsyncClient() as client:
        while time.monotonic() < deadline:
            try:
                answer = await client.get(f"{local_portal(settings)}/health", timeout=2)
                if answer.is_success:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
    log = settings.state_dir.absolute() / "logs" / "portal-0.log"
    raise ChildFailed("portal", f"did not answer within {_START_SECONDS:.0f} seconds", log)


def _kept_secret(state_dir: Path) -> SecretStr:
    """Keep the secret that signs sign-in cookies, so that a restart signs nobody out."""
    path = state_dir / "session_secret"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return SecretStr(path.read_text())
