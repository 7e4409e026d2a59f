"""Fixtures that any test may ask for; nothing starts before a test asks."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from services.command.embedded import Addresses
from shared.settings import Settings
from tests import infrastructure as real

if TYPE_CHECKING:
    from playwright.async_api import Browser

_CHROMIUM_FLAGS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def pytest_report_header() -> str:
    """Tell which Kafka and PostgreSQL the integration tests use."""
    return f"Kafka and PostgreSQL: {_way()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell it once more beside the result, where quiet runs show it too."""
    terminalreporter.write_line(f"Kafka and PostgreSQL of this run: {_way()}")


def _way() -> str:
    try:
        return real.chosen_way(os.environ, real.docker_images())
    except ValueError as error:
        return str(error)


@pytest.fixture(scope="session")
async def infrastructure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Addresses]:
    """Addresses of a real Kafka and a real PostgreSQL; a test that needs them fails, never skips, where none can be had."""
    started = False
    try:
        async with real.running(tmp_path_factory.mktemp("state")) as addresses:
            started = True
            yield addresses
    except Exception as error:
        if started:
            raise
        pytest.fail(
            f"no Kafka and PostgreSQL for the integration tests: {error}\n"
            "Run `make setup` for the embedded ones, or set KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL.",
            pytrace=False,
        )


@pytest.fixture
async def fresh_database_url(infrastructure: Addresses) -> AsyncIterator[str]:
    """Yield the owner's URL of a new, empty database, dropped after the test."""
    async with real.fresh_database(infrastructure) as url:
        yield url


@pytest.fixture
async def topic_prefix(infrastructure: Addresses) -> AsyncIterator[str]:
    """Yield a prefix that no other test's topics have; topics with it are deleted after the test."""
    async with real.fresh_topics(infrastructure) as prefix:
        yield prefix


@pytest.fixture
async def ring_settings(
    infrastructure: Addresses, fresh_database_url: str, topic_prefix: str, tmp_path: Path
) -> Settings:
    """Give the settings of a ring of its own: a fresh database and fresh topics, brought up to date."""
    from services.command.migrate import migrate

    settings = Settings(
        kafka_bootstrap_servers=infrastructure.kafka_bootstrap,
        database_url=fresh_database_url,
        database_roles_password=SecretStr("only-for-tests"),
        topic_prefix=topic_prefix,
        state_dir=tmp_path,
        session_secret=SecretStr("only-for-tests"),
        portal_port=0,
        repair_delay_seconds=0.2,
    )
    await migrate(settings)
    return settings


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Yield a headless Chromium of the system; fails, never skips, where there is none."""
    from playwright.async_api import async_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path or not Path(path).exists():
        pytest.fail(
            "browser tests need Chromium: `apt-get install chromium`, or set CHROMIUM to the path of one", pytrace=False
        )
    flags = [*_CHROMIUM_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        await chromium.close()
