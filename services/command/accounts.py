"""Accounts and tokens of the portal, created by whoever runs the product."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.command.reaching import reachable_settings
from services.portal.accounts import EmailTaken, create_account, create_token
from services.portal.permissions import WrongOrganisation
from shared.database import service_database
from shared.settings import MissingAddress

_Role = Annotated[str, typer.Option(help="employer, school, coordinator or admin")]
_Organisation = Annotated[
    str, typer.Option(help="employer:E0001, school:900001 or hub:demo; leave it out for an admin")
]  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add `account create` and `token create` to the command."""
    account = typer.Typer(help="People's accounts of the portal.", no_args_is_help=True)
    token = typer.Typer(help="Machines' tokens for the portal's HTTP API.", no_args_is_help=True)
    account.command("create")(create_an_account)
    token.command("create")(create_a_token)
    app.add_typer(account, name="account")
    app.add_typer(token, name="token")


def create_an_account(
    email: Annotated[str, typer.Option(help="E-mail address to sign in with")],
    role: _Role,
    organisation: _Organisation = "",
) -> None:
    """Create an account and print its password, this once."""
    password = asyncio.run(_account(email, role, organisation))
    typer.echo(f"{email} can sign in now. The password, shown this once:\n{password}")


def create_a_token(
    name: Annotated[str, typer.Option(help="What the token is for")], role: _Role, organisation: _Organisation = ""
) -> None:
    """Create a token and print it, this once."""
    text = asyncio.run(_token(name, role, organisation))
    typer.echo(f"Send it as `Authorization: Bearer TOKEN`. The token, shown this once:\n{text}")


async def _account(email: str, role: str, organisation: str) -> str:
    try:
        database = service_database(reachable_settings(), "portal")
        async with database.transaction() as session:
            new = await create_account(session, email=email, role=role, organisation=organisation)
        await database.close()
    except (EmailTaken, WrongOrganisation, MissingAddress) as error:
        raise typer.BadParameter(str(error)) from error
    return new.password


async def _token(name: str, role: str, organisation: str) -> str:
    try:
        database = service_database(reachable_settings(), "portal")
        async with database.transaction() as session:
            new = await create_token(session, name=name, role=role, organisation=organisation)
        await database.close()
    except (WrongOrganisation, MissingAddress) as error:
        raise typer.BadParameter(str(error)) from error
    return new.text
