"""The database as `migrate` leaves it: the steps say what the models say, and no service reads another's tables."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from services.command.migrate import metadata_of, migrate
from shared import migrations
from shared.database import SERVICES, service_database
from shared.settings import Settings, role_of


@pytest.mark.parametrize("service", SERVICES)
async def test_the_steps_make_the_tables_of_the_models(ring_settings: Settings, service: str) -> None:
    engine = create_async_engine(ring_settings.admin_database())
    async with engine.begin() as connection:
        found = await connection.run_sync(migrations.differences, service, metadata_of(service))
    await engine.dispose()
    assert found == []


async def test_doing_it_twice_changes_nothing(ring_settings: Settings) -> None:
    await migrate(ring_settings)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_sees_its_own_schema_only(ring_settings: Settings, service: str) -> None:
    other = SERVICES[(SERVICES.index(service) + 1) % len(SERVICES)]
    database = service_database(ring_settings, service)
    try:
        async with database.transaction() as session:
            connection = await session.connection()
            assert await connection.scalar(text("SELECT current_schema()")) == service
            assert await connection.scalar(text("SELECT count(*) FROM outbox")) == 0
            role = (
                await connection.execute(
                    text(
                        "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user"
                    )
                )
            ).one()
            assert tuple(role) == (role_of(service), False, False, False, False)
            owned = await connection.scalar(
                text("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tableowner = current_user")
            )
            assert owned == 0
        for forbidden in (f"SELECT count(*) FROM {other}.outbox", "CREATE TABLE mine (id int)", "DROP TABLE outbox"):  # noqa: S608
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                async with database.transaction() as session:
                    await (await session.connection()).execute(text(forbidden))
    finally:
        await database.close()
