"""What matching keeps: facts, decisions that bind every later plan, what is in force, plan versions, planning jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, MetaData, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.inbox import inbox_table
from shared.outbox import outbox_table

metadata = MetaData()
outbox_table(metadata)
inbox_table(metadata)


class Row(SQLModel):
    """A row of one of matching's tables."""

    metadata: ClassVar[MetaData] = metadata


def _json() -> Any:
    return Field(sa_column=Column(JSONB, nullable=False))


def _moment() -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class KeptFact(Row, table=True):
    """The newest version of one fact; `owner` is the employer or school that it is about, `hub` None for employers.

    A withdrawn fact keeps its version, so that a late older one cannot bring it back, and its last data: sessions that
    have taken place need the offer that they were.
    """

    __tablename__ = "facts"
    __table_args__ = (Index("facts_of_hub", "hub"), Index("facts_of_owner", "owner"))
    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    hub: str | None
    owner: str
    version: int
    withdrawn: bool
    data: dict[str, Any] = _json()


class HubChanges(Row, table=True):
    """How often facts or decisions that a hub's problem is made of have changed; a plan version notes what it saw."""

    __tablename__ = "hub_changes"
    hub: str = Field(primary_key=True)
    changes: int = Field(sa_column=Column(BigInteger, nullable=False))


class Returned(Row, table=True):
    """A proposed session that a coordinator returned, for ever; `why` says whether the time or the match was wrong."""

    __tablename__ = "returned"
    __table_args__ = (Index("returned_of_hub", "hub", "academic_year"),)
    encounter: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    why: str = Field(primary_key=True)
    hub: str
    academic_year: str
    session: dict[str, Any] = _json()


class Pinned(Row, table=True):
    """A session that a coordinator pinned, as it was proposed then."""

    __tablename__ = "pinned"
    __table_args__ = (Index("pinned_of_hub", "hub", "academic_year"),)
    encounter: str = Field(primary_key=True)
    hub: str
    academic_year: str
    session: dict[str, Any] = _json()


class InForce(Row, table=True):
    """An encounter that people have been told of, until it is cancelled; `sequence` is that of the newest telling.

    `told_at` is when its present start was first told.
    """

    __tablename__ = "in_force"
    __table_args__ = (Index("in_force_of_hub", "hub", "academic_year"),)
    encounter: str = Field(primary_key=True)
    hub: str
    academic_year: str
    sequence: int
    cancelled: bool
    told_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    session: dict[str, Any] = _json()


class PlanVersion(Row, table=True):
    """A proposed timetable, immutable but for `published`; with both planning files it can be reproduced and checked.

    `changes_seen` is the hub's count of changes when the problem was built. The files are gzip.
    """

    __tablename__ = "plan_versions"
    hub: str = Field(primary_key=True)
    academic_year: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    job: str = Field(unique=True)
    changes_seen: int = Field(sa_column=Column(BigInteger, nullable=False))
    published: bool = False
    header: dict[str, Any] = _json()
    problem_file: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    timetable_file: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    proposed_at: datetime = _moment()


class PlannedSession(Row, table=True):
    """A session of a plan version, and the encounter that it is for people."""

    __tablename__ = "planned_sessions"
    hub: str = Field(primary_key=True)
    academic_year: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    encounter: str = Field(primary_key=True)
    session: dict[str, Any] = _json()


class PlanningJob(Row, table=True):
    """A planning run: queued, running (leased by whoever knows `token`), done, cancelled or failed.

    At most one runs for a hub at a time, and at most one repair of a hub waits. `not_before` is a local time.
    """

    __tablename__ = "planning_jobs"
    __table_args__ = (
        Index("one_run_a_hub", "hub", unique=True, postgresql_where=text("status = 'running'")),
        Index(
            "one_waiting_repair_a_hub",
            "hub",
            unique=True,
            postgresql_where=text("status = 'queued' AND why = 'repair'"),
        ),
        Index("jobs_due", "due_at", postgresql_where=text("status IN ('queued', 'running')")),
    )
    id: str = Field(primary_key=True)
    hub: str
    why: str
    seconds: float
    not_before: str | None = None
    status: str = "queued"
    due_at: datetime = _moment()
    attempts: int = 0
    token: str | None = None
    lease_until: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    cancel_requested: bool = False
    correlation_id: str
    traceparent: str
    created_at: datetime = _moment()
