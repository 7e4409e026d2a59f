"""Simple true bounds for every level, for timetables that keep the levels before it at the plan's values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from services.matching.planning.levels import points_of
from services.matching.planning.model import Level, Offer, Problem
from services.matching.planning.rules import Known


def level_bounds(problem: Problem, levels: Sequence[Level], covered_bound: int) -> dict[str, Decimal]:
    """Return a bound for each level by name: at least (levels to be large) or at most (small) what can be reached."""
    value = {level.name: level.value for level in levels}
    lost = Decimal(_told_in_vain(problem))
    encounters = _encounters(problem, int(value["covered"]))
    bounds = {
        "floor_shortfall": Decimal(0),
        "covered": Decimal(covered_bound),
        "encounters": Decimal(encounters),
        "pledged": Decimal(_pledged(problem)),
        "pledged_first": Decimal(_pledged_first(problem)),
        "preference": _preference(problem, int(value["encounters"])),
        "cost": Decimal(_cost(problem, int(value["encounters"]))),
        "changes": lost,
    }
    if "net_covered" in value:
        bounds["net_covered"] = covered_bound - problem.policy.move_price * lost
    return {name: bounds[name] for name in value}


def _encounters(problem: Problem, covered: int) -> int:
    """Only groups that are covered have further encounters: no more than they need, and than there are seats."""
    further = sum(group.size * (group.needed - 1) for group in problem.groups)
    most = max((group.needed for group in problem.groups), default=1)
    seats = sum(offer.seats * offer.max_sessions for offer in problem.offers)
    return min(covered + further, covered * most, max(seats, covered))


def _seats_of(problem: Problem) -> dict[str, int]:
    seats: dict[str, int] = {}
    for offer in problem.offers:
        seats[offer.employer] = seats.get(offer.employer, 0) + offer.seats * offer.max_sessions
    return seats


def _pledged(problem: Problem) -> int:
    """No pledge counts beyond its students, nor beyond the employer's seats."""
    seats = _seats_of(problem)
    return sum(min(pledge.students, seats.get(pledge.employer, 0)) for pledge in problem.pledges)


def _pledged_first(problem: Problem) -> int:
    """Nor beyond what the schools that come first need."""
    seats = _seats_of(problem)
    needs: dict[str, int] = {}
    for group in problem.groups:
        needs[group.school] = needs.get(group.school, 0) + group.size * group.needed
    return sum(
        min(
            pledge.students, seats.get(pledge.employer, 0), sum(needs.get(school, 0) for school in pledge.schools_first)
        )
        for pledge in problem.pledges
    )


def _preference(problem: Problem, encounters: int) -> Decimal:
    """Each encounter is worth at most the group's best offer; the groups with the best come first."""
    known = Known(problem)
    kinds: dict[tuple[object, ...], Offer] = {}
    for offer in problem.offers:
        employer = known.employers[offer.employer]
        kind = (employer.sectors, employer.stem, offer.mode == "virtual", offer.meaningful.all_hold())
        kinds.setdefault(kind, offer)
    best: dict[tuple[object, ...], Decimal] = {}
    worth: list[tuple[Decimal, int]] = []
    for group in problem.groups:
        virtual, in_person = "virtual" in group.modes, bool(group.modes - {"virtual"})
        key = (group.sectors_asked, group.sectors_met, group.stem_needed, virtual, in_person)
        if key not in best:
            offers = (offer for offer in kinds.values() if (virtual if offer.mode == "virtual" else in_person))
            best[key] = max(
                (points_of(known, group, o, known.employers[o.employer]) for o in offers), default=Decimal(0)
            )
        worth.append((best[key], group.size * group.needed))
    return _best_first(worth, encounters)


def _best_first(worth: Iterable[tuple[Decimal, int]], students: int) -> Decimal:
    total = Decimal(0)
    for points, size in sorted(worth, reverse=True):
        taken = min(size, students)
        total += points * taken
        students -= taken
    return total


def _cost(problem: Problem, encounters: int) -> int:
    """Every encounter needs a seat, and a seat costs at least the cheapest offer's minutes for each of its seats."""
    if encounters == 0 or not problem.offers:
        return 0
    cheapest = min(offer.duration_minutes / offer.seats for offer in problem.offers)
    return int(encounters * cheapest * (1 - 1e-9))


def _told_in_vain(problem: Problem) -> int:
    """Students who have been told of what no longer exists: those changes can't be helped."""
    offers, groups = {offer.id for offer in problem.offers}, {group.id for group in problem.groups}
    schools = {school.id for school in problem.schools}
    return sum(
        attendance.students
        for session in problem.in_force or ()
        for attendance in session.attendances
        if session.offer not in offers
        or attendance.group not in groups
        or (session.school is not None and session.school not in schools)
    )
