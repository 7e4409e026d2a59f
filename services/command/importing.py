"""`encounters import`: the operator's way to fill the register from the tables that their publishers offer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from services.command.reaching import reachable_settings
from services.command.submitting import Answers, submit
from services.intake.importing.employers import read_employers
from services.intake.importing.files import Imported, TableRefused
from services.intake.importing.postcodes import read_postcodes
from services.intake.importing.schools import read_schools
from services.intake.postcodes import put_postcodes
from services.portal.wording import faults_of
from shared.database import service_database
from shared.events.submissions import RegisterHub
from shared.settings import MissingAddress, Settings

OPERATOR = "/operator"

_HUB_HELP = """Register a hub, or amend it, from a JSON file: its local authorities, the terms of its year, its policy.

It goes before its schools. This much is enough; schemas/events/encounters.hub.register.v1.json tells the rest:

\b
  {"hub": "kent", "name": "Kent Careers Hub",
   "local_authorities": ["886"], "academic_year": "2026/27",
   "terms": [{"start": "2026-09-01", "end": "2026-10-23"},
             {"start": "2026-11-02", "end": "2026-12-18"}]}
"""
_POSTCODES_HELP = """Take in a postcode directory: the ONS one (columns pcds or pcd, lat, long), or postcode, lat, lon.

Positions of schools and employers come from it, so it goes first. A `.gz` is unpacked. Twice is as good as once.
"""
_SCHOOLS_HELP = """Take in the register of schools: edubasealldata from get-information-schools.service.gov.uk.

Open schools and colleges with pupils aged 11 to 18 are submitted; the rest is counted and left out. A school needs a
hub for its local authority, and a known postcode. Columns with people's names are not read.
"""
_EMPLOYERS_HELP = """Take in employers: a download of gender-pay-gap.service.gov.uk.

Those with a postcode and a SIC code are submitted; the rest is counted and left out.
"""

HubFile = Annotated[Path, typer.Argument(help="The JSON file.", exists=True, dir_okay=False)]
Table = Annotated[Path, typer.Argument(help="The CSV file, or a .gz of it.", exists=True, dir_okay=False)]


def register(app: typer.Typer) -> None:
    """Add `import` to the product's one command."""
    imports = typer.Typer(
        no_args_is_help=True, help="Fill the register: a hub, then public tables of postcodes, schools, employers."
    )
    imports.command("hub", help=_HUB_HELP)(import_hub)
    imports.command("postcodes", help=_POSTCODES_HELP)(import_postcodes)
    imports.command("schools", help=_SCHOOLS_HELP)(import_schools)
    imports.command("employers", help=_EMPLOYERS_HELP)(import_employers)
    app.add_typer(imports, name="import")


def import_hub(file: HubFile) -> None:
    """Submit a hub. Exit code 1: it was refused. 2: the file, or the product, cannot be used."""
    try:
        said = json.loads(file.read_bytes())
        hub = RegisterHub.model_validate({"version": _version()} | said if isinstance(said, dict) else said)
    except ValidationError as error:
        faults = faults_of(error.errors(include_url=False, include_input=False), RegisterHub)
        _refuse(file, "\n".join(f"  {fault.field} {fault.message}: {fault.remedy}" for fault in faults))
    except (ValueError, RecursionError) as fault:
        _refuse(file, f"  it is not JSON ({fault})")
    answers = _or_exit(submit(reachable_settings(), OPERATOR, [hub]))
    for reason in (reason for refused in answers.refused for reason in refused.reasons):
        typer.echo(f"  {reason.field} {reason.message}: {reason.remedy}", err=True)
    if answers.refused:
        raise typer.Exit(1)
    typer.echo(f"{hub.name} is registered as {hub.hub}")


def import_postcodes(file: Table) -> None:
    """Take in a postcode directory. Exit code 2: the file, or the product, cannot be used."""
    started, left_out = time.monotonic(), Counter[str]()
    taken = _or_exit(_put_postcodes(reachable_settings(), file, left_out))
    typer.echo(f"{taken} postcodes are new or have moved ({time.monotonic() - started:.1f} s)")
    _say_left_out(left_out)


async def _put_postcodes(settings: Settings, file: Path, left_out: Counter[str]) -> int:
    database = service_database(settings, "intake")
    try:
        return await put_postcodes(database, read_postcodes(file, left_out))
    finally:
        await database.close()


def import_schools(file: Table) -> None:
    """Submit schools. Exit code 1: some were refused. 2: the file, or the product, cannot be used."""
    _submit(file, "schools", read_schools)


def import_employers(file: Table) -> None:
    """Submit employers. Exit code 1: some were refused. 2: the file, or the product, cannot be used."""
    _submit(file, "employers", read_employers)


def _submit(file: Path, what: str, read: Any) -> None:
    try:
        imported: Imported[Any] = read(file, _version())
    except (TableRefused, OSError) as fault:
        typer.echo(f"encounters import: {file}: {fault}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{len(imported.made)} {what} read from {file}")
    _say_left_out({why: len(rows) for why, rows in imported.left_out.items()})
    for note, count in imported.notes.most_common():
        typer.echo(f"  {count} {note}")
    answers = _or_exit(submit(reachable_settings(), OPERATOR, imported.made))
    typer.echo(f"{answers.taken} taken, {len(answers.refused)} refused")
    _say_refused(answers, imported.made, imported.rows)
    if answers.refused:
        raise typer.Exit(1)


def _version() -> int:
    """Count minutes: a newer import amends an older one."""
    return int(time.time() // 60)


def _refuse(file: Path, why: str) -> NoReturn:
    typer.echo(f"encounters import: {file} is not a hub:\n{why}", err=True)
    raise typer.Exit(2)


def _say_refused(answers: Answers, made: Sequence[Any], rows: Sequence[int]) -> None:
    """Say which rows were refused, those for the same reason together."""
    row_of = {one.subject(): row for one, row in zip(made, rows, strict=True)}
    by_reason: dict[str, list[int]] = {}
    for refused in answers.refused:
        for reason in refused.reasons:
            by_reason.setdefault(f"{reason.message}: {reason.remedy}", []).append(row_of.get(refused.about, 0))
    for reason_said, found in sorted(by_reason.items(), key=lambda item: -len(item[1]))[:20]:
        shown = ", ".join(map(str, sorted(found)[:10])) + (" ..." if len(found) > 10 else "")
        typer.echo(f"  {len(found)} refused, row {shown}: {reason_said}")
    if len(by_reason) > 20:
        typer.echo(f"  and {len(by_reason) - 20} more reasons")


def _say_left_out(counts: Mapping[str, int]) -> None:
    for why, count in sorted(counts.items(), key=lambda item: -item[1]):
        typer.echo(f"  {count} left out: {why}")


def _or_exit(work: Any) -> Any:
    try:
        return asyncio.run(work)
    except (TableRefused, MissingAddress, KafkaError, OSError, TimeoutError) as fault:
        typer.echo(f"encounters import: {fault}", err=True)
        raise typer.Exit(2) from None
