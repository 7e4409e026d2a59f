"""Bulk files: each row becomes a submission, and every bad row is told with its number; good rows are taken, or not, as asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Literal

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.files import FileRowRead, Kind, read_file
from services.portal.permissions import Principal, may_submit
from services.portal.problems import FieldFault, NotFound, NotYours
from services.portal.submitting import Parcel, numbered, submit_rows
from services.portal.tables import FileRow, SubmissionRow, now
from shared.envelope import new_id
from shared.events.submissions import Batch

Take = Literal["good", "all"]

_OWNER_KIND: dict[Kind, str] = {"availability": "employer", "pledges": "employer", "requests": "school"}
NOT_TAKEN = FieldFault(
    field="/",
    message="was not taken, because the file was to be taken whole and other rows are wrong",
    remedy="correct those rows and send the file again",
)
"""Why a good row of a file is refused with the others."""


async def take_file(
    session: AsyncSession, prefix: str, principal: Principal, kind: Kind, name: str, content: bytes, take: Take
) -> FileRow:
    """Take a bulk file: send its good rows on, or with `take` "all" none unless all are good.

    Rows that say the same as what was sent last keep its version, so the same file again changes nothing.
    Raises NotYours, NotReadable, TooLarge.
    """
    owner = principal.only_of(_OWNER_KIND[kind])
    if owner == "":
        raise NotYours(f"Files of {kind} are sent by {_OWNER_KIND[kind]}s; you act for {principal.organisation}.")
    rows = await asyncio.to_thread(read_file, kind, content, owner)
    rows = [_with_permission(principal, row) for row in rows]
    file = FileRow(
        id=new_id(),
        organisation=principal.organisation,
        kind=kind,
        take=take,
        name=name[:200],
        content_sha256=hashlib.sha256(content).hexdigest(),
        rows=len(rows),
        refused_as_a_whole=take == "all" and any(row.faults for row in rows),
        submitted_by=principal.id,
    )
    session.add(file)
    await session.flush()
    await submit_rows(session, prefix, principal, file.id, await _parcels(session, file, rows))
    session.add_all(_unread(principal, file, row) for row in rows if row.submission is None)
    await session.flush()
    return file


def _unread(principal: Principal, file: FileRow, row: FileRowRead) -> SubmissionRow:
    """Keep a row that is no submission, so that its sender finds it among the file's results."""
    return SubmissionRow(
        organisation=principal.organisation,
        kind=file.kind,
        about=f"row:{row.number}",
        version=0,
        content_sha256="",
        status="refused",
        reasons=[fault.model_dump() for fault in row.faults],
        file=file.id,
        row=row.number,
        submitted_by=principal.id,
        answered_at=now(),
    )


def _with_permission(principal: Principal, row: FileRowRead) -> FileRowRead:
    if row.submission is None or may_submit(principal, row.submission):
        return row
    fault = FieldFault(
        field="/" + row.submission.organisation().partition(":")[0],
        message=f"is not you: you act for {principal.organisation}",
        remedy="leave the cell empty, or put your own id there",
    )
    return FileRowRead(row.number, row.submission, [*row.faults, fault])


async def _parcels(session: AsyncSession, file: FileRow, rows: Sequence[FileRowRead]) -> list[Parcel]:
    read = [(row, row.submission) for row in rows if row.submission is not None]
    counted = await numbered(session, [submission for _, submission in read])
    sent = [row for row, _ in read if not row.faults and not file.refused_as_a_whole]
    place = {row.number: index for index, row in enumerate(sent, start=1)}
    parcels = []
    for (row, original), following in zip(read, counted, strict=True):
        submission = original if "version" in original.model_fields_set else following
        if row.number in place:
            batch = Batch(id=file.id, row=place[row.number], rows=len(sent), take=file.take)
            parcels.append(Parcel(submission.model_copy(update={"batch": batch}), row.number))
        else:
            faults = row.faults or [NOT_TAKEN]
            parcels.append(Parcel(submission, row.number, tuple(fault.model_dump() for fault in faults)))
    return parcels


async def file_of(session: AsyncSession, principal: Principal, file_id: str) -> FileRow:
    """Find a file of the principal's organisation. Raises NotFound."""
    query = select(FileRow).where(FileRow.id == file_id)
    if principal.role != "admin":
        query = query.where(FileRow.organisation == principal.organisation)
    file = (await session.exec(query)).first()
    if file is None:
        raise NotFound("There is no such file of your organisation.")
    return file
