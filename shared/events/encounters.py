"""What people have been told: encounters confirmed, moved and cancelled, one event for each party."""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.events.data import EventData
from shared.events.fields import AttendanceOf, Id, LocalTime, Mode, Position, Urn
from shared.topics import ENCOUNTERS, Topic


class EncounterTold(EventData):
    """What one party is told of an encounter; `sequence` rises with every change, as iCalendar's SEQUENCE does.

    `party_kind` and `party` name the employer or the school that is told. `attendances` are all for the employer and
    the school's own for a school. Times are local to `time_zone`.
    """

    TOPIC: ClassVar[Topic] = ENCOUNTERS
    encounter: str
    party_kind: Literal["employer", "school"]
    party: Id
    sequence: int
    hub: Id
    academic_year: str
    version: int
    offer: Id
    employer: Id
    employer_name: str
    mode: Mode
    start: LocalTime
    end: LocalTime
    time_zone: str
    school: Urn | None
    place: str
    position: Position | None
    attendances: tuple[AttendanceOf, ...]

    def subject(self) -> str:
        """Name the encounter."""
        return f"encounter:{self.encounter}"


class EncounterConfirmed(EncounterTold):
    """An encounter is confirmed to a party for the first time."""

    TYPE: ClassVar[str] = "encounters.encounter.confirmed.v1"


class EncounterMoved(EncounterTold):
    """A confirmed encounter has a new time, or other students."""

    TYPE: ClassVar[str] = "encounters.encounter.moved.v1"


class EncounterCancelled(EncounterTold):
    """A confirmed encounter will not take place (for this party)."""

    TYPE: ClassVar[str] = "encounters.encounter.cancelled.v1"


ENCOUNTER_TYPES = (EncounterConfirmed, EncounterMoved, EncounterCancelled)
