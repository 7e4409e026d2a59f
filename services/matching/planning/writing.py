"""Writes the two planning files: all fields, defaults included, in a fixed order, so that equal content is equal bytes."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.matching.planning.clock import local_time
from services.matching.planning.model import (
    MODES,
    Employer,
    Group,
    Offer,
    Policy,
    Position,
    Problem,
    Proof,
    Remedy,
    School,
    Session,
    Timetable,
    Unmet,
)
from services.matching.planning.reading_problem import PROBLEM_FORMAT
from services.matching.planning.reading_timetable import TIMETABLE_FORMAT
from services.matching.planning.strict_json import canonical_bytes, canonical_sha256

__all__ = [
    "canonical_bytes",
    "canonical_sha256",
    "problem_to_json",
    "session_to_json",
    "timetable_to_json",
    "write_json",
]


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """Give a problem as a JSON tree with every field written out; `problem_from_json` reads the same problem back."""
    return {
        "format": PROBLEM_FORMAT,
        "hub": asdict(problem.hub),
        "academic_year": problem.academic_year,
        "policy": _policy(problem.policy),
        "calendars": {
            id_: [[local_time(window.start), local_time(window.end)] for window in windows]
            for id_, windows in problem.calendars.items()
        },
        "schools": [_school(school) for school in problem.schools],
        "groups": [_group(group) for group in problem.groups],
        "employers": [_employer(employer) for employer in problem.employers],
        "offers": [_offer(offer) for offer in problem.offers],
        "pledges": [
            {"employer": pledge.employer, "students": pledge.students, "schools_first": sorted(pledge.schools_first)}
            for pledge in problem.pledges
        ],
        "pinned": [
            {
                "offer": pin.offer,
                "start": local_time(pin.start),
                "school": pin.school,
                "group": pin.group,
                "students": pin.students,
            }
            for pin in problem.pinned
        ],
        "forbidden": [
            {"offer": ban.offer, "group": ban.group}
            if ban.school is None
            else {"offer": ban.offer, "school": ban.school}
            for ban in problem.forbidden
        ],
        "in_force": None
        if problem.in_force is None
        else {"sessions": [session_to_json(each) for each in problem.in_force]},
    }


def session_to_json(session: Session) -> dict[str, Any]:
    """Give one session as a JSON tree."""
    return {
        "id": session.id,
        "offer": session.offer,
        "start": local_time(session.start),
        "school": session.school,
        "attendances": [{"group": each.group, "students": each.students} for each in session.attendances],
    }


def timetable_to_json(timetable: Timetable) -> dict[str, Any]:
    """Give a timetable as a JSON tree with every field written out."""
    return {
        "format": TIMETABLE_FORMAT,
        "problem_sha256": timetable.problem_sha256,
        "sessions": [session_to_json(session) for session in timetable.sessions],
        "levels": [
            {
                "name": level.name,
                "value": json_number(level.value),
                "bound": None if level.bound is None else json_number(level.bound),
            }
            for level in timetable.levels
        ],
        "proof": _proof(timetable.proof),
        "unmet": [_unmet(unmet) for unmet in timetable.unmet],
        "remedies": [_remedy(remedy) for remedy in timetable.remedies],
        "stats": timetable.stats,
    }


def write_json(path: Path, tree: Any) -> None:
    """Write a JSON tree whole or not at all (a new file takes the old one's place); `.gz` by the name.

    Equal trees give equal bytes, packed ones too (no time, no name in the gzip header). Raises `OSError`.
    """
    raw = (_one_record_a_line(tree) + "\n").encode()
    if path.suffix == ".gz":
        raw = gzip.compress(raw, compresslevel=6, mtime=0)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _one_record_a_line(tree: Any) -> str:
    """Lay a file out so that a line-by-line diff shows which session, group or offer changed."""
    if not isinstance(tree, dict):
        return _dumps(tree)
    return "{\n" + ",\n".join(f" {_dumps(key)}: {_items_on_lines(value)}" for key, value in tree.items()) + "\n}"


def _items_on_lines(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n  " + ",\n  ".join(map(_dumps, value)) + "\n ]"
    if isinstance(value, dict) and value:
        return "{\n  " + ",\n  ".join(f"{_dumps(key)}: {_dumps(item)}" for key, item in value.items()) + "\n }"
    return _dumps(value)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def json_number(number: Decimal) -> int | float:
    """Give a decimal as a JSON number: whole ones as `int`, others as the nearest double (all that the hash can see)."""
    return int(number) if number == number.to_integral_value() else float(number)


def _position(position: Position) -> list[float]:
    return [position[0], position[1]]


def _policy(policy: Policy) -> dict[str, Any]:
    raw = asdict(policy)
    raw["stem_sectors"] = list(policy.stem_sectors)
    raw["points"] = {name: json_number(value) for name, value in raw["points"].items()}
    return {name: json_number(value) if isinstance(value, Decimal) else value for name, value in raw.items()}


def _school(school: School) -> dict[str, Any]:
    return {
        "id": school.id,
        "name": school.name,
        "position": _position(school.position),
        "hosting_limit": school.hosting_limit,
        "fsm_share": json_number(school.fsm_share),
        "special": school.special,
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "school": group.school,
        "year": group.year,
        "size": group.size,
        "calendars": list(group.calendars),
        "needed": group.needed,
        "sectors_asked": sorted(group.sectors_asked),
        "sectors_met": sorted(group.sectors_met),
        "stem_needed": group.stem_needed,
        "modes": [mode for mode in MODES if mode in group.modes],
        "adjustments": sorted(group.adjustments),
        "max_travel_km": json_number(group.max_travel_km),
        "may_split": group.may_split,
    }


def _employer(employer: Employer) -> dict[str, Any]:
    return {
        "id": employer.id,
        "name": employer.name,
        "position": _position(employer.position),
        "sectors": sorted(employer.sectors),
        "stem": employer.stem,
        "radius_km": json_number(employer.radius_km),
        "max_sessions_per_day": employer.max_sessions_per_day,
        "max_sessions": employer.max_sessions,
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "id": offer.id,
        "employer": offer.employer,
        "mode": offer.mode,
        "calendars": list(offer.calendars),
        "duration_minutes": offer.duration_minutes,
        "max_sessions": offer.max_sessions,
        "seats": offer.seats,
        "years": sorted(offer.years),
        "max_schools": offer.max_schools,
        "position": _position(offer.position),
        "presenter": offer.presenter,
        "adjustments": sorted(offer.adjustments),
        "meaningful": asdict(offer.meaningful),
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "covered": proof.covered,
        "bound": proof.bound,
        "gap": proof.gap,
        "method": proof.method,
        "certificate": proof.certificate,
    }


def _unmet(unmet: Unmet) -> dict[str, Any]:
    return {
        "group": unmet.group,
        "students": unmet.students,
        "code": unmet.code,
        "facts": unmet.facts,
        "with": list(unmet.with_groups),
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return {
        "text": remedy.text,
        "kind": remedy.kind,
        "cost_minutes": remedy.cost_minutes,
        "patch": remedy.patch,
        "would_cover": remedy.would_cover,
        "sessions": [session_to_json(session) for session in remedy.sessions],
    }
