"""Each service's tables change by numbered steps (Alembic), kept in `services/<service>/migrations/`."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations.ops import DowngradeOps, UpgradeOps
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text

_AUTO = "sqlmodel.sql.sqltypes.AutoString()"
_STEP = '''"""{message}."""

import sqlalchemy as sa

from alembic import op
from sqlalchemy.dialects import postgresql

revision = "{revision}"
down_revision = {down_revision!r}
branch_labels = None
depends_on = None

__all__ = ["downgrade", "op", "postgresql", "sa", "upgrade"]


def upgrade() -> None:
    """Go one step forward."""
    {upgrade}


def downgrade() -> None:
    """Go one step back."""
    {downgrade}
'''


def _steps(folder: Path) -> ScriptDirectory:
    return ScriptDirectory(str(folder.parent), version_locations=[str(folder)])


def upgrade(connection: Connection, service: str, folder: Path) -> None:
    """Bring the tables of one service to the newest step; `connection` is the owner's."""
    connection.execute(text(f"SET LOCAL search_path = {service}"))
    connection.execute(text("SELECT pg_advisory_xact_lock(7013)"))
    steps = _steps(folder)
    with EnvironmentContext(
        Config(),
        steps,
        fn=lambda revision, _context: steps._upgrade_revs("head", revision),
    ) as environment:
        environment.configure(connection=connection, version_table_schema=service)
        environment.run_migrations()


def differences(connection: Connection, service: str, metadata: MetaData) -> list[object]:
    """List how the tables of one service differ from its metadata; empty when the steps say the same as the models."""
    connection.execute(text(f"SET LOCAL search_path = {service}"))
    return list(compare_metadata(_context(connection, service), metadata))


def write_step(connection: Connection, service: str, metadata: MetaData, folder: Path, message: str) -> Path:
    """Write the next step from what the models say and the tables lack; somebody then reads and edits it."""
    connection.execute(text(f"SET LOCAL search_path = {service}"))
    operations = produce_migrations(_context(connection, service), metadata)
    steps = _steps(folder)
    down = steps.get_current_head()
    revision = f"{int(down or 0) + 1:04d}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{revision}_{message.lower().replace(' ', '_')}.py"
    body = {"message": message, "revision": revision, "down_revision": down}
    forward, back = _code(operations.upgrade_ops_list[0]), _code(operations.downgrade_ops_list[0])
    path.write_text(_STEP.format(**body, upgrade=forward, downgrade=back))
    return path


def _code(operations: UpgradeOps | DowngradeOps) -> str:
    lines = [line for line in render_python_code(operations).splitlines() if not line.lstrip().startswith("# ###")]
    return (
        "\n".join(lines).strip().replace("astext_type=Text()", "astext_type=sa.Text()").replace(_AUTO, "sa.String()")
        or "pass"
    )


def _context(connection: Connection, service: str) -> MigrationContext:
    return MigrationContext.configure(
        connection,
        opts={
            "version_table_schema": service,
            "compare_type": True,
            "include_name": lambda name, kind, _parents: not (kind == "table" and name == "alembic_version"),
        },
    )
