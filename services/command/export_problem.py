"""`encounters export-problem`: a hub's planning problem as matching knows it, so that any plan can be reproduced."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from sqlalchemy.exc import SQLAlchemyError

from services.command.reaching import reachable_settings
from services.matching.exporting import UnknownHub, UnknownVersion, present_problem, version_files
from services.matching.planning.clock import RefusedTime
from services.matching.planning.writing import problem_to_json, write_json
from services.matching.reading import wait_until_read
from shared.database import Database, service_database
from shared.settings import MissingAddress
from shared.topics import ENCOUNTERS, FACTS

_READING_SECONDS = 60.0
_HELP = """Write a hub's planning problem as matching knows it: a file that `solve` plans and `check` checks against.

\b
Examples:
  encounters export-problem --hub demo -o demo.json
  encounters export-problem --hub demo --version 2 -o demo.json.gz --timetable demo.timetable.json.gz

Without --version it is the problem that a plan asked for now would solve, once matching has read all facts; with it,
the very problem that this version of the timetable solved. Exit code 0: written. 2: it could not be; the message says why.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the product's one command."""
    app.command("export-problem", help=_HELP)(export_problem)


def export_problem(
    hub: Annotated[str, typer.Option("--hub", help="The hub's id.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; `.gz` packs it. Default: standard output.")
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="The problem of this version of the timetable.")] = None,
    timetable: Annotated[
        Path | None, typer.Option("--timetable", help="With --version: where to write the timetable itself.")
    ] = None,
    not_before: Annotated[
        str | None, typer.Option(help="No new session before this local time, YYYY-MM-DDTHH:MM.")
    ] = None,
) -> None:
    """Write a hub's planning problem."""
    if timetable and version is None:
        _stop("--timetable needs --version: name the version whose timetable it is")
    try:
        problem, planned = asyncio.run(_read(hub, version, not_before))
        if timetable and planned is not None:
            write_json(timetable, planned)
        if output:
            write_json(output, problem)
        else:
            typer.echo(json.dumps(problem, ensure_ascii=False, indent=1))
    except (MissingAddress, UnknownHub, UnknownVersion, OSError) as fault:
        _stop(str(fault))
    except RefusedTime as refused:
        _stop(f"--not-before: {refused.message}. {refused.remedy}")
    except SQLAlchemyError as fault:
        _stop(
            f"the database could not be read ({type(fault).__name__}): is it up, and were its tables made by `migrate`?"
        )


async def _read(hub: str, version: int | None, not_before: str | None) -> tuple[object, object | None]:
    """Give the problem's JSON tree, and the timetable's where a version is asked for."""
    settings = reachable_settings()
    database: Database = service_database(settings, "matching", pool_size=1)
    try:
        if version is not None:
            problem, planned = await version_files(database, hub, version)
            return json.loads(gzip.decompress(problem)), json.loads(gzip.decompress(planned))
        if settings.kafka_bootstrap_servers:
            try:
                await wait_until_read(settings, "matching", [FACTS, ENCOUNTERS], seconds=_READING_SECONDS)
            except TimeoutError:
                _stop("matching has not read all facts: is it running? Start it with `encounters up`")
        _, built = await present_problem(database, hub, not_before)
        return problem_to_json(built.problem), None
    finally:
        await database.close()


def _stop(message: str) -> NoReturn:
    typer.echo(f"encounters export-problem: {message}", err=True)
    raise typer.Exit(2)
