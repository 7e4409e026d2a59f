"""What coordinators decide in the portal, and what they ask matching to do."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.events.data import EventData
from shared.events.fields import Id, LocalTime, LongText
from shared.events.plans import SessionDetails
from shared.topics import DECISIONS, Topic


class Decision(EventData):
    """A decision about a hub, with the account (an id, no name) that took it."""

    TOPIC: ClassVar[Topic] = DECISIONS
    hub: Id
    decided_by: str

    def subject(self) -> str:
        """Name the hub."""
        return f"hub:{self.hub}"

    def key(self) -> str:
        """Decisions of a hub stay in order."""
        return self.hub


class RequestPlan(Decision):
    """Plan the hub's year; `seconds` is the budget.

    No new session starts before `not_before` (local time; None: a first plan may use the whole year).
    """

    TYPE: ClassVar[str] = "encounters.plan.request.v1"
    job: str
    seconds: Annotated[float, Field(gt=0, le=3600)]
    not_before: LocalTime | None = None


class CancelPlanning(Decision):
    """Stop a planning run; what it had is thrown away."""

    TYPE: ClassVar[str] = "encounters.planning.cancel.v1"
    job: str


class SessionDecision(Decision):
    """A decision about one session of one version of the timetable."""

    version: int
    encounter: str

    def subject(self) -> str:
        """Name the encounter."""
        return f"encounter:{self.encounter}"


class SessionApproved(SessionDecision):
    """The coordinator approved a session."""

    TYPE: ClassVar[str] = "encounters.session.approved.v1"


class SessionReturned(SessionDecision):
    """The coordinator returned a session, for ever.

    `not_this_time` takes the time from its groups; `not_this_match` forbids the offer to its school (in school) or groups.
    """

    TYPE: ClassVar[str] = "encounters.session.returned.v1"
    why: Literal["not_this_time", "not_this_match"]
    reason: LongText


class SessionPinned(SessionDecision):
    """The coordinator pinned a session (or took the pin away): every plan must keep its attendances."""

    TYPE: ClassVar[str] = "encounters.session.pinned.v1"
    pinned: bool = True


class SessionPublished(SessionDetails):
    """One approved session of a published timetable, complete; it comes before the header that publishes it."""

    TYPE: ClassVar[str] = "encounters.session.published.v1"
    TOPIC: ClassVar[Topic] = DECISIONS


class TimetablePublished(Decision):
    """The coordinator published a version: its `sessions` published sessions replace all that was in force."""

    TYPE: ClassVar[str] = "encounters.timetable.published.v1"
    academic_year: str
    version: int
    sessions: int


DECISION_TYPES = (
    RequestPlan, CancelPlanning, SessionApproved, SessionReturned, SessionPinned, SessionPublished, TimetablePublished,
)  # fmt: skip
