"""A running portal on real infrastructure, with a small hub in its read models, and clients for each role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from services.command.embedded import Addresses
from services.command.migrate import migrate
from services.portal.accounts import create_account, create_token
from services.portal.app import Serving, running
from services.portal.handlers import handle
from shared.database import Database
from shared.envelope import Event
from shared.events.data import EventData
from shared.settings import Settings
from tests import infrastructure as real
from tests.portal import hubmade


@dataclass(frozen=True, slots=True)
class Running:
    """A portal that runs, with its settings and database."""

    serving: Serving
    settings: Settings

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.serving.url

    @property
    def database(self) -> Database:
        """Its own database."""
        return self.serving.wiring.database

    async def keep(self, *events: Event[EventData]) -> None:
        """Let its handler take events, as a polled batch."""
        async with self.database.transaction() as session:
            await handle(session, events)

    async def token(self, role: str, organisation: str) -> str:
        """Create a token."""
        async with self.database.transaction() as session:
            return (await create_token(session, name="test", role=role, organisation=organisation)).text

    async def account(self, role: str, organisation: str, email: str) -> str:
        """Create an account; returns its password."""
        async with self.database.transaction() as session:
            return (await create_account(session, email=email, role=role, organisation=organisation)).password


MakeClient = Callable[[str, str], Awaitable[httpx.AsyncClient]]


@pytest.fixture(scope="session")
async def portal(infrastructure: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Run a portal for all tests of this folder; each test works in a hub, school and employer of its own."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(real.fresh_database(infrastructure))
        prefix = await stack.enter_async_context(real.fresh_topics(infrastructure))
        state: Path = tmp_path_factory.mktemp("portal")
        settings = Settings(
            kafka_bootstrap_servers=infrastructure.kafka_bootstrap,
            database_url=url,
            database_roles_password=SecretStr("only-for-tests"),
            topic_prefix=prefix,
            state_dir=state,
            session_secret=SecretStr("only-for-tests"),
            portal_port=0,
        )
        await migrate(settings)
        serving = await stack.enter_async_context(running(settings))
        yield Running(serving, settings)


@pytest.fixture
async def hub(portal: Running) -> hubmade.Hub:
    """Make a hub with two schools, two employers and a complete timetable of four sessions, of this test's own."""
    made = hubmade.Hub.new()
    await portal.keep(*made.facts(), *made.timetable(version=1))
    return made


@pytest.fixture
async def client_of(portal: Running) -> AsyncIterator[MakeClient]:
    """Make clients that send a token of a role and an organisation."""
    async with AsyncExitStack() as stack:

        async def make(role: str, organisation: str) -> httpx.AsyncClient:
            token = await portal.token(role, organisation)
            client = httpx.AsyncClient(base_url=portal.url, headers={"Authorization": f"Bearer {token}"}, timeout=40)
            return await stack.enter_async_context(client)

        yield make
