"""`encounters up`, `down`, `run`, `migrate`: the product as it runs, whole or service by service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from services.command import embedded
from services.command.migrate import migrate
from services.command.reaching import local_portal, own_settings
from services.command.ring import run_service, running_ring, stop_on_signals
from shared.database import SERVICES
from shared.logging import configure_logging
from shared.settings import MissingAddress, Settings

_UP_HELP = """Run the whole product on this machine until Ctrl-C.

What has no address is started: Kafka where KAFKA_BOOTSTRAP_SERVERS is not set, PostgreSQL where DATABASE_URL is not.
All data lie in the state directory and survive a restart. It listens on 127.0.0.1 only.

\b
Examples:
  encounters up
  encounters up --state-dir /srv/encounters
"""
_RUN_HELP = """Run one service by itself, as often as you like: portal, intake, matching or confirmations.

Needs KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL, and `encounters migrate` once before.
"""

StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="Where the data lie; default: $ENCOUNTERS_STATE_DIR, else .state.")
]


def register(app: typer.Typer) -> None:
    """Add the commands that run the product to the product's one command."""
    app.command(help=_UP_HELP)(up)
    app.command(help="Stop the product that runs on a state directory.")(down)
    app.command(help=_RUN_HELP)(run)
    app.command("migrate", help="Create roles, schemas, tables and topics, or bring them up to date.")(migrate_all)


def settings_with(state_dir: Path | None) -> Settings:
    """Read the settings, with this state directory where one is given."""
    settings = own_settings()
    return settings.model_copy(update={"state_dir": state_dir}) if state_dir else settings


def up(state_dir: StateDir = None) -> None:
    """Run the whole product."""
    settings = settings_with(state_dir)
    configure_logging(settings.log_level, "console")
    try:
        asyncio.run(_up(settings))
    except embedded.CannotStart as fault:
        typer.echo(f"encounters up: {fault}", err=True)
        raise typer.Exit(1) from None


async def _up(settings: Settings) -> None:
    stop = stop_on_signals()
    async with running_ring(settings, typer.echo) as ready:
        address = ready.portal_url if settings.portal_port else local_portal(ready)
        typer.echo(f"Seven Encounters is up: {address}\nCtrl-C or `encounters down` stops it.")
        await stop.wait()
        typer.echo("stopping")


def down(state_dir: StateDir = None) -> None:
    """Stop the product."""
    settings = settings_with(state_dir)
    try:
        pid = embedded.stop_running(settings.state_dir)
    except TimeoutError as fault:
        typer.echo(f"encounters down: {fault}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"stopped (process {pid})" if pid else f"nothing runs on {settings.state_dir}")


def run(service: Annotated[str, typer.Argument(help="portal, intake, matching or confirmations")]) -> None:
    """Run one service."""
    if service not in SERVICES:
        typer.echo(f"encounters run: there is no service {service!r}; there are {', '.join(SERVICES)}", err=True)
        raise typer.Exit(2)
    try:
        asyncio.run(run_service(Settings(), service))
    except MissingAddress as fault:
        typer.echo(f"encounters run: {fault}", err=True)
        raise typer.Exit(2) from None


def migrate_all() -> None:
    """Bring the database and Kafka up to date."""
    try:
        asyncio.run(migrate(Settings()))
    except MissingAddress as fault:
        typer.echo(f"encounters migrate: {fault}", err=True)
        raise typer.Exit(2) from None
    typer.echo("roles, schemas, tables and topics are up to date")
