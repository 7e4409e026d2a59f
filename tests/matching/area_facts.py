"""The facts that intake would publish of a scenario, and matching's projection of them, without any service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.command.submitting import submissions_of
from services.matching.planning.scenario import Area
from services.matching.problem import Projection
from shared.events.facts import (
    AvailabilityRegistered,
    EmployerRegistered,
    Fact,
    HubRegistered,
    PledgeRegistered,
    RequestRegistered,
    SchoolDescribed,
    SchoolRegistered,
)
from shared.events.fields import Times, WindowPair
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


def facts_of(area: Area) -> list[Fact]:
    """Give the accepted facts of all that a scenario's parties submit."""
    hub = area.problem.hub.id
    return [_fact(submission, hub, area) for stage in submissions_of(area) for submission in stage]


def projection_of(facts: Iterable[Fact]) -> Projection:
    """Give what matching knows once it has read these facts, each in its newest version."""
    known = list(facts)

    def every(kind: type[Any]) -> list[Any]:
        return [fact for fact in known if isinstance(fact, kind)]

    return Projection(
        hub=every(HubRegistered)[-1],
        schools=every(SchoolRegistered),
        profiles={fact.school: fact for fact in every(SchoolDescribed)},
        requests=every(RequestRegistered),
        employers={fact.employer: fact for fact in every(EmployerRegistered)},
        availabilities=every(AvailabilityRegistered),
        pledges=every(PledgeRegistered),
    )


def _windows(times: Iterable[Times]) -> tuple[WindowPair, ...]:
    return tuple((one.start, one.end) for one in times)


def _fact(submission: Submission, hub: str, area: Area) -> Fact:
    fields = submission.model_dump(exclude={"version"})
    match submission:
        case RegisterHub():
            return HubRegistered(version=1, **fields)
        case RegisterSchool():
            return SchoolRegistered(version=1, hub=hub, position=area.postcodes[submission.postcode], **fields)
        case DescribeSchool():
            calendars = {name: _windows(times) for name, times in submission.calendars.items()}
            return SchoolDescribed(version=1, hub=hub, **{**fields, "calendars": calendars})
        case RegisterEmployer():
            fields["sectors"] = tuple(sorted(submission.sectors))
            return EmployerRegistered(version=1, position=area.postcodes[submission.postcode], **fields)
        case SubmitAvailability():
            position = area.postcodes[submission.postcode] if submission.postcode else None
            return AvailabilityRegistered(version=1, windows=_windows(submission.times), position=position, **fields)
        case SubmitPledge():
            return PledgeRegistered(version=1, **fields)
        case SubmitRequest():
            return RequestRegistered(version=1, hub=hub, **fields)
    raise AssertionError(f"a scenario submits no {type(submission).__name__}")
