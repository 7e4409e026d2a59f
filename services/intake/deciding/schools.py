"""Schools as the public register has them, and the profiles that they give themselves."""

from __future__ import annotations

from collections.abc import Sequence

from services.intake.calendar.open_days import days_of, hub_calendar
from services.intake.calendar.windows import Day, LaidOut, lay_out
from services.intake.deciding.outcome import Built, refuse
from services.intake.register import Entry, Register
from shared.events.facts import SchoolDescribed, SchoolRegistered
from shared.events.fields import Absence, DateSpan, Position, Reason
from shared.events.submissions import DescribeSchool, RegisterHub, RegisterSchool, SubmitRequest

MOST_WINDOWS_OF_PROFILE = 16_000
"""Most windows, and starts left out, in all calendars of a profile: its fact must fit into one message."""

YOUNGEST_IN_YEAR_7 = 11


def build_school(said: RegisterSchool, register: Register, version: int, was: Entry | None) -> Built:  # noqa: ARG001 - as all builders
    """Make the fact of a school: in the hub of its local authority, at the position of its postcode."""
    reasons: list[Reason] = []
    hub = register.hub_of_authority(said.local_authority)
    if hub is None:
        reasons.append(
            refuse(
                "/local_authority",
                f"local authority {said.local_authority} belongs to no hub",
                "register a hub with it first, or correct the code",
            )
        )
    position = find_position(said.postcode, register, reasons)
    if said.low_age is not None and said.high_age is not None and said.low_age > said.high_age:
        reasons.append(
            refuse(
                "/high_age", f"the ages {said.low_age} to {said.high_age} run backwards", "swap low_age and high_age"
            )
        )
    if hub is None or position is None:
        return Built(None, tuple(reasons))
    fact = SchoolRegistered(
        version=version,
        hub=hub.hub,
        school=said.school,
        name=said.name,
        local_authority=said.local_authority,
        postcode=said.postcode,
        position=position,
        special=said.special,
        fsm_share=said.fsm_share,
        pupils=said.pupils,
    )
    return Built(fact, tuple(reasons), hub.hub)


def find_position(postcode: str, register: Register, reasons: list[Reason]) -> Position | None:
    """Find where a postcode is, or add a reason."""
    position = register.postcodes.get(postcode)
    if position is None:
        reasons.append(
            refuse(
                "/postcode",
                f"the postcode {postcode} is not known",
                "check it; a new one is known once the operator has imported a newer postcode directory",
            )
        )
    return position


def build_profile(said: DescribeSchool, register: Register, version: int, was: Entry | None) -> Built:  # noqa: ARG001 - as all builders
    """Make the fact of a school's profile: calendars laid out on the hub's terms, closures cut out."""
    reasons = [*_spans(said), *_day(said), *_calendars_in_use(said, register)]
    hub = register.hub(register.hub_of_school(said.school))
    if hub is None:
        return Built(None, (unknown_school(said.school), *reasons))
    calendars = _calendars(said, hub)
    for laid_out in calendars.values():
        reasons += laid_out.reasons
    left_out = sorted({start for laid_out in calendars.values() for start in laid_out.left_out})
    if len(calendars) < len(said.calendars):
        reasons.append(
            refuse(
                "/calendars",
                f"the calendars have more than {MOST_WINDOWS_OF_PROFILE} windows in all",
                "give fewer: let groups that are seen together share a calendar",
            )
        )
    fact = SchoolDescribed(
        version=version,
        hub=hub.hub,
        school=said.school,
        hosting_limit=said.hosting_limit,
        calendars={name: laid_out.windows for name, laid_out in calendars.items()},
        absences=said.absences,
        contact_email=said.contact_email,
        left_out=tuple(left_out),
    )
    return Built(fact, tuple(reasons), hub.hub)


def unknown_school(urn: str) -> Reason:
    """Say that a school is not registered."""
    return refuse(
        "/school", f"no school with the URN {urn} is registered", "check the URN, or have the school registered first"
    )


def taught(year: int, low_age: int | None, high_age: int | None) -> bool:
    """Tell whether a school of these ages has a year group: pupils of Year 7 are 11 when it begins and turn 12."""
    age = YOUNGEST_IN_YEAR_7 + year - 7
    return (low_age is None or low_age <= age) and (high_age is None or age + 1 <= high_age)


def _calendars(said: DescribeSchool, hub: RegisterHub) -> dict[str, LaidOut]:
    """Lay the calendars out, as many of them as fit into one fact."""
    calendar = hub_calendar(hub)
    closures = frozenset(days_of(said.closures, calendar.first, calendar.last))
    day = Day(closures, said.day_start, said.day_end)
    found: dict[str, LaidOut] = {}
    left = MOST_WINDOWS_OF_PROFILE
    for name, times in said.calendars.items():
        laid_out = lay_out(times, calendar, f"/calendars/{escaped(name)}", day)
        left -= len(laid_out.windows) + len(laid_out.left_out)
        if left < 0:
            break
        found[name] = laid_out
    return found


def escaped(name: str) -> str:
    """Write a name as a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _spans(said: DescribeSchool) -> list[Reason]:
    spans: list[tuple[str, Sequence[DateSpan | Absence]]] = [("closures", said.closures), ("absences", said.absences)]
    return [
        refuse(f"/{name}/{index}/end", f"it ends {span.end}, before it starts {span.start}", "swap the two dates")
        for name, found in spans
        for index, span in enumerate(found)
        if span.end < span.start
    ]


def _day(said: DescribeSchool) -> list[Reason]:
    if said.day_start < said.day_end:
        return []
    return [
        refuse("/day_end", f"the day ends {said.day_end}, not after it starts {said.day_start}", "give a later day_end")
    ]


def _calendars_in_use(said: DescribeSchool, register: Register) -> list[Reason]:
    """Keep a calendar while requests of the school name it."""
    known = register.calendars.get(said.school, frozenset())
    gone = known - said.calendars.keys()
    if not gone:
        return []
    users: dict[str, list[SubmitRequest]] = {}
    for request in register.requests_of(said.school):
        for name in gone.intersection(request.calendars):
            users.setdefault(name, []).append(request)
    return [
        refuse(
            "/calendars",
            f"the calendar {name} is gone, and requests still name it: {_some([request.group for request in requests])}",
            "keep the calendar, or amend or withdraw these requests first",
        )
        for name, requests in sorted(users.items())
    ]


def _some(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
