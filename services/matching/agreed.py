"""A session that people know as an encounter: proposed, pinned, returned or in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.matching.planning.clock import Clock, local_time
from services.matching.planning.model import Attendance, Minute, Position, Session
from services.matching.planning.writing import session_to_json
from shared.events.encounters import EncounterTold


@dataclass(frozen=True, slots=True)
class Agreed:
    """A session whose id is its encounter's, and its end."""

    session: Session
    end: Minute

    @property
    def encounter(self) -> str:
        """The encounter's id."""
        return self.session.id

    @property
    def start(self) -> Minute:
        """When it starts."""
        return self.session.start


@dataclass(frozen=True, slots=True)
class ReturnedSession:
    """A session that a coordinator returned; `why` is `not_this_time` or `not_this_match`."""

    agreed: Agreed
    why: str


def repeats(session: Session, end: Minute, returned: ReturnedSession) -> bool:
    """Tell whether a session that ends at `end` is what was returned: the same match, or one of its groups at its time."""
    before = returned.agreed.session
    shared = {each.group for each in session.attendances} & {each.group for each in before.attendances}
    if returned.why == "not_this_time":
        return bool(shared) and session.start < returned.agreed.end and returned.agreed.start < end
    if session.offer != before.offer:
        return False
    return session.school == before.school if before.school is not None else bool(shared)


@dataclass(frozen=True, slots=True)
class Told:
    """A session in force, when (local time) people were told of its start, and what they were told beside."""

    agreed: Agreed
    told_at: Minute
    mode: str | None = None
    position: Position | None = None


def agreed_to_json(agreed: Agreed) -> dict[str, Any]:
    """Write it for the database; times are local."""
    return {**session_to_json(agreed.session), "end": local_time(agreed.end)}


def agreed_from_json(raw: dict[str, Any], clock: Clock) -> Agreed:
    """Read what `agreed_to_json` wrote."""
    session = Session(
        id=raw["id"],
        offer=raw["offer"],
        start=clock.minute(raw["start"]),
        school=raw["school"],
        attendances=_attendances((each["group"], each["students"]) for each in raw["attendances"]),
    )
    return Agreed(session, clock.minute(raw["end"]))


def told_to_json(told: EncounterTold) -> dict[str, Any]:
    """Write what an employer was told as `agreed_to_json` would."""
    return {
        "id": told.encounter,
        "offer": told.offer,
        "start": told.start,
        "end": told.end,
        "school": told.school if told.mode == "in_school" else None,
        "attendances": [{"group": each.group, "students": each.students} for each in told.attendances],
        "mode": told.mode,
        "position": told.position,
    }


def _attendances(pairs: Iterable[tuple[str, int]]) -> tuple[Attendance, ...]:
    return tuple(Attendance(group, students) for group, students in pairs)
