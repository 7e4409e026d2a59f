"""`encounters demo`: a hub of invented schools and employers, from submissions to confirmed encounters, before your eyes."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.command import embedded
from services.command.coordinating import Coordinator, PlanFailed, Told
from services.command.embedded.state import holder
from services.command.people import SignIn, sign_ins
from services.command.ring import local_portal, running_ring, stop_on_signals
from services.command.submitting import import_postcodes_of, submissions_of, submit
from services.command.up import settings_with
from services.matching.planning.scenario import Area, fictional_area
from shared.events.encounters import EncounterTold
from shared.logging import configure_logging
from shared.settings import Settings

_HELP = """See the product at work: a careers hub of invented schools and employers, planned and confirmed in a minute or two.

It starts its own Kafka and PostgreSQL, submits a whole area's availability, pledges and requests as the events that
real users send, plans the year, approves and publishes it as the hub's coordinator, and shows what came of it. Then it
stays up, with one sign-in for each role, until Ctrl-C. Its data lie apart and begin anew each time.
"""
_REASONS = {
    "no-offer-for-year": "no employer sees their year group",
    "mode": "no offer of a kind they can take",
    "adjustments": "no offer meets their adjustments",
    "out-of-reach": "every offer is out of reach",
    "no-common-window": "no time that suits both sides",
    "too-large": "no room is large enough",
    "hosting-limit": "their school can host no more at those times",
    "shared-shortage": "they compete for too few sessions",
    "crowded-out": "placing them would leave out as many others",
    "not-proven": "perhaps possible: the search found no place",
}
_SHOWN_REASONS = 4
_SHOWN_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo achieved, for its summary."""

    timetable: dict[str, Any]
    shortfalls: list[dict[str, Any]]
    remedies: list[dict[str, Any]]
    told: list[EncounterTold]
    submitted: int
    refused: int
    seconds: float


def register(app: typer.Typer) -> None:
    """Add the demo to the product's one command."""
    app.command(help=_HELP)(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the summary instead of staying up.")] = False,
    schools: Annotated[int, typer.Option(min=1, max=60, help="Invented schools.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Another seed invents another hub.")] = 2026,
    seats: Annotated[str, typer.Option(help="Seats of all offers together, as a multiple of the students.")] = "1.05",
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Budget of the planning run.")] = 45,
    state_dir: Annotated[Path, typer.Option(help="Where the demo's data lie; they begin anew.")] = Path(".state/demo"),
) -> None:
    """Show the product at work."""
    console = Console()
    configure_logging("ERROR", "console")
    area = fictional_area(schools, seed, Decimal(seats))
    settings = settings_with(state_dir)
    try:
        _forget(state_dir)
        asyncio.run(_demo(settings, area, seconds, once, console))
    except (embedded.CannotStart, PlanFailed, TimeoutError) as fault:
        console.print(f"encounters demo: {fault}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _forget(state_dir: Path) -> None:
    """Throw away what an earlier demo left; never while one runs on it."""
    if state_dir.exists() and holder(state_dir) is None:
        shutil.rmtree(state_dir)


async def _demo(settings: Settings, area: Area, seconds: float, once: bool, console: Console) -> None:
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
            return
        stopped.cancel()
        result, people = work.result()
        _print_summary(console, area, result)
        if once:
            return
        _print_sign_ins(console, ready, people)
        await stop.wait()
        console.print("stopping", style="dim")


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
    columns = (TextColumn("· submissions answered"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        for stage in stages:
            answers = await submit(settings, "/demo", stage, partial(_show_answers, progress, task, done))
            done += answers.count()
            refused += len(answers.refused)
    return total, refused


def _show_answers(progress: Progress, task: TaskID, before: int, count: int) -> None:
    progress.update(task, completed=before + count)


async def _plan(coordinator: Coordinator, seconds: float, console: Console) -> dict[str, Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        task = progress.add_task("planning", total=seconds)

        def show(run: dict[str, Any]) -> None:
            said = f"planning: {run['covered']:,} of at most {run['bound']:,} students" if run["bound"] else "planning"
            progress.update(task, completed=min(run["seconds"], seconds), description=said)

        return await coordinator.plan(seconds, show)


def _print_summary(console: Console, area: Area, result: Result) -> None:
    timetable = result.timetable
    levels = {level["name"]: level["value"] for level in timetable["levels"]}
    pledged = sum(pledge.students for pledge in area.problem.pledges)
    confirmed = {event.encounter for event in result.told}
    lines = Table.grid(padding=(0, 2))
    lines.add_column(justify="right", style="bold")
    lines.add_column()
    covered, bound, students = timetable["covered"], timetable["bound"], timetable["students"]
    lines.add_row(
        f"{students:,}", f"students in {len(area.problem.groups)} groups of {len(area.problem.schools)} schools"
    )
    lines.add_row(f"{covered:,}", f"have an encounter this year ({covered / students:.1%})")
    proven = "proven: no timetable covers more than these" if bound < students else "no bound below all students"
    lines.add_row(f"{bound:,}", f"{proven} (gap {timetable['gap']:.2%})")
    lines.add_row(
        f"{int(levels.get('pledged', 0)):,}",
        f"of {pledged:,} pledged student encounters kept by {len(area.problem.pledges)} Cornerstone Employers",
    )
    lines.add_row(
        f"{len(confirmed):,}", f"encounters confirmed, {len(result.told):,} invitations to employers and schools"
    )
    lines.add_row(f"{result.submitted:,}", f"submissions as events, {result.refused} refused")
    lines.add_row(f"{result.seconds:.0f}", f"seconds in all, {timetable['seconds']:.0f} of them planning")
    console.print(Panel(lines, title=f"[bold]{area.problem.hub.name}", expand=False))
    if result.shortfalls:
        _print_left_out(console, result)


def _print_left_out(console: Console, result: Result) -> None:
    students: Counter[str] = Counter()
    for one in result.shortfalls:
        students[one["code"]] += one["students"]
    console.print(f"[bold]Left out: {sum(students.values()):,} students, and why")
    for code, count in students.most_common(_SHOWN_REASONS):
        groups = [one for one in result.shortfalls if one["code"] == code]
        console.print(f"  {count:>6,}  {_REASONS.get(code, code)} ({len(groups)} groups)")
        for one in list({one["school"]: one for one in groups}.values())[:_SHOWN_GROUPS]:
            console.print(f"          {one['sentence']}", style="dim", markup=False, soft_wrap=True)
    if result.remedies:
        console.print("[bold]What would help most")
        for one in result.remedies[:_SHOWN_GROUPS]:
            console.print(f"  {one['would_cover']:>+6,}  {one['text']}", markup=False, soft_wrap=True)


def _print_sign_ins(console: Console, settings: Settings, people: list[SignIn]) -> None:
    console.print(f"[bold]Sign in at {local_portal(settings)}")
    for person in people:
        line = f"  {person.role:<12} {person.email:<42} password {person.password}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print("Ctrl-C stops everything.", style="dim")
    sys.stdout.flush()
