"""Where integration tests find a real Kafka and a real PostgreSQL, and how each gets a corner of its own in them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import URL, make_url

from services.command import embedded
from services.command.embedded import Addresses

GIVEN = "the addresses in KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL"
DOCKER = "Docker, through testcontainers"
EMBEDDED = "embedded: the product's own, started for this run"

KAFKA_IMAGES = ("confluentinc/cp-kafka:8.0.0", "confluentinc/cp-kafka:7.9.0", "confluentinc/cp-kafka:7.6.0")
"""Images that testcontainers can run with KRaft; the first that is there is taken."""
POSTGRES_IMAGES = ("postgres:18", "postgres:17", "postgres:16")


def chosen_way(environment: Mapping[str, str], images: tuple[str, str] | None) -> str:
    """Which infrastructure a test run uses: given addresses, else Docker where `images` are there, else embedded.

    Raises ValueError when only one of the two addresses is given.
    """
    given = [name for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL") if environment.get(name)]
    if len(given) == 1:
        raise ValueError(f"only {given[0]} is set: set both KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL, or neither")
    if given:
        return GIVEN
    return DOCKER if images else EMBEDDED


def docker_images() -> tuple[str, str] | None:
    """Kafka's and PostgreSQL's image where Docker's daemon answers and has both already; nothing is ever pulled."""
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return None  # the client would leave a socket open that the tests' strictness then finds
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=3)
        try:
            here = {tag for image in client.images.list() for tag in image.tags}
        finally:
            client.close()
    except (DockerException, OSError):
        return None
    kafka = next((image for image in KAFKA_IMAGES if image in here), None)
    postgres = next((image for image in POSTGRES_IMAGES if image in here), None)
    return (kafka, postgres) if kafka and postgres else None


@asynccontextmanager
async def running(state_dir: Path) -> AsyncIterator[Addresses]:
    """Addresses of a real Kafka and PostgreSQL for as long as the block lasts, had in the chosen way."""
    images = docker_images()
    way = chosen_way(os.environ, images)
    if way == GIVEN:
        yield Addresses(
            os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ.get("DATABASE_ADMIN_URL") or os.environ["DATABASE_URL"]
        )
    elif way == DOCKER and images:
        with ExitStack() as containers:
            yield _containers(*images, containers)
    else:
        async with embedded.start(state_dir) as addresses:
            yield addresses


def _containers(kafka_image: str, postgres_image: str, containers: ExitStack) -> Addresses:
    # Its image would be pulled; the exit stack removes ours.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.community.kafka import KafkaContainer
    from testcontainers.community.postgres import PostgresContainer

    kafka = containers.enter_context(
        KafkaContainer(kafka_image)
        .with_kraft()
        .with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        .with_env("KAFKA_MESSAGE_MAX_BYTES", "2097152")
        .with_env("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "2000")
    )
    postgres = containers.enter_context(PostgresContainer(postgres_image, driver="asyncpg"))
    return Addresses(kafka.get_bootstrap_server(), postgres.get_connection_url())


@asynccontextmanager
async def fresh_database(addresses: Addresses) -> AsyncIterator[str]:
    """URL of a new, empty database for its owner; it is dropped afterwards, whoever is still connected."""
    server = make_url(addresses.database_url)
    name = f"test_{uuid4().hex}"
    await _execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def fresh_topics(addresses: Addresses) -> AsyncIterator[str]:
    """Yield a prefix that no other test's topics have; topics with it are deleted afterwards."""
    from aiokafka.admin import AIOKafkaAdminClient

    prefix = f"test-{uuid4().hex[:12]}."
    yield prefix
    client = AIOKafkaAdminClient(bootstrap_servers=addresses.kafka_bootstrap)
    await client.start()
    try:
        mine = [topic for topic in await client.list_topics() if topic.startswith(prefix)]
        if mine:
            await client.delete_topics(mine)
    finally:
        await client.close()


async def _execute(server: URL, statement: str) -> None:
    connection = await asyncpg.connect(server.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
