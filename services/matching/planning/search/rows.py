"""A plan as rows of numbers (what workers send each other), as people were told it, and as the sessions of a timetable.

Loads no compiled loops: the planning process needs none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.model import Attendance, Problem, Session

Rows = NDArray[np.int32]  # (attendances, 6): offer, start, school (-1: none), group, students, pinned
COLUMNS = 6


class Numbers:
    """From ids to rows of the board and back."""

    def __init__(self, problem: Problem) -> None:
        self.offers = {offer.id: i for i, offer in enumerate(problem.offers)}
        self.groups = {group.id: i for i, group in enumerate(problem.groups)}
        self.schools = {school.id: i for i, school in enumerate(problem.schools)}
        self.employers = {employer.id: i for i, employer in enumerate(problem.employers)}
        self.presenters: dict[str, int] = {}
        for offer in problem.offers:
            self.presenters.setdefault(offer.presenter, len(self.presenters))


def no_rows() -> Rows:
    """Return the plan in which nobody attends anything."""
    return np.zeros((0, COLUMNS), np.int32)


def in_order(rows: Rows) -> Rows:
    """Sort rows, so that one plan is always the same rows."""
    return rows[np.lexsort(rows.T[::-1])]


def rows_of_pins(problem: Problem) -> Rows:
    """Return the plan of the pins alone."""
    numbers = Numbers(problem)
    rows = [
        (numbers.offers[p.offer], p.start, _school(numbers, p.school), numbers.groups[p.group], p.students, 1) for p in problem.pinned
    ]  # fmt: skip
    return in_order(np.array(rows, dtype=np.int32).reshape(-1, COLUMNS))


def with_pins(rows: Rows, pins: Rows) -> Rows:
    """Mark the pinned ones of these rows."""
    pinned = {tuple(pin[:4]) for pin in pins.tolist()}
    marked = rows.copy()
    marked[:, 5] = [tuple(row[:4]) in pinned for row in rows.tolist()]
    return marked


def rows_in_force(problem: Problem) -> Rows:
    """Return what people have been told, as far as it still exists."""
    numbers = Numbers(problem)
    rows = [
        (numbers.offers[s.offer], s.start, _school(numbers, s.school), numbers.groups[a.group], a.students, 0)
        for s in problem.in_force or ()
        for a in s.attendances
        if s.offer in numbers.offers and a.group in numbers.groups and (s.school is None or s.school in numbers.schools)
    ]
    return in_order(np.array(rows, dtype=np.int32).reshape(-1, COLUMNS))


def offers_that_differ(one: Rows, other: Rows) -> Rows:
    """Return the offers whose sessions are not the same in two plans."""
    rows, counts = np.unique(np.concatenate((one, other)), axis=0, return_counts=True)
    return np.unique(rows[counts == 1][:, 0])


def _school(numbers: Numbers, school: str | None) -> int:
    return -1 if school is None else numbers.schools[school]


def sessions_of_rows(problem: Problem, rows: Rows) -> tuple[Session, ...]:
    """Write rows as sessions, by start and offer; a session that people have been told of keeps its id."""
    told = {(s.offer, s.start, s.school): s.id for s in problem.in_force or ()}
    attendances: dict[tuple[int, int, int], list[Attendance]] = {}
    for offer, start, school, group, students, _pinned in rows.tolist():
        attendance = Attendance(problem.groups[group].id, students)
        attendances.setdefault((start, offer, school), []).append(attendance)
    sessions, taken = [], set(told.values())
    for (start, offer, school), members in sorted(attendances.items()):
        name = problem.offers[offer].id
        host = problem.schools[school].id if school >= 0 else None
        identity = told.get((name, start, host)) or _free_id(f"{name}@{_stamp(start)}", taken)
        taken.add(identity)
        sessions.append(Session(identity, name, start, host, tuple(members)))
    return tuple(sessions)


def _stamp(start: int) -> str:
    return str(np.datetime64(start, "m"))


def _free_id(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}#{number}", number + 1
    return name
