"""What matching publishes: how a planning run goes, and the timetable that it proposes.

A timetable is larger than a message: its header says how many sessions, shortfalls and remedies follow under the same
hub's key; a reader shows a version once it is complete.
"""

from __future__ import annotations

from typing import Any, ClassVar

from shared.events.data import EventData
from shared.events.fields import AttendanceOf, Id, LocalTime, Mode, Position, Urn
from shared.topics import PLANNING, TIMETABLES, Topic


class OfPlanning(EventData):
    """Something that happened to a planning run of a hub."""

    TOPIC: ClassVar[Topic] = PLANNING
    hub: Id
    job: str

    def subject(self) -> str:
        """Name the planning run."""
        return f"planning:{self.job}"

    def key(self) -> str:
        """Events of a hub stay in order."""
        return self.hub


class PlanningStarted(OfPlanning):
    """A worker has taken up a planning run."""

    TYPE: ClassVar[str] = "encounters.planning.started.v1"
    why: str
    students: int
    groups: int
    offers: int
    seconds: float


class PlanningProgressed(OfPlanning):
    """How far a planning run is: students covered, the proven bound, seconds since it began."""

    TYPE: ClassVar[str] = "encounters.planning.progressed.v1"
    phase: str
    covered: int
    bound: int
    seconds: float


class PlanningEnded(OfPlanning):
    """A planning run is over: proposed (with its version), unchanged, cancelled or failed (with what to do)."""

    TYPE: ClassVar[str] = "encounters.planning.ended.v1"
    outcome: str
    version: int | None = None
    message: str = ""


class OfTimetable(EventData):
    """A part of version `version` of a hub's timetable."""

    TOPIC: ClassVar[Topic] = TIMETABLES
    hub: Id
    academic_year: str
    version: int

    def subject(self) -> str:
        """Name the timetable's version."""
        return f"timetable:{self.hub}/{self.academic_year}/{self.version}"

    def key(self) -> str:
        """Events of a hub stay in order."""
        return self.hub


class TimetableProposed(OfTimetable):
    """Header of a proposed timetable: counts of what follows, its levels and its proof.

    With `method` "search" only a search shows `bound`; `certified_bound` is the one that anyone can recount from the
    planning files. Headers from before it was told have none.
    """

    TYPE: ClassVar[str] = "encounters.timetable.proposed.v1"
    job: str
    problem_sha256: str
    repair: bool
    sessions: int
    shortfalls: int
    remedies: int
    students: int
    covered: int
    bound: int
    gap: float
    method: str
    changes: int
    levels: tuple[dict[str, Any], ...]
    seconds: float
    certified_bound: int | None = None


class SessionDetails(OfTimetable):
    """One session of a timetable, complete: an encounter keeps its id while offer and school stay.

    `start` and `end` are local to `time_zone`. `school` and `position` are where it takes place; virtual ones have none.
    """

    encounter: str
    session: str
    offer: Id
    employer: Id
    mode: Mode
    start: LocalTime
    end: LocalTime
    time_zone: str
    school: Urn | None
    position: Position | None
    attendances: tuple[AttendanceOf, ...]


class SessionProposed(SessionDetails):
    """A session of a proposed timetable; `compared` with what is in force: new, kept, or moved."""

    TYPE: ClassVar[str] = "encounters.timetable.session-proposed.v1"
    compared: str


class ShortfallExplained(OfTimetable):
    """Students of a group that the plan leaves out, why, and the same as a sentence."""

    TYPE: ClassVar[str] = "encounters.timetable.shortfall-explained.v1"
    group: Id
    school: Urn
    students: int
    code: str
    facts: dict[str, Any]
    sentence: str


class RemedyProposed(OfTimetable):
    """Something that a person could be asked for, and how many more students it would cover."""

    TYPE: ClassVar[str] = "encounters.timetable.remedy-proposed.v1"
    rank: int
    text: str
    kind: str
    cost_minutes: int
    would_cover: int


PLAN_TYPES = (
    PlanningStarted, PlanningProgressed, PlanningEnded, TimetableProposed, SessionProposed, ShortfallExplained, RemedyProposed,
)  # fmt: skip
