"""Tiny problems and plans that show only what a test is about.

`make_problem(offers=[make_offer(seats=30)])` is a whole valid problem: one school, one group, one employer close by.
Positions are on one meridian, so that a tenth of a degree is 11.12 km.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from services.matching.planning.checker import check_sessions
from services.matching.planning.clock import Clock
from services.matching.planning.levels import covered_by_group, reckon_levels
from services.matching.planning.model import Attendance, Problem, Proof, Session, Timetable, Unmet
from services.matching.planning.reading import ProblemFile, problem_file_from_json
from services.matching.planning.rules import Known, Plan
from services.matching.planning.structural import structural_reason

MONDAY, TUESDAY, WEDNESDAY = "2026-10-05", "2026-10-06", "2026-10-07"


def between(start: str, end: str, *days: str) -> list[list[str]]:
    """Give one window a day."""
    return [[f"{day}T{start}", f"{day}T{end}"] for day in days]


MONDAY_AM = between("09:00", "12:00", MONDAY)
TUESDAY_AM = between("09:00", "12:00", TUESDAY)
TUESDAY_PM = between("13:00", "16:00", TUESDAY)
WEDNESDAY_AM = between("09:00", "12:00", WEDNESDAY)
ALL_WEEK = between("08:00", "18:00", MONDAY, TUESDAY, WEDNESDAY)
AT_9, AT_10, AT_11 = f"{TUESDAY}T09:00", f"{TUESDAY}T10:00", f"{TUESDAY}T11:00"
HOME, NEAR, FAR = [51.0, 0.5], [51.1, 0.5], [52.0, 0.5]


def make_school(id: str = "S1", **fields: Any) -> dict[str, Any]:  # noqa: A002 - the format's own word
    """Give a school that hosts one session at a time."""
    return {"id": id, "name": f"School {id}", "position": HOME, "hosting_limit": 1, **fields}


def make_group(id: str = "G1", on: list[list[str]] | None = None, **fields: Any) -> dict[str, Any]:  # noqa: A002
    """Give 25 students of Year 9 who can be seen on Tuesday morning."""
    return {"id": id, "school": "S1", "year": 9, "size": 25, "calendars": [on or TUESDAY_AM], **fields}


def make_employer(id: str = "E1", **fields: Any) -> dict[str, Any]:  # noqa: A002
    """Give an employer of sector C at the school's own place."""
    return {"id": id, "name": f"Employer {id}", "position": HOME, "sectors": ["C"], "radius_km": 20, **fields}


def make_offer(id: str = "O1", on: list[list[str]] | None = None, **fields: Any) -> dict[str, Any]:  # noqa: A002
    """Give an hour in school for 60 students of Years 8 to 10, twice, at any time of three days."""
    return {
        "id": id,
        "employer": "E1",
        "mode": "in_school",
        "calendars": [on or ALL_WEEK],
        "duration_minutes": 60,
        "max_sessions": 2,
        "seats": 60,
        "years": [8, 9, 10],
        **fields,
    }


def make_tree(
    *,
    schools: list[dict[str, Any]] | None = None,
    groups: list[dict[str, Any]] | None = None,
    employers: list[dict[str, Any]] | None = None,
    offers: list[dict[str, Any]] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Give a problem as JSON; windows written in place of calendar ids become calendars of their own."""
    tree: dict[str, Any] = {
        "format": "seven-encounters/problem/1",
        "hub": {"id": "H", "name": "Hub", "time_zone": "Europe/London"},
        "academic_year": "2026/27",
        "calendars": {},
        "schools": [make_school()] if schools is None else schools,
        "groups": [make_group()] if groups is None else groups,
        "employers": [make_employer()] if employers is None else employers,
        "offers": [make_offer()] if offers is None else offers,
        **fields,
    }
    tree = deepcopy(tree)  # a test may use one record in several problems
    for record in (*tree["groups"], *tree["offers"]):
        for place, calendar in enumerate(record["calendars"]):
            if isinstance(calendar, list):
                name = f"{record['id']}-{place}"
                tree["calendars"][name] = calendar
                record["calendars"][place] = name
    return tree


def make_file(**fields: Any) -> ProblemFile:
    """Give a problem file."""
    return problem_file_from_json(make_tree(**fields))


def make_problem(**fields: Any) -> Problem:
    """Give a problem."""
    return make_file(**fields).problem


def minute(text: str) -> int:
    """Give the minute of a local time in London."""
    return Clock("Europe/London").minute(text)


def make_session(
    id: str = "X1",  # noqa: A002 - the format's own word
    offer: str = "O1",
    at: str = AT_9,
    school: str | None = "S1",
    **students: int,
) -> Session:
    """Give a session with the students of each group (25 of G1 when none is named)."""
    attendances = students or {"G1": 25}
    return Session(id, offer, minute(at), school, tuple(Attendance(*each) for each in attendances.items()))


def broken(problem: Problem, *sessions: Session) -> set[str]:
    """Give the codes of the rules that a plan breaks."""
    return {violation.code for violation in check_sessions(problem, sessions)}


def timetable_of(file: ProblemFile, sessions: list[Session], **fields: Any) -> Timetable:
    """Give the honest timetable of a plan, with the number of students as its bound."""
    problem = file.problem
    levels = reckon_levels(problem, sessions)
    covered = int(next(level.value for level in levels if level.name == "covered"))
    students = sum(group.size for group in problem.groups)
    proof = Proof(covered, students, (students - covered) / max(1, students), "students")
    return Timetable(file.sha256, tuple(sessions), levels, proof, _unmet(problem, sessions), **fields)


def _unmet(problem: Problem, sessions: list[Session]) -> tuple[Unmet, ...]:
    covered, found = covered_by_group(Plan(Known(problem), sessions)), []
    for group in problem.groups:
        missing = group.size - covered.get(group.id, 0)
        reason = structural_reason(problem, group.id)
        if missing > 0 and reason:
            found.append(Unmet(group.id, missing, reason.code, reason.facts))
        elif missing > 0:
            found.append(Unmet(group.id, missing, "not-proven", {}))
    return tuple(found)
