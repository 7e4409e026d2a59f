"""Parties and submissions for intake's tests, of which a test names only what matters."""

from __future__ import annotations

from datetime import date
from typing import Any

from services.intake.deciding import decide
from services.intake.deciding.outcome import Accepted, Outcome, Refused
from services.intake.register import Register
from shared.events.facts import Fact
from shared.events.fields import DateSpan, Times
from shared.events.submissions import (
    DescribeSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
)

POSTCODES = {"ZZ1 1AA": (51.27, 0.52), "ZZ2 2BB": (51.3, 0.6)}
TERMS = (
    DateSpan(start=date(2026, 9, 1), end=date(2026, 12, 18)),
    DateSpan(start=date(2027, 1, 4), end=date(2027, 3, 25)),
    DateSpan(start=date(2027, 4, 12), end=date(2027, 7, 21)),
)


def make_hub(**changes: Any) -> RegisterHub:
    said: dict[str, Any] = {
        "hub": "kent", "name": "Kent", "local_authorities": ("886",), "academic_year": "2026/27", "terms": TERMS,
    }  # fmt: skip
    return RegisterHub(**said | changes)


def make_school(**changes: Any) -> RegisterSchool:
    said: dict[str, Any] = {
        "school": "118785", "name": "Northgate", "local_authority": "886", "postcode": "ZZ1 1AA",
        "low_age": 11, "high_age": 18, "pupils": 900, "fsm_share": 0.207,
    }  # fmt: skip
    return RegisterSchool(**said | changes)


def make_profile(**changes: Any) -> DescribeSchool:
    return DescribeSchool(**{"school": "118785", "calendars": {"tutor": (on("2027-03-02"),)}} | changes)


def make_employer(**changes: Any) -> RegisterEmployer:
    return RegisterEmployer(
        **{"employer": "E1", "name": "Harbour Foods", "postcode": "ZZ2 2BB", "sectors": {"C"}} | changes
    )


def make_availability(**changes: Any) -> SubmitAvailability:
    said: dict[str, Any] = {
        "employer": "E1", "availability": "E1-A1", "hub": "kent", "mode": "in_school", "times": (on("2027-03-02"),),
        "duration_minutes": 60, "seats": 30,
    }  # fmt: skip
    return SubmitAvailability(**said | changes)


def make_pledge(**changes: Any) -> SubmitPledge:
    return SubmitPledge(**{"employer": "E1", "hub": "kent", "students": 200} | changes)


def make_request(**changes: Any) -> SubmitRequest:
    said = {"school": "118785", "group": "7A", "year": 7, "size": 30, "calendars": ("tutor",)}
    return SubmitRequest(**said | changes)


def on(day: str, start: str = "09:00", end: str = "12:00", rrule: str | None = None) -> Times:
    return Times(start=f"{day}T{start}", end=f"{day}T{end}", rrule=rrule)


def register_of(*submissions: Submission) -> Register:
    """Make a register in which all of these were accepted, one after another."""
    register = Register(postcodes=dict(POSTCODES))
    for said in submissions:
        accepted(said, register)
    return register


def everything() -> Register:
    """Make a register with one of each kind."""
    return register_of(
        make_hub(), make_school(), make_profile(), make_employer(), make_availability(),
        make_pledge(schools_first={"118785"}), make_request(),
    )  # fmt: skip


def accepted(said: Submission, register: Register) -> tuple[Fact, ...]:
    outcome = decide(said, register)
    assert isinstance(outcome, Accepted), outcome
    return outcome.facts


def refused(said: Submission, register: Register) -> dict[str, str]:
    """Decide on what must be refused; returns the message of each field, and sees that each has a remedy."""
    before = dict(register.entries)
    outcome: Outcome = decide(said, register)
    assert isinstance(outcome, Refused), outcome
    assert register.entries == before
    assert all(reason.remedy and reason.message for reason in outcome.reasons)
    return {reason.field: reason.message for reason in outcome.reasons}
