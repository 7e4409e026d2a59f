"""Facts as records of the planning problem: one function a kind, and what is left open is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal

from services.matching.planning.model import (
    Employer,
    Group,
    Meaningful,
    Offer,
    Points,
    Policy,
    School,
)
from shared.events.facts import (
    AvailabilityRegistered,
    EmployerRegistered,
    RequestRegistered,
    SchoolDescribed,
    SchoolRegistered,
)
from shared.events.policy import HubPolicy

_MOST_SCHOOLS: Mapping[str, int | None] = {"in_school": 1, "workplace": 2, "virtual": None}


def exact(number: float) -> Decimal:
    """Give the decimal that somebody wrote: the shortest one that reads as this number."""
    return Decimal(repr(number))


def policy_of(policy: HubPolicy, *, repair: bool) -> Policy:
    """Give a hub's policy for a first plan or a repair."""
    points = Points(**{point.name: exact(getattr(policy.points, point.name)) for point in fields(Points)})
    return Policy(
        start_step_minutes=policy.start_step_minutes,
        transfer_minutes=policy.transfer_minutes,
        road_factor=exact(policy.road_factor),
        speed_kmh=exact(policy.speed_kmh),
        max_travel_km=exact(policy.max_travel_km),
        floor_share=exact(policy.floor_share),
        floor_weight_special=exact(policy.floor_weight_special),
        floor_weight_disadvantaged=exact(policy.floor_weight_disadvantaged),
        disadvantaged_from=exact(policy.disadvantaged_from),
        stem_sectors=policy.stem_sectors,
        points=points,
        min_part=policy.min_part,
        repair=repair,
        move_price=exact(policy.move_price),
    )


def school_of(fact: SchoolRegistered, profile: SchoolDescribed | None) -> School:
    """Give a school; one that has not described itself hosts one visit at a time."""
    return School(
        id=fact.school,
        name=fact.name,
        position=fact.position,
        hosting_limit=profile.hosting_limit if profile else 1,
        fsm_share=exact(fact.fsm_share),
        special=fact.special,
    )


def employer_of(fact: EmployerRegistered, policy: Policy) -> Employer:
    """Give an employer; whether it is a STEM employer follows from its sectors unless it says so itself."""
    sectors = frozenset(fact.sectors)
    return Employer(
        id=fact.employer,
        name=fact.name,
        position=fact.position,
        sectors=sectors,
        radius_km=exact(fact.radius_km),
        stem=bool(sectors & set(policy.stem_sectors)) if fact.stem is None else fact.stem,
        max_sessions_per_day=fact.max_sessions_per_day,
        max_sessions=fact.max_sessions,
    )


def offer_of(fact: AvailabilityRegistered, employer: EmployerRegistered) -> Offer:
    """Give an offer, still without its calendar."""
    return Offer(
        id=fact.availability,
        employer=fact.employer,
        mode=fact.mode,
        calendars=(),
        duration_minutes=fact.duration_minutes,
        max_sessions=fact.max_sessions,
        seats=fact.seats,
        years=frozenset(fact.years),
        max_schools=_MOST_SCHOOLS[fact.mode] if fact.max_schools is None else fact.max_schools,
        position=fact.position or employer.position,
        presenter=fact.presenter or fact.employer,
        adjustments=frozenset(fact.adjustments),
        meaningful=Meaningful(**fact.meaningful.model_dump()),
    )


def group_of(fact: RequestRegistered, calendars: tuple[str, ...], policy: Policy) -> Group:
    """Give a group that can be seen in these calendars."""
    return Group(
        id=fact.group,
        school=fact.school,
        year=fact.year,
        size=fact.size,
        calendars=calendars,
        needed=fact.needed,
        sectors_asked=frozenset(fact.sectors_asked),
        sectors_met=frozenset(fact.sectors_met),
        stem_needed=fact.stem_needed,
        modes=frozenset(fact.modes),
        adjustments=frozenset(fact.adjustments),
        max_travel_km=policy.max_travel_km if fact.max_travel_km is None else exact(fact.max_travel_km),
        may_split=fact.may_split,
    )
