"""Whom a plan touches, against what people have been told: the parties who need a message, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.matching.planning.model import Problem, Session

Place = tuple[str, int, str | None, str]
Counts = dict[str, dict[str, int]]


def touched_by(problem: Problem, sessions: Sequence[Session]) -> dict[str, Any]:
    """Count for each party the students whose told attendance is gone, and those who have a new one.

    Parties whose plan is as they were told do not appear. Employers and schools stand by their ids, schools that the
    problem no longer has among them; so do `offers` and `groups` that people were told of and that it no longer has.
    """
    told, planned = _places(problem.in_force or ()), _places(sessions)
    touched: dict[str, Counts] = {"employers": {}, "schools": {}, "offers": {}, "groups": {}}
    employer_of = {offer.id: offer.employer for offer in problem.offers}
    school_of = {group.id: group.school for group in problem.groups}
    for change, before, after in (("gone", told, planned), ("new", planned, told)):
        for place, students in before.items():
            if after.get(place) == students:
                continue
            offer, _, host, group = place
            if offer in employer_of:
                _count(touched["employers"], employer_of[offer], change, students)
            else:
                _count(touched["offers"], offer, change, students)
            if group not in school_of:
                _count(touched["groups"], group, change, students)
            for school in {school_of.get(group), host}:
                if school is not None:
                    _count(touched["schools"], school, change, students)
    return {kind: dict(sorted(counts.items())) for kind, counts in touched.items()}


def _places(sessions: Sequence[Session]) -> dict[Place, int]:
    return {
        (session.offer, session.start, session.school, attendance.group): attendance.students
        for session in sessions
        for attendance in session.attendances
    }


def _count(parties: Counts, party: str, change: str, students: int) -> None:
    counts = parties.setdefault(party, {"gone": 0, "new": 0})
    counts[change] += students
