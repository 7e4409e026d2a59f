"""Employers, what they offer, and what they pledge."""

from __future__ import annotations

from services.intake.calendar.open_days import hub_calendar
from services.intake.calendar.windows import LaidOut, lay_out, longest_minutes
from services.intake.deciding.outcome import Built, refuse
from services.intake.deciding.schools import find_position
from services.intake.register import Entry, Register
from shared.events.facts import AvailabilityRegistered, EmployerRegistered, PledgeRegistered
from shared.events.fields import Reason
from shared.events.submissions import RegisterEmployer, RegisterHub, SubmitAvailability, SubmitPledge

MOST_NAMED = 5


def build_employer(said: RegisterEmployer, register: Register, version: int, was: Entry | None) -> Built:  # noqa: ARG001 - as all builders
    """Make the fact of an employer, at the position of its postcode."""
    reasons: list[Reason] = []
    position = find_position(said.postcode, register, reasons)
    if position is None:
        return Built(None, tuple(reasons))
    fact = EmployerRegistered(
        version=version,
        employer=said.employer,
        name=said.name,
        postcode=said.postcode,
        position=position,
        sectors=tuple(sorted(said.sectors)),
        stem=said.stem,
        company_number=said.company_number,
        radius_km=said.radius_km,
        max_sessions_per_day=said.max_sessions_per_day,
        max_sessions=said.max_sessions,
        contact_email=said.contact_email,
    )
    return Built(fact, tuple(reasons))


def build_availability(said: SubmitAvailability, register: Register, version: int, was: Entry | None) -> Built:
    """Make the fact of an availability: its windows laid out on the hub's terms, its place found."""
    reasons = _parties(said, register)
    if was and was.hub != said.hub and not was.withdrawn:
        reasons.append(
            refuse(
                "/hub", f"this availability is in the hub {was.hub}", "withdraw it, and submit another for the new hub"
            )
        )
    position = find_position(said.postcode, register, reasons) if said.postcode else None
    hub = register.hub(said.hub)
    if hub is None:
        return Built(None, tuple(reasons))
    laid_out = lay_out(said.times, hub_calendar(hub), "/times")
    reasons += [*laid_out.reasons, *_long_enough(said, laid_out)]
    fact = AvailabilityRegistered(
        version=version,
        availability=said.availability,
        employer=said.employer,
        hub=said.hub,
        mode=said.mode,
        windows=laid_out.windows,
        duration_minutes=said.duration_minutes,
        max_sessions=said.max_sessions,
        seats=said.seats,
        years=tuple(sorted(said.years)),
        max_schools=said.max_schools,
        position=position,
        presenter=said.presenter,
        adjustments=tuple(sorted(said.adjustments)),
        meaningful=said.meaningful,
        left_out=laid_out.left_out,
        postcode=said.postcode,
    )
    return Built(fact, tuple(reasons), said.hub)


def build_pledge(said: SubmitPledge, register: Register, version: int, was: Entry | None) -> Built:  # noqa: ARG001 - as all builders
    """Make the fact of a pledge; the schools to be served first are of its hub."""
    reasons = _parties(said, register)
    first = sorted(said.schools_first)
    elsewhere = [urn for urn in first if register.hub_of_school(urn) != said.hub]
    if elsewhere:
        reasons.append(_not_of_hub(elsewhere, said.hub))
    fact = PledgeRegistered(
        version=version,
        employer=said.employer,
        hub=said.hub,
        students=said.students,
        schools_first=tuple(urn for urn in first if urn not in elsewhere),
    )
    return Built(fact, tuple(reasons), said.hub)


def _not_of_hub(urns: list[str], hub: str) -> Reason:
    shown = ", ".join(urns[:MOST_NAMED]) + (f" and {len(urns) - MOST_NAMED} more" if len(urns) > MOST_NAMED else "")
    return refuse(
        "/schools_first",
        f"not registered as schools of the hub {hub}: {shown}",
        "name schools of this hub by their URN",
    )


def _parties(said: SubmitAvailability | SubmitPledge, register: Register) -> list[Reason]:
    reasons = []
    if not register.knows_employer(said.employer):
        reasons.append(
            refuse(
                "/employer",
                f"no employer {said.employer} is registered",
                "register the employer first, or correct its id",
            )
        )
    if not isinstance(register.hub(said.hub), RegisterHub):
        reasons.append(
            refuse(
                "/hub", f"no hub {said.hub} is registered", "name a hub that is; your careers hub can tell you its id"
            )
        )
    return reasons


def _long_enough(said: SubmitAvailability, laid_out: LaidOut) -> list[Reason]:
    longest = longest_minutes(laid_out.windows)
    if not laid_out.windows or longest >= said.duration_minutes:
        return []
    return [
        refuse(
            "/duration_minutes",
            f"a session of {said.duration_minutes} minutes is longer than every window; the longest has {longest}",
            "give a shorter session or a longer window",
        )
    ]
