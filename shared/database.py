"""One PostgreSQL database, a schema and a role for each service; no service can read another's tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.settings import Settings, role_of

SERVICES = ("portal", "intake", "matching", "confirmations")


@dataclass(frozen=True, slots=True)
class Database:
    """A service's own view of the database: one transaction is one `async with database.transaction()`."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a session whose work is committed at the end, or rolled back on an error."""
        async with self.sessions() as session, session.begin():
            yield session

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


_PASSING = ("08", "40", "53", "57")
"""Classes of PostgreSQL's codes: connections, transactions in each other's way, too few resources, shutting down or starting."""


def will_pass(error: BaseException) -> bool:
    """Tell whether an error of the database says that it is away, or busy, for now: trying again later may help."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)
    if error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError)):
        return True
    return str(getattr(error.orig, "sqlstate", ""))[:2] in _PASSING


def open_database(url: URL, *, pool_size: int = 5) -> Database:
    """Open the database for one service; connections are made when needed and tested before use."""
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=10, pool_pre_ping=True, hide_parameters=True)
    return Database(engine, async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False))


def service_database(settings: Settings, service: str, *, pool_size: int = 5) -> Database:
    """Open the database with the role of `service`: its search path is its own schema."""
    return open_database(settings.service_database(service), pool_size=pool_size)


async def create_roles_and_schemas(settings: Settings) -> None:
    """Create each service's role and schema if missing, as the owner; roles own nothing and are no superusers."""
    password = settings.database_roles_password
    engine = create_async_engine(settings.admin_database(), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(7011)"))
        await connection.execute(text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
        for service in SERVICES:
            role = role_of(service)
            known = await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
            if not known:
                await connection.execute(text(f"CREATE ROLE {role} LOGIN"))
            if password:
                literal = await connection.scalar(text("SELECT quote_literal(:p)"), {"p": password.get_secret_value()})
                await connection.execute(text(f"ALTER ROLE {role} PASSWORD {literal}"))
            await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {service}"))
            database = await connection.scalar(text("SELECT quote_ident(current_database())"))
            await connection.execute(text(f"ALTER ROLE {role} IN DATABASE {database} SET search_path = {service}"))
            await connection.execute(text(f"GRANT USAGE ON SCHEMA {service} TO {role}"))
            await connection.execute(
                text(
                    f"ALTER DEFAULT PRIVILEGES IN SCHEMA {service} "
                    f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
                )
            )
            await connection.execute(
                text(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {service} GRANT USAGE ON SEQUENCES TO {role}")
            )
        await connection.execute(text("SELECT pg_advisory_unlock(7011)"))
    await engine.dispose()
