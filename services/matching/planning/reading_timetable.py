"""A timetable's JSON tree becomes a `Timetable`, or a list of everything that is wrong with its form.

Only the form is read here; whether the plan keeps the rules and the claims are true is the checker's business.
"""

from __future__ import annotations

from typing import Any

from services.matching.planning.clock import Clock
from services.matching.planning.faults import Faults, kind_of, shown
from services.matching.planning.fields import NO_LIMIT, Fields
from services.matching.planning.model import Level, Proof, Remedy, Timetable, Unmet
from services.matching.planning.reading_sessions import read_sessions

TIMETABLE_FORMAT = "seven-encounters/timetable/1"
MOST_REMEDIES = 1_000
_LEAST_VALUE = f"-{NO_LIMIT}"


def timetable_of(tree: Any, clock: Clock, faults: Faults) -> Timetable:
    """Read a timetable; faults are noted, not raised (unless there are as many as are ever shown)."""
    top = Fields(tree, "", faults)
    value, there = top.raw("format")
    if there and value != TIMETABLE_FORMAT:
        top.fault("format", f"`format` is {shown(value)}", f'Write "{TIMETABLE_FORMAT}"')
    stats, _ = top.raw("stats", {})
    if not isinstance(stats, dict | None):
        top.fault("stats", f"`stats` must be an object, not {kind_of(stats)}", "Write { ... }")
        stats = {}
    return Timetable(
        problem_sha256=top.text("problem_sha256"),
        sessions=read_sessions(top, clock, faults),
        levels=tuple(_level(Fields(raw, at, faults)) for at, raw in top.items("levels", most=20)),
        proof=_proof(top.fields("proof")),
        unmet=tuple(_unmet(Fields(raw, at, faults)) for at, raw in top.items("unmet", ())),
        remedies=tuple(
            _remedy(Fields(raw, at, faults), clock, faults) for at, raw in top.items("remedies", (), most=MOST_REMEDIES)
        ),
        stats=stats or {},
    )


def _level(fields: Fields) -> Level:
    _, bounded = fields.raw("bound", None, null_is_absent=True)
    return Level(
        name=fields.text("name"),
        value=fields.decimal("value", least=_LEAST_VALUE),
        bound=fields.decimal("bound", least=_LEAST_VALUE) if bounded else None,
    )


def _proof(fields: Fields) -> Proof:
    certificate, there = fields.raw("certificate", None, null_is_absent=True)
    if there and not isinstance(certificate, dict):
        fields.fault(
            "certificate", f"`certificate` must be an object, not {kind_of(certificate)}", "Write an object or null"
        )
        certificate = None
    return Proof(
        covered=fields.whole("covered", 0),
        bound=fields.whole("bound", 0),
        gap=float(fields.decimal("gap", least=_LEAST_VALUE)),
        method=fields.text("method"),
        certificate=certificate if there else None,
    )


def _unmet(fields: Fields) -> Unmet:
    return Unmet(
        group=fields.text("group"),
        students=fields.whole("students", 1),
        code=fields.text("code"),
        facts=_object(fields, "facts"),
        with_groups=fields.texts("with", (), null_is_absent=True),
    )


def _object(fields: Fields, name: str) -> dict[str, Any]:
    value, there = fields.raw(name, {})
    if there and not isinstance(value, dict):
        fields.fault(name, f"`{name}` must be an object, not {kind_of(value)}", "Write { ... }")
        return {}
    return value if there else {}


def _remedy(fields: Fields, clock: Clock, faults: Faults) -> Remedy:
    patch = []
    for at, operation in fields.items("patch", least=1, most=1000):
        if isinstance(operation, dict):
            patch.append(operation)
        else:
            faults.add(at, f"an operation must be an object, not {kind_of(operation)}", "Write it as RFC 6902 asks")
    return Remedy(
        text=fields.text("text"),
        kind=fields.text("kind"),
        cost_minutes=fields.whole("cost_minutes", 0),
        patch=patch,
        would_cover=fields.whole("would_cover", 0),
        sessions=read_sessions(fields, clock, faults),
    )
