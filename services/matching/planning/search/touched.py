"""Whom a plan touches, against what people have been told: the parties who need a message, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.matching.planning.model import Problem, Session

Place = tuple[str, int, str | None, str]


def touched_by(problem: Problem, sessions: Sequence[Session]) -> dict[str, Any]:
    """Count by employer and by school the students whose told attendance is gone, and those who have a new one.

    Parties whose plan is as they were told do not appear. An offer or a group that no longer exists counts for the side
    that still does.
    """
    told, planned = _places(problem.in_force or ()), _places(sessions)
    employers: dict[str, dict[str, int]] = {}
    schools: dict[str, dict[str, int]] = {}
    employer_of = {offer.id: offer.employer for offer in problem.offers}
    school_of = {group.id: group.school for group in problem.groups}
    for change, before, after in (("gone", told, planned), ("new", planned, told)):
        for place, students in before.items():
            if after.get(place) == students:
                continue
            employer, school = employer_of.get(place[0]), school_of.get(place[3])
            if employer is not None:
                _count(employers, employer, change, students)
            if school is not None:
                _count(schools, school, change, students)
    return {"employers": dict(sorted(employers.items())), "schools": dict(sorted(schools.items()))}


def _places(sessions: Sequence[Session]) -> dict[Place, int]:
    return {
        (session.offer, session.start, session.school, attendance.group): attendance.students
        for session in sessions
        for attendance in session.attendances
    }


def _count(parties: dict[str, dict[str, int]], party: str, change: str, students: int) -> None:
    counts = parties.setdefault(party, {"gone": 0, "new": 0})
    counts[change] += students
