"""What intake has accepted: past tense, complete, with positions found and recurrences laid out on the hub's terms.

The correlation id of a fact is the id of the submission that it answers.
"""

from __future__ import annotations

from typing import ClassVar

from shared.events.data import EventData
from shared.events.fields import Absence, DateSpan, Id, Meaningful, Mode, Position, Reason, Urn, WindowPair
from shared.events.policy import HubPolicy
from shared.topics import ANSWERS, FACTS, Topic


class Fact(EventData):
    """An accepted fact about one thing; `version` rises with every change of it, so that late ones are recognised."""

    TOPIC: ClassVar[Topic] = FACTS
    version: int


class HubRegistered(Fact):
    """A hub, its terms and its policy."""

    TYPE: ClassVar[str] = "encounters.hub.registered.v1"
    hub: Id
    name: str
    time_zone: str
    local_authorities: tuple[str, ...]
    academic_year: str
    terms: tuple[DateSpan, ...]
    policy: HubPolicy
    notice_school_days: int

    def subject(self) -> str:
        """Name the hub."""
        return f"hub:{self.hub}"


class SchoolRegistered(Fact):
    """A school, with its position, in the hub of its local authority."""

    TYPE: ClassVar[str] = "encounters.school.registered.v1"
    hub: Id
    school: Urn
    name: str
    local_authority: str
    postcode: str
    position: Position
    special: bool
    fsm_share: float
    pupils: int | None

    def subject(self) -> str:
        """Name the school."""
        return f"school:{self.school}"


class SchoolDescribed(Fact):
    """A school's profile: calendars laid out on the hub's terms, closures and INSET days cut out.

    `left_out` are the starts of a recurrence that fell on holidays or closures. `absences` are still to be cut, by year group.
    """

    TYPE: ClassVar[str] = "encounters.school.described.v1"
    hub: Id
    school: Urn
    hosting_limit: int
    calendars: dict[str, tuple[WindowPair, ...]]
    absences: tuple[Absence, ...]
    contact_email: str | None
    left_out: tuple[str, ...] = ()

    def subject(self) -> str:
        """Name the profile."""
        return f"profile:{self.school}"


class EmployerRegistered(Fact):
    """An employer with its position; `stem` None means: as the hub's policy says of its sectors."""

    TYPE: ClassVar[str] = "encounters.employer.registered.v1"
    employer: Id
    name: str
    postcode: str
    position: Position
    sectors: tuple[str, ...]
    stem: bool | None
    company_number: str | None
    radius_km: float
    max_sessions_per_day: int | None
    max_sessions: int | None
    contact_email: str | None

    def subject(self) -> str:
        """Name the employer."""
        return f"employer:{self.employer}"


class AvailabilityRegistered(Fact):
    """Sessions that an employer is ready to give in a hub, its windows laid out; `left_out`: what fell on holidays.

    `position` and `postcode` are those of a place of its own; None: the employer's.
    """

    TYPE: ClassVar[str] = "encounters.availability.registered.v1"
    availability: Id
    employer: Id
    hub: Id
    mode: Mode
    windows: tuple[WindowPair, ...]
    duration_minutes: int
    max_sessions: int
    seats: int
    years: tuple[int, ...]
    max_schools: int | None
    position: Position | None
    presenter: str | None
    adjustments: tuple[str, ...]
    meaningful: Meaningful
    left_out: tuple[str, ...] = ()
    postcode: str | None = None

    def subject(self) -> str:
        """Name the availability."""
        return f"availability:{self.availability}"


class AvailabilityWithdrawn(Fact):
    """An employer has taken an availability back."""

    TYPE: ClassVar[str] = "encounters.availability.withdrawn.v1"
    availability: Id
    employer: Id
    hub: Id

    def subject(self) -> str:
        """Name the availability."""
        return f"availability:{self.availability}"


class PledgeRegistered(Fact):
    """A Cornerstone Employer's pledge in a hub."""

    TYPE: ClassVar[str] = "encounters.pledge.registered.v1"
    employer: Id
    hub: Id
    students: int
    schools_first: tuple[Urn, ...]

    def subject(self) -> str:
        """Name the pledge."""
        return f"pledge:{self.employer}/{self.hub}"


class PledgeWithdrawn(Fact):
    """A pledge has been taken back."""

    TYPE: ClassVar[str] = "encounters.pledge.withdrawn.v1"
    employer: Id
    hub: Id

    def subject(self) -> str:
        """Name the pledge."""
        return f"pledge:{self.employer}/{self.hub}"


class RequestRegistered(Fact):
    """A group that needs encounters; `calendars` name calendars of its school's profile."""

    TYPE: ClassVar[str] = "encounters.request.registered.v1"
    hub: Id
    school: Urn
    group: Id
    year: int
    size: int
    calendars: tuple[str, ...]
    needed: int
    sectors_asked: tuple[str, ...]
    sectors_met: tuple[str, ...]
    stem_needed: bool
    modes: tuple[Mode, ...]
    adjustments: tuple[str, ...]
    max_travel_km: float | None
    may_split: bool

    def subject(self) -> str:
        """Name the request by its group."""
        return f"request:{self.group}"


class RequestWithdrawn(Fact):
    """A group's request has been taken back."""

    TYPE: ClassVar[str] = "encounters.request.withdrawn.v1"
    hub: Id
    school: Urn
    group: Id

    def subject(self) -> str:
        """Name the request by its group."""
        return f"request:{self.group}"


class Answer(EventData):
    """Intake's answer to one submission that became no fact."""

    TOPIC: ClassVar[Topic] = ANSWERS
    submission: str
    submission_type: str
    about: str
    organisation: str

    def subject(self) -> str:
        """Name the submission."""
        return f"submission:{self.submission}"

    def key(self) -> str:
        """Answers to one organisation stay in order."""
        return self.organisation


class SubmissionRefused(Answer):
    """A submission was refused, and why."""

    TYPE: ClassVar[str] = "encounters.submission.refused.v1"
    reasons: tuple[Reason, ...]


class SubmissionChangedNothing(Answer):
    """A submission said what was known already."""

    TYPE: ClassVar[str] = "encounters.submission.unchanged.v1"


FACT_TYPES = (
    HubRegistered, SchoolRegistered, SchoolDescribed, EmployerRegistered, AvailabilityRegistered, AvailabilityWithdrawn,
    PledgeRegistered, PledgeWithdrawn, RequestRegistered, RequestWithdrawn,
)  # fmt: skip
ANSWER_TYPES = (SubmissionRefused, SubmissionChangedNothing)
