"""What each role may see of the read models; every query is held to the organisation of who asks."""
# ruff: noqa: S608 - what is put into the queries are constants of this module and conditions of held_to, never input

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.permissions import Principal, Role
from services.portal.problems import FieldFault, NotYours

View = TypeVar("View", bound=BaseModel)
MOST_ROWS = 1000


class SubmissionView(BaseModel):
    """A submission and what became of it."""

    id: str
    organisation: str
    kind: str = Field(examples=["encounters.availability.submit.v1"])
    about: str = Field(examples=["availability:E0001-A1"])
    version: int
    status: str = Field(description="pending, accepted, unchanged or refused")
    reasons: list[FieldFault]
    file: str | None = None
    row: int | None = None
    submitted_at: datetime
    answered_at: datetime | None = None


class AvailabilityView(BaseModel):
    """An availability as intake accepted it; `details` are the fact's data."""

    availability: str
    employer: str
    employer_name: str
    hub: str
    version: int
    withdrawn: bool
    details: dict[str, Any]


class PledgeView(BaseModel):
    """A pledge, and how many student encounters of it have been confirmed."""

    employer: str
    employer_name: str
    hub: str
    version: int
    withdrawn: bool
    students: int
    confirmed: int


class RequestView(BaseModel):
    """A group's request as intake accepted it; `details` are the fact's data."""

    group: str
    school: str
    school_name: str
    hub: str
    version: int
    withdrawn: bool
    details: dict[str, Any]


class EncounterView(BaseModel):
    """What a party has been told of an encounter; `details` are the event's data."""

    encounter: str
    party_kind: str
    party: str
    sequence: int
    status: str = Field(description="confirmed, moved or cancelled")
    hub: str
    start: str
    students: int
    school_names: list[str]
    details: dict[str, Any]


class CoverageView(BaseModel):
    """A group and whether its students are covered: told, planned and awaiting review, or why not."""

    group: str
    year: int
    size: int
    needed: int
    confirmed: int = Field(description="Students of the group with a confirmed encounter")
    planned: int = Field(description="Students of the group with a session in the timetable under review")
    why_not: str | None = Field(description="Why students are left out, as a sentence")

    @property
    def status(self) -> str:
        """Say in one word how the group stands."""
        if self.confirmed >= self.size:
            return "covered"
        if max(self.confirmed, self.planned) >= self.size:
            return "planned"
        return "partly" if max(self.confirmed, self.planned) else "needed"


def held_to(principal: Principal, columns: Mapping[Role, str]) -> tuple[str, dict[str, str]]:
    """Give the SQL condition that holds a query to the principal's organisation, and its parameters.

    `columns` names for each role the column that holds its organisation's id. Raises NotYours for a role that has none.
    """
    if principal.role == "admin":
        return "true", {}
    if principal.role not in columns:
        raise NotYours(f"The role {principal.role} has nothing of this kind.")
    return f"{columns[principal.role]} = :organisation_id", {"organisation_id": principal.organisation_id}


async def read(session: AsyncSession, view: type[View], sql: str, parameters: Mapping[str, Any]) -> list[View]:
    """Run a query and give its rows as views."""
    connection = await session.connection()
    rows = await connection.execute(text(sql), dict(parameters))
    return [view.model_validate(dict(row)) for row in rows.mappings()]


_SUBMISSION = "id, organisation, kind, about, version, status, reasons, file, row, submitted_at, answered_at"


async def submissions(session: AsyncSession, principal: Principal, *, limit: int = 100) -> list[SubmissionView]:
    """List the newest submissions of the principal's organisation."""
    return await read(
        session,
        SubmissionView,
        f"SELECT {_SUBMISSION} FROM submissions WHERE (:admin OR organisation = :organisation) "
        "ORDER BY submitted_at DESC, id DESC LIMIT :limit",
        {"admin": principal.role == "admin", "organisation": principal.organisation, "limit": limit},
    )


async def rows_of_file(
    session: AsyncSession, file: str, *, status: str | None, offset: int, limit: int
) -> list[SubmissionView]:
    """List the rows of a file, in its order; whose file it is has been checked by `file_of`."""
    return await read(
        session,
        SubmissionView,
        f"SELECT {_SUBMISSION} FROM submissions WHERE file = :file "
        "AND (CAST(:status AS text) IS NULL OR status = :status) ORDER BY row OFFSET :offset LIMIT :limit",
        {"file": file, "status": status, "offset": offset, "limit": limit},
    )


async def counts_of_file(session: AsyncSession, file: str) -> dict[str, int]:
    """Count the rows of a file by status."""
    connection = await session.connection()
    rows = await connection.execute(
        text("SELECT status, count(*) AS n FROM submissions WHERE file = :file GROUP BY status"), {"file": file}
    )
    return {row.status: row.n for row in rows}


async def availability(session: AsyncSession, principal: Principal) -> list[AvailabilityView]:
    """List availability: an employer's own, a coordinator's hub's."""
    where, parameters = held_to(principal, {"employer": "a.employer", "coordinator": "a.hub"})
    return await read(
        session,
        AvailabilityView,
        "SELECT a.availability, a.employer, coalesce(e.name, a.employer) AS employer_name, a.hub, a.version, "
        "a.withdrawn, a.data AS details FROM availability a LEFT JOIN employers e USING (employer) "
        f"WHERE {where} ORDER BY a.withdrawn, a.availability LIMIT {10 * MOST_ROWS}",
        parameters,
    )


async def pledges(session: AsyncSession, principal: Principal) -> list[PledgeView]:
    """List pledges: an employer's own, a coordinator's hub's."""
    where, parameters = held_to(principal, {"employer": "p.employer", "coordinator": "p.hub"})
    return await read(
        session,
        PledgeView,
        "SELECT p.employer, coalesce(e.name, p.employer) AS employer_name, p.hub, p.version, p.withdrawn, "
        "coalesce(CAST(p.data->>'students' AS int), 0) AS students, "
        "(SELECT coalesce(sum(CAST(a->>'students' AS int)), 0) FROM told t, jsonb_array_elements(t.data->'attendances') a "
        "WHERE t.party_kind = 'employer' AND t.party = p.employer AND t.hub = p.hub AND t.status <> 'cancelled') "
        "AS confirmed FROM pledges p LEFT JOIN employers e USING (employer) "
        f"WHERE {where} ORDER BY p.hub, p.employer LIMIT {MOST_ROWS}",
        parameters,
    )


async def requests(session: AsyncSession, principal: Principal) -> list[RequestView]:
    """List requests: a school's own, a coordinator's hub's."""
    where, parameters = held_to(principal, {"school": "r.school", "coordinator": "r.hub"})
    return await read(
        session,
        RequestView,
        'SELECT r."group", r.school, coalesce(s.name, r.school) AS school_name, r.hub, r.version, r.withdrawn, '
        "r.data AS details FROM requests r LEFT JOIN schools s USING (school) "
        f'WHERE {where} ORDER BY r.withdrawn, r.school, r."group" LIMIT {10 * MOST_ROWS}',
        parameters,
    )


async def encounters(
    session: AsyncSession, principal: Principal, *, offset: int = 0, limit: int = MOST_ROWS
) -> list[EncounterView]:
    """List what has been told: to an employer or a school itself, or to all parties of a coordinator's hub."""
    where, parameters = held_to(principal, {"employer": "t.party", "school": "t.party", "coordinator": "t.hub"})
    if principal.role in ("employer", "school"):
        where += " AND t.party_kind = :role"
        parameters["role"] = principal.role
    return await read(
        session,
        EncounterView,
        "SELECT t.encounter, t.party_kind, t.party, t.sequence, t.status, t.hub, t.start, t.data AS details, "
        "(SELECT coalesce(sum(CAST(a->>'students' AS int)), 0) FROM jsonb_array_elements(t.data->'attendances') a) "
        "AS students, ARRAY(SELECT DISTINCT coalesce(s.name, a->>'school') FROM jsonb_array_elements(t.data->'attendances') a "
        "LEFT JOIN schools s ON s.school = a->>'school' ORDER BY 1) AS school_names "
        f"FROM told t WHERE {where} ORDER BY t.start, t.encounter, t.party_kind, t.party OFFSET :offset LIMIT :limit",
        {**parameters, "offset": offset, "limit": limit},
    )


_COVERAGE = """
WITH head AS (
  SELECT h.* FROM heads h JOIN schools s ON s.hub = h.hub WHERE s.school = :school
), confirmed AS (
  SELECT a->>'group' AS "group", sum(CAST(a->>'students' AS int)) AS students
  FROM told t, jsonb_array_elements(t.data->'attendances') a
  WHERE t.party_kind = 'school' AND t.party = :school AND t.status <> 'cancelled' GROUP BY 1
), planned AS (
  SELECT a->>'group' AS "group", sum(CAST(a->>'students' AS int)) AS students
  FROM head h JOIN sessions s USING (hub, academic_year, version), jsonb_array_elements(s.data->'attendances') a
  WHERE :school = ANY(s.schools) AND a->>'school' = :school AND s.state <> 'returned' GROUP BY 1
)
SELECT r."group", CAST(r.data->>'year' AS int) AS year, CAST(r.data->>'size' AS int) AS size,
  CAST(r.data->>'needed' AS int) AS needed,
  least(CAST(r.data->>'size' AS int), coalesce(c.students, 0)) AS confirmed,
  least(CAST(r.data->>'size' AS int), coalesce(p.students, 0)) AS planned, f.sentence AS why_not
FROM requests r LEFT JOIN confirmed c USING ("group") LEFT JOIN planned p USING ("group")
LEFT JOIN (SELECT f."group", f.sentence FROM shortfalls f JOIN head USING (hub, academic_year, version)) f USING ("group")
WHERE r.school = :school AND NOT r.withdrawn AND {where} ORDER BY year, r."group"
"""


async def coverage(session: AsyncSession, principal: Principal, school: str) -> list[CoverageView]:
    """List the groups of a school and how they stand; a school sees its own, a coordinator those of the hub."""
    where, parameters = held_to(principal, {"school": "r.school", "coordinator": "r.hub"})
    return await read(session, CoverageView, _COVERAGE.format(where=where), {**parameters, "school": school})
