"""Wires the portal: the web application on one side, the ring's events on the other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from services.portal.asking import Portal
from services.portal.handlers import READS
from services.portal.web import build_app
from shared.logging import get_logger
from shared.service import Wiring, running_service
from shared.settings import Settings

_PING_SECONDS = 3.0
_LAST_ANSWERS_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Serving:
    """A portal that answers, and where: `url` has the port that it really listens on."""

    wiring: Wiring
    url: str


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Serving]:
    """Run the portal until the block ends; signals stay with the caller."""
    with _listening(settings.portal_host, settings.portal_port) as listener:
        async with running_service(settings, "portal", READS) as wiring:

            async def ping() -> bool:
                return bool(await wiring.broker.ping(timeout=_PING_SECONDS))

            portal = Portal(settings, wiring.database, wiring.relay.nudge, ping)
            https = settings.portal_url.startswith("https:")
            server = _Server(
                uvicorn.Config(
                    Answered(build_app(portal, secret=session_secret(settings), https=https)),
                    log_config=None, access_log=False, lifespan="off", server_header=False,
                    timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
                )
            )  # fmt: skip
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                port = listener.getsockname()[1]
                get_logger(service="portal").info("portal.listening", host=settings.portal_host, port=port)
                yield Serving(wiring, f"http://{_in_url(settings.portal_host)}:{port}")
            finally:
                server.should_exit = True
                await task


class Answered:
    """Ends a fault of ours once it has been answered and recorded: the server would log its words, which may quote people's data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        with contextlib.suppress(Exception):
            await self._app(scope, receive, send)


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: the process belongs to whoever runs the services."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=512) as listener:
        listener.settimeout(0)
        yield listener


def _in_url(host: str) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound to
    return f"[{reachable}]" if ":" in reachable else reachable


def session_secret(settings: Settings) -> str:
    """Give the secret that signs cookies: the one that is set, else one kept in the state directory (embedded)."""
    if settings.session_secret:
        return settings.session_secret.get_secret_value()
    path: Path = settings.state_dir / "session_secret"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"session_secret.{os.getpid()}")
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(mine)
        mine.unlink()
    return path.read_text()


__all__ = ["Serving", "build_app", "running", "session_secret"]
