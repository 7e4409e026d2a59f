"""`encounters demo`: a hub of invented schools and employers, from submissions to confirmed encounters, before your eyes."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from services.command import embedded
from services.command.coordinating import Coordinator, PlanFailed, Told
from services.command.embedded.state import holder
from services.command.people import SignIn, sign_ins
from services.command.reaching import local_portal
from services.command.ring import running_ring, stop_on_signals
from services.command.scenario import seats_of
from services.command.submitting import import_postcodes_of, submissions_of, submit
from services.command.summary import Result, print_summary
from services.command.up import settings_with
from services.matching.planning.scenario import Area, fictional_area
from shared.logging import configure_logging
from shared.settings import Settings

_HELP = """See the product at work: a careers hub of invented schools and employers, planned and confirmed in a minute or two.

It starts its own Kafka and PostgreSQL, submits a whole area's availability, pledges and requests as the events that
real users send, plans the year, approves and publishes it as the hub's coordinator, and shows what came of it. Then it
stays up, with one sign-in for each role, until Ctrl-C. Its data lie apart and begin anew each time; addresses of a real
Kafka, PostgreSQL or mail server in the environment are not used.
"""
_APART = {"kafka_bootstrap_servers": None, "database_url": None, "database_admin_url": "", "smtp_url": ""}
"""Addresses that may lead to a real product; the demo has nothing to do with one."""
_Show = Callable[[float, str], None]
"""Tells how much is done, and says so in words."""
_MARK = "demo"
"""A file that tells that a state directory is a demo's, which begins anew each time."""
_SECONDS_BETWEEN_LINES = 5.0


class NotADemo(embedded.CannotStart):
    """The directory holds something else, which a demo would throw away."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(f"{state_dir} is not a demo's directory, and a demo begins anew: name one that does not exist")


def register(app: typer.Typer) -> None:
    """Add the demo to the product's one command."""
    app.command(help=_HELP)(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the summary instead of staying up.")] = False,
    schools: Annotated[int, typer.Option(min=1, max=60, help="Invented schools.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Another seed invents another hub.")] = 2026,
    seats: Annotated[str, typer.Option(help="Seats of all offers together, as a multiple of the students.")] = "1.05",
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Budget of the planning run.")] = 45,
    state_dir: Annotated[
        Path | None,
        typer.Option(help="Where the demo's data lie; they begin anew. Default: `demo` in the state directory."),
    ] = None,
) -> None:
    """Show the product at work."""
    console = Console(highlight=False)
    configure_logging("ERROR", "console")
    settings = settings_with(None)
    settings = settings.model_copy(update={**_APART, "state_dir": state_dir or settings.state_dir / "demo"})
    try:
        area = fictional_area(schools, seed, seats_of(seats))
        if state_dir:
            _check_is_a_demo_s(state_dir)
        _begin_anew(settings.state_dir)
        finished = asyncio.run(_demo(settings, area, seconds, once, console))
    except (embedded.CannotStart, PlanFailed, TimeoutError, ValueError) as fault:
        console.print(f"encounters demo: {fault}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if not finished:
        raise typer.Exit(130)


def _check_is_a_demo_s(state_dir: Path) -> None:
    if state_dir.exists() and any(state_dir.iterdir()) and not (state_dir / _MARK).exists():
        raise NotADemo(state_dir)


def _begin_anew(state_dir: Path) -> None:
    """Throw away what an earlier demo left; never while one runs on it."""
    if holder(state_dir) is not None:
        return  # the start will say who runs
    shutil.rmtree(state_dir, ignore_errors=True)
    state_dir.mkdir(parents=True)
    (state_dir / _MARK).touch()


async def _demo(settings: Settings, area: Area, seconds: float, once: bool, console: Console) -> bool:
    """Run the demo; False when it was stopped before its summary."""
    stop = stop_on_signals()
    began = time.monotonic()
    console.rule(f"[bold]{area.problem.hub.name}, {area.problem.academic_year}")
    async with running_ring(settings, lambda doing: console.print(f"· {doing}", style="dim")) as ready:
        work = asyncio.create_task(_from_submissions_to_encounters(ready, area, seconds, began, console))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return False
        stopped.cancel()
        result, people = work.result()
        print_summary(console, area, result)
        if not once:
            _print_sign_ins(console, ready, people)
            await stop.wait()
            console.print("stopping", style="dim")
        return True


async def _from_submissions_to_encounters(
    settings: Settings, area: Area, seconds: float, began: float, console: Console
) -> tuple[Result, list[SignIn]]:
    people, token = await sign_ins(settings, area)
    await import_postcodes_of(settings, area)
    submitted, refused = await _submit(settings, area, console)
    hub = area.problem.hub.id
    async with Told(settings) as told, Coordinator(local_portal(settings), hub, token) as coordinator:
        timetable = await _plan(coordinator, seconds, console)
        await coordinator.approve_all(timetable["version"])
        sessions = await coordinator.sessions()
        await coordinator.publish(timetable["version"])
        with console.status("confirmations go out"):
            heard = await told.wait_for(sum(1 + len(one["schools"]) for one in sessions), hub=hub)
        return (
            Result(
                await coordinator.timetable(),
                await coordinator.shortfalls(),
                await coordinator.remedies(),
                heard,
                submitted,
                refused,
                time.monotonic() - began,
            ),
            people,
        )


async def _submit(settings: Settings, area: Area, console: Console) -> tuple[int, int]:
    stages = submissions_of(area)
    total, refused, done = sum(len(stage) for stage in stages), 0, 0
    with _display(console, "· submissions answered", total, MofNCompleteColumn()) as show:
        for stage in stages:
            answers = await submit(settings, "/demo", stage, partial(_show_answers, show, done, total))
            done += answers.count()
            refused += len(answers.refused)
    return total, refused


def _show_answers(show: _Show, before: int, total: int, count: int) -> None:
    show(before + count, f"· {before + count:,} of {total:,} submissions answered")


async def _plan(coordinator: Coordinator, seconds: float, console: Console) -> dict[str, Any]:
    with _display(console, "· planning", seconds) as show:

        def on_run(run: dict[str, Any]) -> None:
            if run["bound"]:
                show(run["seconds"], f"· planning: {run['covered']:,} of at most {run['bound']:,} students")

        return await coordinator.plan(seconds, on_run)


@contextmanager
def _display(console: Console, title: str, total: float, *columns: ProgressColumn) -> Iterator[_Show]:
    """Show work under way: a live bar on a terminal, elsewhere a line now and then."""
    if not console.is_terminal:
        yield _lines(console)
        return
    shown = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), *columns, TimeElapsedColumn())
    with Progress(*shown, console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done, said: progress.update(task, completed=min(done, total), description=said)


def _lines(console: Console) -> _Show:
    began = last = time.monotonic()

    def show(_done: float, said: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            console.print(f"{said} ({now - began:.0f} s)", markup=False)

    return show


def _print_sign_ins(console: Console, settings: Settings, people: list[SignIn]) -> None:
    console.print(f"[bold]Sign in at {local_portal(settings)}")
    for person in people:
        line = f"  {person.role:<12} {person.email:<42} password {person.password}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print("Ctrl-C stops everything.", style="dim")
    sys.stdout.flush()
