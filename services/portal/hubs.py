"""What a hub's coordinators see: the timetable under review, its sessions, what is left out, what would help."""
# ruff: noqa: S608 - what is put into the queries are constants of this module and conditions of held_to, never input

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.permissions import Principal, check_may_coordinate
from services.portal.views import held_to, read


class HubView(BaseModel):
    """A hub, and the newest version of its timetable where there is one."""

    hub: str
    name: str
    academic_year: str
    schools: int
    timetable_version: int | None


class RunView(BaseModel):
    """A planning run with its latest progress."""

    job: str
    state: str = Field(description="requested, running or ended")
    why: str
    budget_seconds: float
    students: int
    groups: int
    offers: int
    phase: str
    covered: int
    bound: int
    seconds: float
    outcome: str = Field(description="once ended: proposed, unchanged, cancelled or failed")
    version: int | None
    message: str
    began_at: datetime
    changed_at: datetime


class TimetableView(BaseModel):
    """The newest complete version of a hub's timetable: its proof, and how far its review is."""

    hub: str
    academic_year: str
    version: int
    students: int
    covered: int
    bound: int
    gap: float
    method: str = Field(description="search: only a search shows the bound; any other: anyone can recount it")
    certified_bound: int | None = Field(default=None, description="The bound that anyone can recount, where it is told")
    repair: bool
    changes: int
    seconds: float
    levels: list[dict[str, Any]]
    sessions: int
    shortfalls: int
    remedies: int
    published_at: datetime | None
    proposed: int = Field(description="Sessions still to be decided")
    approved: int
    returned: int
    published: int
    pinned: int


class SessionView(BaseModel):
    """A session of the timetable, with names, and where it stands in the review."""

    encounter: str
    employer: str
    employer_name: str
    mode: str
    start: str
    end: str
    schools: list[str]
    school_names: list[str]
    students: int
    compared: str = Field(description="with what is in force: new, kept or moved")
    state: str
    stands: bool = Field(description="approved in an earlier version, and unchanged since")
    pinned: bool
    why: str | None
    reason: str | None
    attendances: list[dict[str, Any]]


class ShortfallView(BaseModel):
    """Students of a group that the timetable leaves out, and why."""

    group: str
    school: str
    school_name: str
    students: int
    code: str
    sentence: str


class RemedyView(BaseModel):
    """What a person could be asked for, and how many more students that would cover."""

    rank: int
    text: str
    kind: str
    cost_minutes: int
    would_cover: int


class AuditView(BaseModel):
    """A decision that was taken."""

    decided_at: datetime
    decided_by: str
    decision: str
    version: int | None
    encounter: str | None
    detail: str


async def hubs(session: AsyncSession, principal: Principal) -> list[HubView]:
    """List the hubs that the principal coordinates."""
    where, parameters = held_to(principal, {"coordinator": "h.hub"})
    return await read(
        session,
        HubView,
        "SELECT h.hub, h.name, h.data->>'academic_year' AS academic_year, "
        "(SELECT count(*) FROM schools s WHERE s.hub = h.hub) AS schools, n.version AS timetable_version "
        f"FROM hubs h LEFT JOIN heads n USING (hub) WHERE {where} ORDER BY h.name",
        parameters,
    )


async def timetable(session: AsyncSession, principal: Principal, hub: str) -> TimetableView | None:
    """Give the newest complete version of a hub's timetable; None when there is none yet."""
    check_may_coordinate(principal, hub)
    connection = await session.connection()
    whole = await connection.scalar(
        text(
            "SELECT t.data || jsonb_build_object('published_at', t.published_at) || (SELECT jsonb_build_object("
            "'proposed', count(*) FILTER (WHERE state = 'proposed'), "
            "'approved', count(*) FILTER (WHERE state = 'approved'), "
            "'returned', count(*) FILTER (WHERE state = 'returned'), "
            "'published', count(*) FILTER (WHERE state = 'published'), 'pinned', count(*) FILTER (WHERE pinned)) "
            "FROM sessions s WHERE (s.hub, s.academic_year, s.version) = (t.hub, t.academic_year, t.version)) "
            "FROM heads h JOIN timetables t USING (hub, academic_year, version) WHERE h.hub = :hub"
        ),
        {"hub": hub},
    )
    return None if whole is None else TimetableView.model_validate(whole)


async def sessions(
    session: AsyncSession,
    principal: Principal,
    hub: str,
    *,
    state: str | None = None,
    mode: str | None = None,
    search: str | None = None,
    encounter: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> tuple[int, list[SessionView]]:
    """List sessions of the newest complete version, by start; with how many fit the filter in all."""
    check_may_coordinate(principal, hub)
    where = (
        "h.hub = :hub AND (CAST(:state AS text) IS NULL OR s.state = :state) "
        "AND (CAST(:encounter AS text) IS NULL OR s.encounter = :encounter) "
        "AND (CAST(:mode AS text) IS NULL OR s.mode = :mode) AND (CAST(:search AS text) IS NULL "
        "OR strpos(lower(e.name), lower(:search)) > 0 OR EXISTS (SELECT 1 FROM schools c "
        "WHERE c.school = ANY(s.schools) AND strpos(lower(c.name), lower(:search)) > 0))"
    )
    source = "FROM heads h JOIN sessions s USING (hub, academic_year, version) LEFT JOIN employers e USING (employer)"
    parameters = {
        "hub": hub,
        "state": state or None,
        "mode": mode or None,
        "search": search or None,
        "encounter": encounter,
    }
    connection = await session.connection()
    total = await connection.scalar(text(f"SELECT count(*) {source} WHERE {where}"), parameters)
    views = await read(
        session,
        SessionView,
        "SELECT s.encounter, s.employer, coalesce(e.name, s.employer) AS employer_name, s.mode, s.start, "
        "s.data->>'end' AS end, s.schools, ARRAY(SELECT coalesce(c.name, u) FROM unnest(s.schools) u "
        "LEFT JOIN schools c ON c.school = u ORDER BY 1) AS school_names, s.students, s.compared, s.state, s.stands, "
        "s.pinned, s.why, s.reason, s.data->'attendances' AS attendances "
        f"{source} WHERE {where} ORDER BY s.start, s.encounter OFFSET :offset LIMIT :limit",
        {**parameters, "offset": offset, "limit": limit},
    )
    return total or 0, views


async def one_session(session: AsyncSession, principal: Principal, hub: str, encounter: str) -> SessionView | None:
    """Give one session of the newest complete version."""
    _, found = await sessions(session, principal, hub, encounter=encounter, limit=1)
    return found[0] if found else None


async def shortfalls(session: AsyncSession, principal: Principal, hub: str) -> list[ShortfallView]:
    """List the groups that the newest complete version leaves out, the largest first."""
    check_may_coordinate(principal, hub)
    return await read(
        session,
        ShortfallView,
        'SELECT f."group", f.school, coalesce(c.name, f.school) AS school_name, f.students, f.code, f.sentence '
        "FROM heads h JOIN shortfalls f USING (hub, academic_year, version) LEFT JOIN schools c USING (school) "
        'WHERE h.hub = :hub ORDER BY f.students DESC, f."group"',
        {"hub": hub},
    )


async def remedies(session: AsyncSession, principal: Principal, hub: str) -> list[RemedyView]:
    """List the remedies of the newest complete version, the best first."""
    check_may_coordinate(principal, hub)
    return await read(
        session,
        RemedyView,
        "SELECT r.rank, r.text, r.kind, r.cost_minutes, r.would_cover "
        "FROM heads h JOIN remedies r USING (hub, academic_year, version) WHERE h.hub = :hub ORDER BY r.rank",
        {"hub": hub},
    )


async def planning(session: AsyncSession, principal: Principal, hub: str, *, limit: int = 20) -> list[RunView]:
    """List a hub's newest planning runs."""
    check_may_coordinate(principal, hub)
    return await read(
        session,
        RunView,
        "SELECT * FROM planning_runs WHERE hub = :hub ORDER BY began_at DESC LIMIT :limit",
        {"hub": hub, "limit": limit},
    )


async def audit(session: AsyncSession, principal: Principal, hub: str, *, limit: int = 200) -> list[AuditView]:
    """List the newest decisions about a hub."""
    check_may_coordinate(principal, hub)
    return await read(
        session,
        AuditView,
        "SELECT decided_at, decided_by, decision, version, encounter, detail FROM audit WHERE hub = :hub "
        "ORDER BY id DESC LIMIT :limit",
        {"hub": hub, "limit": limit},
    )
