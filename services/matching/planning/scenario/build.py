"""Scenarios: seeded planning problems with realistic shapes, over invented or given schools and employers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from services.matching.planning.model import Hub, Policy, Position, Problem
from services.matching.planning.scenario.area import Area, EmployerParty, EmployerProfile, SchoolParty
from services.matching.planning.scenario.draw import Draw
from services.matching.planning.scenario.fiction import (
    LOCAL_AUTHORITY,
    Addresses,
    make_employers,
    make_schools,
    make_towns,
)
from services.matching.planning.scenario.groups import make_school_year
from services.matching.planning.scenario.offers import SEATS_AN_OFFER, Demand, make_pledges, make_supply
from services.matching.planning.scenario.terms import FICTIONAL_TERMS, Term, academic_year, school_days

DEFAULT_SEATS = Decimal("1.05")
MOST_SCHOOLS = 300


def fictional_area(
    schools: int = 12,
    seed: int = 1,
    seats: Decimal = DEFAULT_SEATS,
    employers: int | None = None,
    cornerstones: int = 3,
) -> Area:
    """Invent a hub of so many schools; the same arguments always give the same area.

    `seats` is how many seats all offers have together, as a multiple of the students; `employers` is drawn to suit
    where it is left out; `cornerstones` is how many of them pledge. Raises ValueError for counts outside 1 to 300 schools,
    or for no employer.
    """
    if not 1 <= schools <= MOST_SCHOOLS:
        raise ValueError(f"a scenario has 1 to {MOST_SCHOOLS} schools, not {schools}")
    if employers is not None and employers < 1:
        raise ValueError(f"a scenario has at least 1 employer, not {employers}")
    draw = Draw("fiction", schools, seed)
    towns = make_towns(max(1, schools // 4), draw)
    addresses = Addresses(draw)
    parties = make_schools(schools, towns, addresses, draw)
    count = employers or _employers_for(parties, seats)
    return _area(
        Hub(towns[0].name.lower(), f"{towns[0].name} Careers Hub", "Europe/London"),
        {LOCAL_AUTHORITY: towns[0].name},
        parties,
        make_employers(count, towns, addresses, Draw("employers", schools, seed)),
        FICTIONAL_TERMS,
        seed,
        seats,
        cornerstones,
        (),
    )


def area_from_tables(
    schools: Sequence[SchoolParty],
    employers: Sequence[EmployerParty],
    terms: Sequence[Term],
    seed: int,
    seats: Decimal = DEFAULT_SEATS,
    cornerstones: int = 3,
    hub: Hub | None = None,
    local_authorities: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Area:
    """Make a scenario over given schools and employers; only as many employers make offers as the seats need.

    Employers get new ids in their order (`E0001`, ...); parties of one postcode share the position of the first.
    Raises ValueError where there is no school with students, no employer or no term.
    """
    taught = sorted((party for party in schools if party.years), key=lambda party: party.urn)
    if not taught or not employers or not terms:
        raise ValueError("a scenario needs at least one school with students, one employer and one term")
    positions = _postcodes(taught, employers)
    count = min(len(employers), _employers_for(taught, seats))
    chosen = sorted(Draw("employers", seed).some(range(len(employers)), count))
    codes = sorted({party.local_authority for party in taught})
    return _area(
        hub or Hub("-".join(codes), "Careers Hub of " + ", ".join(codes), "Europe/London"),
        dict(local_authorities or {code: code for code in codes}),
        [replace(party, position=positions[party.postcode]) for party in taught],
        [
            replace(employers[at], id=f"E{number:04d}", position=positions[employers[at].postcode])
            for number, at in enumerate(chosen, start=1)
        ],
        tuple(sorted(terms)),
        seed,
        seats,
        cornerstones,
        tuple(notes),
    )


def _area(
    hub: Hub,
    local_authorities: dict[str, str],
    schools: Sequence[SchoolParty],
    employers: Sequence[EmployerParty],
    terms: tuple[Term, ...],
    seed: int,
    seats: Decimal,
    cornerstones: int,
    notes: tuple[str, ...],
) -> Area:
    policy = Policy()
    days = school_days(terms)
    years = [make_school_year(party, days, Draw("school", seed, party.urn)) for party in schools]
    groups = [group for year in years for group in year.groups]
    wanted = int(seats * sum(group.size for group in groups))
    demand = [Demand.of(year.school, year.groups, year.calendars) for year in years]
    supply = make_supply(employers, demand, days, wanted, policy, Draw("offers", seed))
    used = {name for group in groups for name in group.calendars}
    of_groups = {name: windows for year in years for name, windows in year.calendars.items() if name in used}
    calendars = of_groups | supply.calendars
    problem = Problem(
        hub=hub,
        academic_year=academic_year(terms),
        policy=policy,
        calendars=dict(sorted(calendars.items())),
        schools=tuple(year.school for year in years),
        groups=tuple(sorted(groups, key=lambda group: group.id)),
        employers=supply.employers,
        offers=supply.offers,
        pledges=make_pledges(supply, [year.school for year in years], policy, cornerstones),
    )
    return Area(
        problem=problem,
        local_authorities=local_authorities,
        terms=terms,
        postcodes=dict(sorted(_postcodes(schools, employers).items())),
        schools=tuple(year.profile for year in years),
        employers=tuple(EmployerProfile(party, f"{party.id.lower()}@example.org") for party in employers),
        notes=notes,
    )


def _postcodes(schools: Sequence[SchoolParty], employers: Sequence[EmployerParty]) -> dict[str, Position]:
    """Return one position for each postcode: that of the first school there, or else of the first employer."""
    parties: list[SchoolParty | EmployerParty] = [*schools, *employers]
    return {party.postcode: party.position for party in reversed(parties)}


def _employers_for(schools: Sequence[SchoolParty], seats: Decimal) -> int:
    """Reckon how many employers it takes to give this many seats for each student, with about one offer each."""
    students = sum(
        party.students_a_year if year <= 11 else party.sixth_form_a_year for party in schools for year in party.years
    )
    return max(1, -(-int(seats * students) // SEATS_AN_OFFER))
