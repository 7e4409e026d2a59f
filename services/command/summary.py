"""What came of a plan, as a coordinator likes to read it: how many meet an employer, how good that is, who does not, why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from services.matching.planning.scenario import Area
from services.matching.planning.telling import how_known
from shared.events.encounters import EncounterTold

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
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Result:
    """What was achieved, from submissions to confirmations."""

    timetable: dict[str, Any]
    shortfalls: list[dict[str, Any]]
    remedies: list[dict[str, Any]]
    told: list[EncounterTold]
    submitted: int
    refused: int
    seconds: float


def print_summary(console: Console, area: Area, result: Result) -> None:
    """Print the figures, who is left out and why, and what would help most."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(justify="right", style="bold")
    lines.add_column()
    for figure, meaning in figures(area, result):
        lines.add_row(figure, meaning)
    console.print(Panel(lines, title=f"[bold]{area.problem.hub.name}", expand=False))
    if result.shortfalls:
        _print_left_out(console, result)
    if result.remedies:
        console.print("\n[bold]What would help most: ask, and so many more students meet an employer")
        for one in result.remedies[:_SHOWN]:
            console.print(f"  {one['would_cover']:>+6,}  {one['text']}", markup=False, soft_wrap=True)
    console.print()


def figures(area: Area, result: Result) -> list[tuple[str, str]]:
    """Give each figure with what it means."""
    problem, timetable = area.problem, result.timetable
    levels = {level["name"]: level["value"] for level in timetable["levels"]}
    pledged = sum(pledge.students for pledge in problem.pledges)
    kept = int(levels.get("pledged", 0))
    covered, bound, students = timetable["covered"], timetable["bound"], timetable["students"]
    how = how_known(bound, students, timetable["method"], timetable["certified_bound"])
    confirmed = len({event.encounter for event in result.told})
    return [
        (f"{students:,}", f"students in {len(problem.groups)} groups of {len(problem.schools)} schools"),
        (f"{covered:,}", f"of them meet an employer this year ({covered / students:.1%})"),
        (f"{bound:,}", f"is the most that could, with what is offered ({how})"),
        (f"{timetable['gap']:.2%}", f"gap: at most {bound - covered:,} students from the best possible"),
        (
            f"{kept:,}",
            f"of {pledged:,} pledged student encounters kept, by {len(problem.pledges)} Cornerstone Employers",
        ),
        (f"{confirmed:,}", f"sessions confirmed, with {len(result.told):,} invitations to employers and schools"),
        (f"{result.submitted:,}", f"submissions went through as events, {result.refused} were refused"),
        (f"{result.seconds:.0f}", f"seconds in all, {timetable['seconds']:.0f} of them planning"),
    ]


def _print_left_out(console: Console, result: Result) -> None:
    students: Counter[str] = Counter()
    for one in result.shortfalls:
        students[one["code"]] += one["students"]
    console.print(f"\n[bold]Left out: {students.total():,} students, and why")
    for code, count in students.most_common():
        groups = [one for one in result.shortfalls if one["code"] == code]
        many = f"{len(groups)} group{'' if len(groups) == 1 else 's'}"
        console.print(f"  {count:>6,}  [bold]{_REASONS.get(code, code)}[/] ({many}): {_where(groups)}", soft_wrap=True)
        example = max(groups, key=lambda one: one["students"])["sentence"]
        console.print(f"          {example}", style="dim", markup=False, soft_wrap=True)


def _where(groups: list[dict[str, Any]]) -> str:
    """Name the schools with the most students among these groups."""
    students: Counter[str] = Counter()
    for one in groups:
        students[one["school_name"]] += one["students"]
    named = [f"{school} {count:,}" for school, count in students.most_common(_SHOWN)]
    return ", ".join(named) + (f" and {len(students) - _SHOWN} more schools" if len(students) > _SHOWN else "")
