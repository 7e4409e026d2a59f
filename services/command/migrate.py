"""Bring the database and Kafka to what this version of the product needs: roles, schemas, tables, topics."""

from __future__ import annotations

import argparse
import asyncio
from importlib import import_module
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from shared import migrations
from shared.broker import create_topics
from shared.database import SERVICES, create_roles_and_schemas
from shared.settings import Settings

_SERVICES = Path(__file__).parent.parent


def metadata_of(service: str) -> MetaData:
    """Find the tables of a service, its outbox and inbox included."""
    metadata: MetaData = import_module(f"services.{service}.tables").metadata
    return metadata


def steps_of(service: str) -> Path:
    """Find the folder of a service's migration steps."""
    return _SERVICES / service / "migrations"


async def migrate(settings: Settings) -> None:
    """Create roles, schemas, tables and topics, or bring them up to date; doing it twice changes nothing."""
    await create_roles_and_schemas(settings)
    engine = create_async_engine(settings.admin_database())
    for service in SERVICES:
        async with engine.begin() as connection:
            await connection.run_sync(migrations.upgrade, service, steps_of(service))
    await engine.dispose()
    await create_topics(settings)


async def write_step(settings: Settings, service: str, message: str) -> Path:
    """Write the next migration step of a service, for its author to read and edit; the database must be up to date."""
    await create_roles_and_schemas(settings)
    engine = create_async_engine(settings.admin_database())
    async with engine.begin() as connection:
        if steps_of(service).is_dir():
            await connection.run_sync(migrations.upgrade, service, steps_of(service))
        path = await connection.run_sync(
            migrations.write_step, service, metadata_of(service), steps_of(service), message
        )
        await connection.rollback()
    await engine.dispose()
    return path


def main() -> None:
    """Write a migration step: `python -m services.command.migrate intake "first tables"` with DATABASE_URL set."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument("message")
    arguments = parser.parse_args()
    print(asyncio.run(write_step(Settings(), arguments.service, arguments.message)))


if __name__ == "__main__":
    main()
