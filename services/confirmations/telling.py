"""Who is told what: a published timetable against what each party was told before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.events.decisions import SessionPublished
from shared.events.encounters import EncounterCancelled, EncounterConfirmed, EncounterMoved, EncounterTold
from shared.events.fields import AttendanceOf

PartyKind = Literal["employer", "school"]
TellingKey = tuple[str, str, str]
"""Encounter, kind of party, id of party."""

NEWS = {"confirmed": EncounterConfirmed, "moved": EncounterMoved, "cancelled": EncounterCancelled}


@dataclass(frozen=True, slots=True)
class Telling:
    """What one party was told last: the event's data as JSON, its sequence, and whether it was a cancellation."""

    sequence: int
    cancelled: bool
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """Names of employers and schools by id, and where they are, and those offers that have a place of their own."""

    employers: Mapping[str, str]
    schools: Mapping[str, str]
    employer_postcodes: Mapping[str, str]
    school_postcodes: Mapping[str, str]
    offer_postcodes: Mapping[str, str]


def what_to_tell(
    sessions: Iterable[SessionPublished], told: Mapping[TellingKey, Telling], names: Names
) -> list[tuple[str, EncounterTold]]:
    """Compare a published version with what was told; returns (news, event data) for every party that learns something.

    Each party is told once of each of its encounters: `confirmed` with sequence 0, `moved` with a higher one when
    anything that concerns this party changed, `cancelled` with a higher one when the encounter is no more. A party
    for whom nothing changed is not in the answer.
    """
    news: list[tuple[str, EncounterTold]] = []
    seen: set[TellingKey] = set()
    for session in sessions:
        for party_kind, party, attendances in _parties(session):
            key: TellingKey = (session.encounter, party_kind, party)
            seen.add(key)
            before = told.get(key)
            sequence = before.sequence + 1 if before else 0
            data = _told(session, party_kind, party, attendances, sequence, names)
            if before is None or before.cancelled:
                news.append(("confirmed", EncounterConfirmed(**data)))
            elif _concerns(data) != _concerns(before.data):
                news.append(("moved", EncounterMoved(**data)))
    for key, before in told.items():
        if key not in seen and not before.cancelled:
            news.append(("cancelled", EncounterCancelled(**{**before.data, "sequence": before.sequence + 1})))
    return news


def _parties(session: SessionPublished) -> list[tuple[PartyKind, str, tuple[AttendanceOf, ...]]]:
    schools = sorted({attendance.school for attendance in session.attendances})
    own = {
        school: tuple(attendance for attendance in session.attendances if attendance.school == school)
        for school in schools
    }
    return [
        ("employer", session.employer, session.attendances),
        *(("school", school, own[school]) for school in schools),
    ]  # fmt: skip


def _told(
    session: SessionPublished,
    party_kind: PartyKind,
    party: str,
    attendances: tuple[AttendanceOf, ...],
    sequence: int,
    names: Names,
) -> dict[str, Any]:
    return {
        "encounter": session.encounter,
        "party_kind": party_kind,
        "party": party,
        "sequence": sequence,
        "hub": session.hub,
        "academic_year": session.academic_year,
        "version": session.version,
        "offer": session.offer,
        "employer": session.employer,
        "employer_name": names.employers.get(session.employer, session.employer),
        "mode": session.mode,
        "start": session.start,
        "end": session.end,
        "time_zone": session.time_zone,
        "school": session.school,
        "place": place(session, names),
        "position": session.position,
        "attendances": tuple(attendance.model_dump(mode="json") for attendance in attendances),
    }


def place(session: SessionPublished, names: Names) -> str:
    """Say where a session takes place, in words."""
    if session.mode == "virtual":
        return "Online: the employer sends the link"
    if session.school is not None:
        where, postcode = names.schools.get(session.school, session.school), names.school_postcodes.get(session.school)
    else:
        where = names.employers.get(session.employer, session.employer)
        postcode = names.offer_postcodes.get(session.offer) or names.employer_postcodes.get(session.employer)
    return f"{where}, {postcode}" if postcode else where


def _concerns(data: Mapping[str, Any]) -> tuple[Any, ...]:
    """Pick what a party must hear about when it changes: when, where, how and with whom."""
    attendances = sorted((one["group"], one["students"]) for one in data["attendances"])
    position = tuple(data["position"] or ())
    return data["start"], data["end"], data["mode"], data["school"], position, data["offer"], attendances
