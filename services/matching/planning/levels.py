"""What a plan reaches at each level, reckoned exactly; each level is optimised before the next.

The plan is expected to keep the hard rules. Shares, weights, points and prices are decimals as written, and every value
is an exact `Decimal`: nothing is ever rounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, Inexact, localcontext
from math import ceil
from typing import Literal

from services.matching.planning.model import Employer, Group, Level, Offer, Problem, School, Session
from services.matching.planning.rules.view import Known, Plan, Seating

Sense = Literal["min", "max"]
SENSES: dict[str, Sense] = {
    "floor_shortfall": "min",
    "net_covered": "max",
    "covered": "max",
    "encounters": "max",
    "pledged": "max",
    "pledged_first": "max",
    "preference": "max",
    "cost": "min",
    "changes": "min",
}
LEVELS = ("floor_shortfall", "covered", "encounters", "pledged", "pledged_first", "preference", "cost", "changes")
LEVELS_OF_A_REPAIR = (
    "floor_shortfall",
    "net_covered",
    "covered",
    "changes",
    "encounters",
    "pledged",
    "pledged_first",
    "preference",
    "cost",
)
_EXACT = Context(prec=20_000, traps=[Inexact])


def level_names(problem: Problem) -> tuple[str, ...]:
    """Give the names of the levels in their order, which is another one in a repair."""
    return LEVELS_OF_A_REPAIR if problem.policy.repair else LEVELS


def reckon_levels(problem: Problem, sessions: Sequence[Session], *, known: Known | None = None) -> tuple[Level, ...]:
    """Give the value that a plan reaches at every level, in order, without bounds.

    `known` (of the same problem) saves arranging it again.
    """
    plan = Plan(known or Known(problem), sessions)
    with localcontext(_EXACT):
        return tuple(Level(name, _VALUES[name](plan)) for name in level_names(problem))


def covered_by_group(plan: Plan) -> dict[str, int]:
    """Give the students of each attending group who have an encounter: all, or those in its parts."""
    return {id_: _covered(seatings) for id_, seatings in plan.seatings_of_group.items()}


def _covered(seatings: Sequence[Seating]) -> int:
    group = seatings[0].group
    if any(not seating.part for seating in seatings):
        return group.size
    return sum(seating.students for seating in seatings)


def floor_of(known: Known, school: School) -> int:
    """Give how many of a school's students are guaranteed an encounter."""
    students = sum(group.size for group in known.groups_of_school.get(school.id, ()))
    with localcontext(_EXACT):
        return ceil(known.policy.floor_share * students)


def floor_weight(known: Known, school: School) -> Decimal:
    """Give what one student below a school's floor weighs."""
    weight = Decimal(1)
    with localcontext(_EXACT):
        if school.special:
            weight *= known.policy.floor_weight_special
        if school.fsm_share >= known.policy.disadvantaged_from:
            weight *= known.policy.floor_weight_disadvantaged
    return weight


def points_of(known: Known, group: Group, offer: Offer, employer: Employer) -> Decimal:
    """Give the points of one student of a group at an offer's session."""
    points, total = known.policy.points, Decimal(0)
    if group.sectors_asked & employer.sectors:
        total += points.asked
    if employer.sectors - group.sectors_met:
        total += points.new_sector
    if group.stem_needed and employer.stem:
        total += points.stem
    if offer.mode != "virtual":
        total += points.in_person
    if offer.meaningful.all_hold():
        total += points.meaningful
    return total


def _floor_shortfall(plan: Plan) -> Decimal:
    covered, at_school = covered_by_group(plan), defaultdict[str, int](int)
    for group, students in covered.items():
        at_school[plan.known.groups[group].school] += students
    total = Decimal(0)
    for school in plan.known.problem.schools:
        short = floor_of(plan.known, school) - at_school[school.id]
        if short > 0:
            total += floor_weight(plan.known, school) * short
    return total


def _all_covered(plan: Plan) -> Decimal:
    return Decimal(sum(covered_by_group(plan).values()))


def _net_covered(plan: Plan) -> Decimal:
    return _all_covered(plan) - plan.known.policy.move_price * _changes(plan)


def _encounters(plan: Plan) -> Decimal:
    total = 0
    for seatings in plan.seatings_of_group.values():
        group = seatings[0].group
        whole = sum(not seating.part for seating in seatings)
        total += min(whole, group.needed) * group.size if whole else _covered(seatings)
    return Decimal(total)


def _pledged(plan: Plan) -> Decimal:
    students: dict[str, int] = defaultdict(int)
    for seating in _seatings(plan):
        students[seating.offer.employer] += seating.students
    return Decimal(sum(min(pledge.students, students[pledge.employer]) for pledge in plan.known.problem.pledges))


def _pledged_first(plan: Plan) -> Decimal:
    students: dict[tuple[str, str], int] = defaultdict(int)
    for seating in _seatings(plan):
        students[seating.offer.employer, seating.group.school] += seating.students
    return Decimal(
        sum(
            min(pledge.students, sum(students[pledge.employer, school] for school in pledge.schools_first))
            for pledge in plan.known.problem.pledges
        )
    )


def _preference(plan: Plan) -> Decimal:
    total = Decimal(0)
    for seating in _seatings(plan):
        employer = plan.known.employers[seating.offer.employer]
        total += points_of(plan.known, seating.group, seating.offer, employer) * seating.students
    return total


def _cost(plan: Plan) -> Decimal:
    total = 0
    for session in plan.by_id.values():
        offer = plan.known.offers[session.offer]
        total += offer.duration_minutes
        if offer.mode == "virtual":
            continue
        guests = {seating.group.school for seating in plan.seatings_of_session[session.id]}
        for school in guests if session.school is None else {session.school}:
            total += 2 * plan.known.travel(offer.position, plan.known.schools[school].position)
    return Decimal(total)


def _changes(plan: Plan) -> Decimal:
    planned = {
        (session.offer, session.start, session.school, attendance.group)
        for session in plan.by_id.values()
        for attendance in session.attendances
    }
    return Decimal(
        sum(
            attendance.students
            for session in plan.known.problem.in_force or ()
            for attendance in session.attendances
            if (session.offer, session.start, session.school, attendance.group) not in planned
        )
    )


def _seatings(plan: Plan) -> list[Seating]:
    return [seating for seatings in plan.seatings_of_session.values() for seating in seatings]


_VALUES: Mapping[str, Callable[[Plan], Decimal]] = {
    "floor_shortfall": _floor_shortfall,
    "net_covered": _net_covered,
    "covered": _all_covered,
    "encounters": _encounters,
    "pledged": _pledged,
    "pledged_first": _pledged_first,
    "preference": _preference,
    "cost": _cost,
    "changes": _changes,
}
