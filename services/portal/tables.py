"""The portal's own tables: who may sign in, what was submitted, what the ring has told it, and what was decided."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Identity, Index, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.envelope import new_id
from shared.inbox import inbox_table
from shared.outbox import outbox_table

metadata = MetaData()
outbox_table(metadata)
inbox_table(metadata)


def now() -> datetime:
    """Give the moment, with its zone."""
    return datetime.now(UTC)


class Row(SQLModel):
    """A row of one of the portal's tables."""

    metadata: ClassVar[MetaData] = metadata


def _json() -> Any:
    return Field(sa_column=Column(JSONB, nullable=False))


def _moment(*, null: bool = False) -> Any:
    return Field(
        sa_column=Column(DateTime(timezone=True), nullable=null), default_factory=(lambda: None) if null else now
    )


class Account(Row, table=True):
    """Somebody who signs in; `organisation` is `employer:ID`, `school:URN` or `hub:ID`, and empty for an admin."""

    __tablename__ = "accounts"
    id: str = Field(default_factory=new_id, primary_key=True)
    email: str = Field(unique=True)
    password_hash: str
    role: str
    organisation: str
    created_at: datetime = _moment()


class Token(Row, table=True):
    """A machine's way in, scoped to one organisation; only its SHA-256 is kept."""

    __tablename__ = "tokens"
    id: str = Field(default_factory=new_id, primary_key=True)
    token_sha256: str = Field(unique=True)
    name: str
    role: str
    organisation: str
    created_at: datetime = _moment()


class SignInFailure(Row, table=True):
    """A failed sign-in, kept for some minutes: `who` is the SHA-256 of an e-mail address, a network address, or both."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index("sign_in_failures_who", "who", "failed_at"),)
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    who: str
    failed_at: datetime = _moment()


class SubmissionRow(Row, table=True):
    """Something submitted here and what became of it: pending, accepted, unchanged or refused (with reasons)."""

    __tablename__ = "submissions"
    __table_args__ = (
        Index("submissions_of_organisation", "organisation", "submitted_at"),
        Index("submissions_of_file", "file", "row"),
        Index("submissions_about", "about"),
        Index("submissions_by_key", "organisation", "idempotency_key", unique=True),
    )
    id: str = Field(default_factory=new_id, primary_key=True)
    organisation: str
    kind: str
    about: str
    version: int
    content_sha256: str
    status: str = "pending"
    reasons: list[dict[str, str]] = _json()
    idempotency_key: str | None = None
    file: str | None = None
    row: int | None = None
    submitted_by: str
    submitted_at: datetime = _moment()
    answered_at: datetime | None = _moment(null=True)


class FileRow(Row, table=True):
    """A bulk file: which rows were sent on follows from `take` and the rows' submissions."""

    __tablename__ = "files"
    __table_args__ = (Index("files_of_organisation", "organisation", "content_sha256"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    organisation: str
    kind: str
    take: str
    name: str
    content_sha256: str
    rows: int
    refused_as_a_whole: bool
    submitted_by: str
    submitted_at: datetime = _moment()


class HubRow(Row, table=True):
    """A hub as registered."""

    __tablename__ = "hubs"
    hub: str = Field(primary_key=True)
    version: int
    name: str
    data: dict[str, Any] = _json()


class SchoolRow(Row, table=True):
    """A school as registered."""

    __tablename__ = "schools"
    __table_args__ = (Index("schools_of_hub", "hub"),)
    school: str = Field(primary_key=True)
    version: int
    hub: str
    name: str
    data: dict[str, Any] = _json()


class ProfileRow(Row, table=True):
    """A school's profile, its calendars laid out."""

    __tablename__ = "profiles"
    school: str = Field(primary_key=True)
    version: int
    hub: str
    data: dict[str, Any] = _json()


class EmployerRow(Row, table=True):
    """An employer as registered."""

    __tablename__ = "employers"
    employer: str = Field(primary_key=True)
    version: int
    name: str
    data: dict[str, Any] = _json()


class AvailabilityRow(Row, table=True):
    """An availability, or that it was withdrawn."""

    __tablename__ = "availability"
    __table_args__ = (Index("availability_of_employer", "employer"), Index("availability_of_hub", "hub"))
    availability: str = Field(primary_key=True)
    version: int
    employer: str
    hub: str
    withdrawn: bool
    data: dict[str, Any] = _json()


class PledgeRow(Row, table=True):
    """A pledge, or that it was withdrawn."""

    __tablename__ = "pledges"
    employer: str = Field(primary_key=True)
    hub: str = Field(primary_key=True)
    version: int
    withdrawn: bool
    data: dict[str, Any] = _json()


class RequestRow(Row, table=True):
    """A group's request, or that it was withdrawn. A group is named within its school."""

    __tablename__ = "requests"
    __table_args__ = (Index("requests_of_school", "school"), Index("requests_of_hub", "hub"))
    group: str = Field(primary_key=True)
    version: int
    hub: str
    school: str
    withdrawn: bool
    data: dict[str, Any] = _json()


class PlanningRun(Row, table=True):
    """A planning run: requested, running or ended, with its latest progress."""

    __tablename__ = "planning_runs"
    __table_args__ = (Index("planning_runs_of_hub", "hub", "began_at"),)
    job: str = Field(primary_key=True)
    hub: str
    state: str
    why: str = ""
    budget_seconds: float = 0
    students: int = 0
    groups: int = 0
    offers: int = 0
    phase: str = ""
    covered: int = 0
    bound: int = 0
    seconds: float = 0
    outcome: str = ""
    version: int | None = None
    message: str = ""
    began_at: datetime = _moment()
    changed_at: datetime = _moment()


class Timetable(Row, table=True):
    """Header of one version of a hub's timetable; shown once all its parts are here (`complete`)."""

    __tablename__ = "timetables"
    hub: str = Field(primary_key=True)
    academic_year: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    complete: bool = False
    published_at: datetime | None = _moment(null=True)
    published_sessions: int | None = None
    data: dict[str, Any] = _json()
    received_at: datetime = _moment()


class Head(Row, table=True):
    """The newest complete version of a hub's timetable; its row is the lock under which decisions are taken."""

    __tablename__ = "heads"
    hub: str = Field(primary_key=True)
    academic_year: str
    version: int


class SessionRow(Row, table=True):
    """One session of a version, and its review: proposed, approved, returned or published."""

    __tablename__ = "sessions"
    hub: str = Field(primary_key=True)
    academic_year: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    encounter: str = Field(primary_key=True)
    employer: str
    mode: str
    start: str
    schools: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    students: int
    compared: str
    state: str = "proposed"
    stands: bool = False
    pinned: bool = False
    why: str | None = None
    reason: str | None = None
    decided_at: datetime | None = _moment(null=True)
    data: dict[str, Any] = _json()


class Shortfall(Row, table=True):
    """Students of a group that a version leaves out, and why."""

    __tablename__ = "shortfalls"
    hub: str = Field(primary_key=True)
    academic_year: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    group: str = Field(primary_key=True)
    school: str
    students: int
    code: str
    sentence: str


class Remedy(Row, table=True):
    """Something that a person could be asked for."""

    __tablename__ = "remedies"
    hub: str = Field(primary_key=True)
    academic_year: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    rank: int = Field(primary_key=True)
    text: str
    kind: str
    cost_minutes: int
    would_cover: int


class Told(Row, table=True):
    """What a party has been told of an encounter: confirmed, moved or cancelled; the highest `sequence` stands."""

    __tablename__ = "told"
    __table_args__ = (Index("told_to_party", "party_kind", "party", "start"), Index("told_of_hub", "hub"))
    encounter: str = Field(primary_key=True)
    party_kind: str = Field(primary_key=True)
    party: str = Field(primary_key=True)
    sequence: int
    status: str
    hub: str
    start: str
    data: dict[str, Any] = _json()


class AuditEntry(Row, table=True):
    """Who decided what and when; written in the transaction of the decision, never changed."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_of_hub", "hub", "id"),)
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    hub: str
    decided_by: str
    decision: str
    version: int | None = None
    encounter: str | None = None
    detail: str = ""
    decided_at: datetime = _moment()
