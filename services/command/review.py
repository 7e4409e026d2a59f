"""`encounters review`: a coordinator's decisions from the command line, through the portal's HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NoReturn, TypeVar

import httpx
import typer

from services.command.coordinating import Coordinator, PlanFailed
from services.command.reaching import own_settings
from services.matching.planning.telling import how_known

_HELP = """Plan, look, approve, return, pin and publish a hub's timetable, as its coordinator.

The token is that of `encounters token create --role coordinator --organisation hub:HUB ...`; give it as ENCOUNTERS_TOKEN.

\b
Examples:
  encounters review plan kent --seconds 120
  encounters review show kent
  encounters review return kent 019ab... --why not_this_time --reason "The hall is being painted"
  encounters review approve kent --all
  encounters review publish kent
"""
T = TypeVar("T")
Hub = Annotated[str, typer.Argument(help="The hub's id.")]
Token = Annotated[str, typer.Option(envvar="ENCOUNTERS_TOKEN", help="A coordinator's token.", show_default=False)]
Portal = Annotated[
    str | None, typer.Option(envvar="PORTAL_URL", help="The portal's address; default: that of this machine.")
]
Encounters = Annotated[list[str] | None, typer.Argument(help="Ids of encounters, as `show` lists them.")]


def register(app: typer.Typer) -> None:
    """Add `review` to the product's one command."""
    review = typer.Typer(no_args_is_help=True, help=_HELP)
    review.command(help="Ask for a plan of the hub's year and wait for it.")(plan)
    review.command(help="Show the newest timetable: proof, review, sessions.")(show)
    review.command(help="Approve sessions, or all that are still to be decided.")(approve)
    review.command("return", help="Return sessions for ever, with why and the reason.")(give_back)
    review.command(help="Pin sessions, so that every later plan keeps them.")(pin)
    review.command(help="Publish the approved sessions, once all are decided.")(publish)
    app.add_typer(review, name="review")


def plan(
    hub: Hub,
    token: Token,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Budget of the run.")] = 60,
    not_before: Annotated[
        str | None,
        typer.Option(help="No new session before this local time, YYYY-MM-DDTHH:MM; default: the whole year."),
    ] = None,
    portal: Portal = None,
) -> None:
    """Ask for a plan."""

    def tell(run: dict[str, Any]) -> None:
        if run["bound"]:
            typer.echo(f"\r{run['seconds']:6.0f} s  {run['covered']:,} of at most {run['bound']:,} students ", nl=False)
        if run["outcome"] == "unchanged":
            typer.echo("\nNothing better was found: the timetable stays as it is.", nl=False)

    timetable = _with(hub, token, portal, lambda coordinator: coordinator.plan(seconds, tell, not_before))
    typer.echo("")
    typer.echo(in_words(timetable))


def show(hub: Hub, token: Token, portal: Portal = None) -> None:
    """Show the newest timetable."""

    async def look(coordinator: Coordinator) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return await coordinator.timetable(), await coordinator.sessions()

    timetable, sessions = _with(hub, token, portal, look)
    typer.echo(in_words(timetable))
    for one in sessions:
        pinned = " pinned" if one["pinned"] else ""
        schools = ", ".join(one["school_names"])
        typer.echo(
            f"{one['encounter']}  {one['start']}  {one['employer_name']}: {one['students']} students of {schools}"
            f"  [{one['state']}{pinned}, {one['compared']}]"
        )


def approve(
    hub: Hub,
    token: Token,
    encounters: Encounters = None,
    every: Annotated[bool, typer.Option("--all", help="All that are still to be decided.")] = False,
    portal: Portal = None,
) -> None:
    """Approve sessions."""
    if every == bool(encounters):
        _stop("name the encounters to approve, or give --all")
    _decide(hub, token, portal, "approve", encounters="all" if every else encounters)


def give_back(
    hub: Hub,
    token: Token,
    encounters: Annotated[list[str], typer.Argument(help="Ids of encounters, as `show` lists them.")],
    why: Annotated[str, typer.Option(help="not_this_time (the time is taken from the groups) or not_this_match.")],
    reason: Annotated[str, typer.Option(help="In your own words; nobody's name, please.")],
    portal: Portal = None,
) -> None:
    """Return sessions."""
    _decide(hub, token, portal, "return", encounters=encounters, why=why, reason=reason)


def pin(
    hub: Hub,
    token: Token,
    encounters: Annotated[list[str], typer.Argument(help="Ids of encounters, as `show` lists them.")],
    off: Annotated[bool, typer.Option("--off", help="Take the pins away.")] = False,
    portal: Portal = None,
) -> None:
    """Pin sessions."""
    _decide(hub, token, portal, "pin", encounters=encounters, pinned=not off)


def publish(hub: Hub, token: Token, portal: Portal = None) -> None:
    """Publish."""
    _decide(hub, token, portal, "publish")


def _decide(hub: str, token: str, portal: str | None, what: str, **said: Any) -> None:
    async def decide(coordinator: Coordinator) -> dict[str, Any]:
        timetable = await coordinator.timetable()
        return await coordinator.decide(timetable["version"], what, **said)

    outcome = _with(hub, token, portal, decide)
    typer.echo(
        f"version {outcome['version']}: {outcome['changed']} sessions changed, {outcome['were_so_already']} were so"
    )


def _with(hub: str, token: str, portal: str | None, work: Callable[[Coordinator], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Coordinator(portal or own_settings().portal_url, hub, token) as coordinator:
            return await work(coordinator)

    try:
        return asyncio.run(run())
    except httpx.TransportError as fault:
        _stop(f"the portal does not answer ({type(fault).__name__}): is the product up, and PORTAL_URL its address?")
    except (PlanFailed, httpx.HTTPError) as fault:
        _stop(str(fault) or f"the portal does not answer ({type(fault).__name__}): is the product up?")


def in_words(timetable: dict[str, Any]) -> str:
    """Tell how a timetable stands: what it covers, what could be, and its review."""
    bound, students = timetable["bound"], timetable["students"]
    how = how_known(bound, students, timetable["method"], timetable["certified_bound"])
    return (
        f"version {timetable['version']}: {timetable['covered']:,} of {students:,} students covered, "
        f"at most {bound:,} could be ({how}), a gap of {timetable['gap']:.2%}; {timetable['sessions']} sessions: "
        f"{timetable['proposed']} to decide, {timetable['approved']} approved, {timetable['returned']} returned, "
        f"{timetable['published']} published"
    )


def _stop(why: str) -> NoReturn:
    typer.echo(f"encounters review: {why}", err=True)
    raise typer.Exit(1)
