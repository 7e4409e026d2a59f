"""Hubs: their local authorities, academic year and terms."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from zoneinfo import available_timezones

from services.intake.calendar.open_days import year_bounds
from services.intake.deciding.outcome import Built, refuse
from services.intake.register import Entry, Register
from shared.events.facts import HubRegistered
from shared.events.fields import Reason
from shared.events.submissions import RegisterHub, RegisterSchool


def build_hub(said: RegisterHub, register: Register, version: int, was: Entry | None) -> Built:
    """Make the fact of a hub; its terms lie in its academic year and its local authorities in no other hub."""
    reasons = [*_time_zone(said), *_terms(said), *_authorities(said, register)]
    if was:
        reasons += _still_needed(said, register)
    fact = HubRegistered(
        version=version,
        hub=said.hub,
        name=said.name,
        time_zone=said.time_zone,
        local_authorities=said.local_authorities,
        academic_year=said.academic_year,
        terms=said.terms,
        policy=said.policy,
        notice_school_days=said.notice_school_days,
    )
    return Built(fact, tuple(reasons), said.hub)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _time_zone(said: RegisterHub) -> list[Reason]:
    if said.time_zone in _zones():
        return []
    return [refuse("/time_zone", f"{said.time_zone} is no time zone", "name it as in Europe/London")]


def _terms(said: RegisterHub) -> list[Reason]:
    first, last = year_bounds(said.academic_year)
    reasons = []
    for index, term in enumerate(said.terms):
        if term.end < term.start:
            reasons.append(
                refuse(
                    f"/terms/{index}/end",
                    f"the term ends {term.end}, before it starts {term.start}",
                    "swap the two dates",
                )
            )
        elif term.start < first or term.end > last:
            reasons.append(
                refuse(
                    f"/terms/{index}",
                    f"the term {term.start} to {term.end} is not within the academic year {said.academic_year}",
                    f"give terms between {first} and {last}",
                )
            )
    ordered = sorted(said.terms, key=lambda term: term.start)
    reasons += [
        refuse(
            "/terms", f"the terms from {before.start} and from {after.start} overlap", "end one before the next starts"
        )
        for before, after in pairwise(ordered)
        if after.start <= before.end
    ]
    return reasons


def _authorities(said: RegisterHub, register: Register) -> list[Reason]:
    reasons = []
    for index, code in enumerate(said.local_authorities):
        pointer = f"/local_authorities/{index}"
        if code in said.local_authorities[:index]:
            reasons.append(refuse(pointer, f"local authority {code} is named twice", "name it once"))
            continue
        holder = register.hub_of_authority(code)
        if holder and holder.hub != said.hub:
            reasons.append(
                refuse(
                    pointer,
                    f"local authority {code} belongs to the hub {holder.hub} already",
                    f"take it from {holder.hub} first: a school is in one hub only",
                )
            )
    return reasons


def _still_needed(said: RegisterHub, register: Register) -> list[Reason]:
    """Keep a local authority in its hub while schools of it are registered."""
    left: dict[str, list[str]] = {}
    for entry in register.of_kind("school"):
        school = entry.submission
        if (
            entry.hub == said.hub
            and isinstance(school, RegisterSchool)
            and school.local_authority not in said.local_authorities
        ):
            left.setdefault(school.local_authority, []).append(school.school)
    return [
        refuse(
            "/local_authorities",
            f"local authority {code} is missing, and {len(schools)} of its schools are in this hub, such as {schools[0]}",
            f"keep {code}, or register these schools under another local authority first",
        )
        for code, schools in sorted(left.items())
    ]
