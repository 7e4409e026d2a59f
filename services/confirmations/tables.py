"""What confirmations keeps: whom it can reach, what was published, what each party was told, mail still to send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.inbox import inbox_table
from shared.outbox import outbox_table

metadata = MetaData()
outbox = outbox_table(metadata)
inbox = inbox_table(metadata)


class _Table(SQLModel):
    metadata = metadata


class Party(_Table, table=True):
    """A school or employer: its name and where its mail goes; or where an offer takes place, if not at its employer's.

    `version` is that of the fact it came from.
    """

    __tablename__ = "parties"
    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    version: int
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class Published(_Table, table=True):
    """A session of a published version, kept until the version's header comes."""

    __tablename__ = "published"
    hub: str = Field(primary_key=True)
    academic_year: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    encounter: str = Field(primary_key=True)
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class Told(_Table, table=True):
    """The last thing that one party was told of one encounter; `cancelled` when it was told that it is off."""

    __tablename__ = "told"
    __table_args__ = (Index("told_of_hub", "hub", "academic_year"),)
    encounter: str = Field(primary_key=True)
    party_kind: str = Field(primary_key=True)
    party: str = Field(primary_key=True)
    hub: str
    academic_year: str
    sequence: int
    cancelled: bool
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class Mail(_Table, table=True):
    """An invitation, update or cancellation on its way; composed when it is sent, so that it goes to today's address.

    It is due until it is sent, superseded by a newer one, or given up; without an address it waits for one.
    """

    __tablename__ = "mails"
    __table_args__ = (Index("mails_due", "status", "next_try"),)
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    news: str
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    status: str = "due"
    attempts: int = 0
    next_try: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, default=lambda: datetime.now(UTC))
    )
