"""Sessions as a timetable lists them (a problem's `in_force` and a remedy's witness too)."""

from __future__ import annotations

from typing import Any

from services.matching.planning.clock import Clock
from services.matching.planning.faults import Faults
from services.matching.planning.fields import Fields
from services.matching.planning.model import Attendance, Session

MOST_SESSIONS = 200_000


def read_sessions(fields: Fields, clock: Clock | None, faults: Faults) -> tuple[Session, ...]:
    """Read the list `sessions` of an object; two sessions of one id are a fault."""
    sessions = tuple(
        _session(Fields(raw, pointer, faults), clock, faults)
        for pointer, raw in fields.items("sessions", most=MOST_SESSIONS)
    )
    seen: set[str] = set()
    for place, session in enumerate(sessions):
        if session.id in seen and session.id:
            faults.add(
                f"{fields.pointer}/sessions/{place}/id",
                f"the id {session.id!r:.60} is taken",
                "Give each session an id of its own",
            )
        seen.add(session.id)
    return sessions


def _session(fields: Fields, clock: Clock | None, faults: Faults) -> Session:
    school, there = fields.raw("school", None, null_is_absent=True)
    return Session(
        id=fields.text("id"),
        offer=fields.text("offer"),
        start=fields.time("start", clock),
        school=fields.text("school") if there and school is not None else None,
        attendances=tuple(
            _attendance(raw, pointer, faults)
            for pointer, raw in fields.items("attendances", least=1, most=MOST_SESSIONS)
        ),
    )


def _attendance(raw: Any, pointer: str, faults: Faults) -> Attendance:
    fields = Fields(raw, pointer, faults)
    return Attendance(fields.text("group"), fields.whole("students", 1))
