"""Requests: which groups of a school need encounters."""

from __future__ import annotations

import re

from services.intake.deciding.outcome import Built, refuse
from services.intake.deciding.schools import taught, unknown_school
from services.intake.register import Entry, Register
from shared.events.facts import RequestRegistered
from shared.events.fields import Mode, Reason
from shared.events.submissions import RegisterSchool, SubmitRequest

_UPN = re.compile(r"[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]", re.IGNORECASE)
MODES: tuple[Mode, ...] = ("in_school", "workplace", "virtual")


def build_request(said: SubmitRequest, register: Register, version: int, was: Entry | None) -> Built:  # noqa: ARG001 - as all builders
    """Make the fact of a request; group, year and calendars fit the school."""
    school = register.school(said.school)
    hub = register.hub_of_school(said.school)
    if school is None or hub is None:
        return Built(None, (unknown_school(said.school),))
    fact = RequestRegistered(
        version=version,
        hub=hub,
        school=said.school,
        group=said.group,
        year=said.year,
        size=said.size,
        calendars=said.calendars,
        needed=said.needed,
        sectors_asked=tuple(sorted(said.sectors_asked)),
        sectors_met=tuple(sorted(said.sectors_met)),
        stem_needed=said.stem_needed,
        modes=tuple(mode for mode in MODES if mode in said.modes),
        adjustments=tuple(sorted(said.adjustments)),
        max_travel_km=said.max_travel_km,
        may_split=said.may_split,
    )
    return Built(fact, (*_no_pupil(said), *_fits(said, school), *_calendars(said, register)), hub)


def _no_pupil(said: SubmitRequest) -> list[Reason]:
    """Refuse a Unique Pupil Number for an id: it names a child, and using it for this is unlawful."""
    if not _UPN.fullmatch(said.group):
        return []
    return [
        refuse("/group", "the id has the form of a Unique Pupil Number", "give the group an id that names no pupil")
    ]


def _fits(said: SubmitRequest, school: RegisterSchool) -> list[Reason]:
    reasons = []
    if school.pupils is not None and said.size > school.pupils:
        reasons.append(
            refuse(
                "/size",
                f"a group of {said.size} is larger than the school, which has {school.pupils} pupils",
                "give the number of students of this group alone",
            )
        )
    if not taught(said.year, school.low_age, school.high_age):
        reasons.append(
            refuse(
                "/year",
                f"Year {said.year} (age {said.year + 4} to {said.year + 5}) is outside the school's ages, "
                f"{_age(school.low_age)} to {_age(school.high_age)}",
                "correct the year group, or have the school's ages corrected in its registration",
            )
        )
    return reasons


def _age(age: int | None) -> str:
    return "any" if age is None else str(age)


def _calendars(said: SubmitRequest, register: Register) -> list[Reason]:
    known = register.calendars.get(said.school, frozenset())
    return [
        refuse(
            f"/calendars/{index}",
            f"the school has no calendar {name}",
            f"name calendars of its profile ({_some(known)}), or add this one to the profile first",
        )
        for index, name in enumerate(said.calendars)
        if name not in known
    ]


def _some(known: frozenset[str]) -> str:
    return ", ".join(sorted(known)[:10]) or "none yet"
