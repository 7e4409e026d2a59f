"""What intake stores: the register of all that was accepted, postcodes, and the rows of files taken whole or not at all."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, LargeBinary, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.inbox import inbox_table
from shared.outbox import outbox_table

metadata = MetaData()
outbox_table(metadata)
inbox_table(metadata)


class Row(SQLModel):
    """A row of one of intake's tables."""

    metadata: ClassVar[MetaData] = metadata


class Registered(Row, table=True):
    """One thing of the register, under the subject that its submissions and facts share, such as `school:118785`.

    `version` is the sender's, `fact_version` that of the last fact published; `document` is the last submission accepted.
    """

    __tablename__ = "register"
    __table_args__ = (
        Index("register_by_organisation", "organisation"),
        Index("register_by_hub", "hub", "kind"),
    )

    subject: str = Field(sa_column=Column(Text, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    organisation: str = Field(sa_column=Column(Text, nullable=False))
    hub: str | None = Field(sa_column=Column(Text))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    fact_version: int = Field(sa_column=Column(BigInteger, nullable=False))
    withdrawn: bool
    document: dict[str, object] = Field(sa_column=Column(JSONB, nullable=False))
    changed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class Postcode(Row, table=True):
    """Where a postcode is, in degrees (WGS 84)."""

    __tablename__ = "postcodes"

    postcode: str = Field(sa_column=Column(Text, primary_key=True))
    latitude: float
    longitude: float


class StagedRow(Row, table=True):
    """A row of a file that is taken whole or not at all, until all of its rows have come.

    `envelope` are its event's attributes, `body` its data; `refused` tells that it has been refused for its shape.
    """

    __tablename__ = "staged_rows"

    source: str = Field(sa_column=Column(Text, primary_key=True))
    batch: str = Field(sa_column=Column(Text, primary_key=True))
    row: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    rows: int
    envelope: dict[str, object] = Field(sa_column=Column(JSONB, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    refused: bool
    staged_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
