"""What people and machines submit; intake checks all of it and believes none.

`version` counts the sender's changes of one thing, from 1: a higher one amends, the same one again with the same
content changes nothing, a lower one is refused as late.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from shared.events.data import EventData
from shared.events.fields import (
    Absence,
    AcademicYear,
    CompanyNumber,
    Count,
    DateSpan,
    Email,
    Id,
    Meaningful,
    Mode,
    Part,
    Postcode,
    Sector,
    Text,
    Times,
    Urn,
    Version,
    YearGroup,
)
from shared.events.policy import HubPolicy
from shared.topics import SUBMISSIONS, Topic


class Batch(Part):
    """The bulk file that a submission is a row of; `take` "all" means: all of its rows become facts, or none does.

    `id` is chosen by the sender, new for each sending; `row` counts from 1 to `rows`.
    """

    id: Id
    row: Annotated[int, Field(ge=1, strict=True)]
    rows: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    take: Literal["good", "all"] = "good"

    @model_validator(mode="after")
    def _row_within(self) -> Batch:
        if self.row > self.rows:
            raise ValueError(f"row {self.row} is beyond the {self.rows} rows of the batch: count rows from 1")
        return self


class Submission(EventData):
    """Something a person or machine submits; fields that it doesn't know are refused, so that no typing error is lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    TOPIC: ClassVar[Topic] = SUBMISSIONS

    version: Version = 1
    batch: Batch | None = None

    def organisation(self) -> str:
        """Hub, school or employer that it is submitted for, as `kind:id`; only that party may submit it."""
        raise NotImplementedError

    def key(self) -> str:
        """Submissions of one organisation stay in order."""
        return self.organisation()


class OfHub(Submission):
    """A submission of a hub's coordinator."""

    hub: Id

    def organisation(self) -> str:
        """Name the hub."""
        return f"hub:{self.hub}"


class OfSchool(Submission):
    """A submission of a school."""

    school: Urn

    def organisation(self) -> str:
        """Name the school."""
        return f"school:{self.school}"


class OfEmployer(Submission):
    """A submission of an employer."""

    employer: Id

    def organisation(self) -> str:
        """Name the employer."""
        return f"employer:{self.employer}"


class RegisterHub(OfHub):
    """A careers hub: its local authorities, time zone, terms of one academic year, and policy."""

    TYPE: ClassVar[str] = "encounters.hub.register.v1"
    name: Text
    time_zone: Text = "Europe/London"
    local_authorities: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9]{3}$")], ...], Field(min_length=1)]
    academic_year: AcademicYear
    terms: Annotated[tuple[DateSpan, ...], Field(min_length=1, max_length=20)]
    policy: HubPolicy = HubPolicy()
    notice_school_days: Annotated[int, Field(ge=0, le=60, strict=True)] = 10

    def subject(self) -> str:
        """Name the hub."""
        return f"hub:{self.hub}"


class RegisterSchool(OfSchool):
    """A school as its public register (GIAS) has it; it belongs to the hub of its local authority."""

    TYPE: ClassVar[str] = "encounters.school.register.v1"
    name: Text
    local_authority: Annotated[str, Field(pattern=r"^[0-9]{3}$")]
    postcode: Postcode
    phase: Text | None = None
    type: Text | None = None
    special: bool = False
    low_age: Annotated[int, Field(ge=0, le=25, strict=True)] | None = None
    high_age: Annotated[int, Field(ge=0, le=25, strict=True)] | None = None
    pupils: Annotated[int, Field(ge=0, le=20_000, strict=True)] | None = None
    fsm_share: Annotated[float, Field(ge=0, le=1)] = 0

    def subject(self) -> str:
        """Name the school."""
        return f"school:{self.school}"


class DescribeSchool(OfSchool):
    """A school's own profile: how many visits it can host at a time, its calendars, closures, bell times and exams."""

    TYPE: ClassVar[str] = "encounters.school.describe.v1"
    hosting_limit: Annotated[int, Field(ge=0, le=100, strict=True)] = 1
    calendars: Annotated[dict[Id, tuple[Times, ...]], Field(max_length=200, default_factory=dict)]
    closures: Annotated[tuple[DateSpan, ...], Field(max_length=200)] = ()
    day_start: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    day_end: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "23:59"
    absences: Annotated[tuple[Absence, ...], Field(max_length=200)] = ()
    contact_email: Email | None = None

    def subject(self) -> str:
        """Name the profile."""
        return f"profile:{self.school}"


class RegisterEmployer(OfEmployer):
    """An employer: where it is, its sectors, how far it goes and how much it can do."""

    TYPE: ClassVar[str] = "encounters.employer.register.v1"
    name: Text
    postcode: Postcode
    sectors: Annotated[frozenset[Sector], Field(min_length=1)]
    stem: bool | None = None
    company_number: CompanyNumber | None = None
    radius_km: Annotated[float, Field(ge=0, le=1000)] = 25
    max_sessions_per_day: Count | None = None
    max_sessions: Count | None = None
    contact_email: Email | None = None

    def subject(self) -> str:
        """Name the employer."""
        return f"employer:{self.employer}"


class SubmitAvailability(OfEmployer):
    """Sessions that an employer is ready to give in one hub.

    `times` are single stretches or recurrences (RFC 5545); a session of `duration_minutes` lies inside one of them.
    """

    TYPE: ClassVar[str] = "encounters.availability.submit.v1"
    availability: Id
    hub: Id
    mode: Mode
    times: Annotated[tuple[Times, ...], Field(min_length=1, max_length=500)]
    duration_minutes: Annotated[int, Field(ge=1, le=1440, strict=True)]
    max_sessions: Count = 1
    seats: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    years: Annotated[frozenset[YearGroup], Field(min_length=1)] = frozenset(range(7, 14))
    max_schools: Count | None = None
    postcode: Postcode | None = None
    presenter: Text | None = None
    adjustments: frozenset[Text] = frozenset()
    meaningful: Meaningful = Meaningful()

    def subject(self) -> str:
        """Name the availability."""
        return f"availability:{self.availability}"


class WithdrawAvailability(OfEmployer):
    """An employer takes an availability back."""

    TYPE: ClassVar[str] = "encounters.availability.withdraw.v1"
    availability: Id

    def subject(self) -> str:
        """Name the availability."""
        return f"availability:{self.availability}"


class SubmitPledge(OfEmployer):
    """A Cornerstone Employer pledges so many student encounters in a hub this year, some schools first."""

    TYPE: ClassVar[str] = "encounters.pledge.submit.v1"
    hub: Id
    students: Count
    schools_first: frozenset[Urn] = frozenset()

    def subject(self) -> str:
        """Name the pledge: an employer has one in a hub."""
        return f"pledge:{self.employer}/{self.hub}"


class WithdrawPledge(OfEmployer):
    """A Cornerstone Employer takes its pledge back."""

    TYPE: ClassVar[str] = "encounters.pledge.withdraw.v1"
    hub: Id

    def subject(self) -> str:
        """Name the pledge."""
        return f"pledge:{self.employer}/{self.hub}"


class SubmitRequest(OfSchool):
    """A school asks for encounters for one group: who, when they can be seen, what they hope for."""

    TYPE: ClassVar[str] = "encounters.request.submit.v1"
    group: Id
    year: YearGroup
    size: Annotated[int, Field(ge=1, le=5_000, strict=True)]
    calendars: Annotated[tuple[Id, ...], Field(min_length=1, max_length=50)]
    needed: Annotated[int, Field(ge=1, le=4, strict=True)] = 1
    sectors_asked: frozenset[Sector] = frozenset()
    sectors_met: frozenset[Sector] = frozenset()
    stem_needed: bool = False
    modes: Annotated[frozenset[Mode], Field(min_length=1)] = frozenset({"in_school", "workplace", "virtual"})
    adjustments: frozenset[Text] = frozenset()
    max_travel_km: Annotated[float, Field(ge=0, le=1000)] | None = None
    may_split: bool = False

    @model_validator(mode="after")
    def _calendars_once(self) -> SubmitRequest:
        if len(set(self.calendars)) < len(self.calendars):
            raise ValueError("calendars names one twice: name each once")
        return self

    def subject(self) -> str:
        """Name the request by its group."""
        return f"request:{self.group}"


class WithdrawRequest(OfSchool):
    """A school takes a group's request back."""

    TYPE: ClassVar[str] = "encounters.request.withdraw.v1"
    group: Id

    def subject(self) -> str:
        """Name the request by its group."""
        return f"request:{self.group}"


SUBMISSION_TYPES = (
    RegisterHub, RegisterSchool, DescribeSchool, RegisterEmployer, SubmitAvailability, WithdrawAvailability,
    SubmitPledge, WithdrawPledge, SubmitRequest, WithdrawRequest,
)  # fmt: skip
