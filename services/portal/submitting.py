"""Submissions on their way to intake: recorded, given an id, and sent in the same transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.permissions import Principal, check_may_submit
from services.portal.problems import NotFound, TooLarge, WrongFields
from services.portal.projecting import Values, table_of
from services.portal.tables import SubmissionRow, now
from shared.envelope import new_event, new_id
from shared.events.submissions import Submission
from shared.outbox import send
from shared.topics import MAX_SUBMISSION_BYTES

SOURCE = "/portal"
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Parcel:
    """One submission of a file: its row and, when it is not to be sent, why."""

    submission: Submission
    row: int | None = None
    reasons: tuple[dict[str, str], ...] = ()


def content_sha256(submission: Submission) -> str:
    """Hash what a submission says, whatever its version, its batch and the order of its sets."""
    said = submission.model_dump(exclude={"version", "batch"})
    canonical = json.dumps([submission.event_type(), said], sort_keys=True, default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value.isoformat()


def check_size(submission: Submission) -> None:
    """Raise TooLarge when the event would be larger than intake reads."""
    size = len(submission.model_dump_json().encode())
    if size > MAX_SUBMISSION_BYTES:
        raise TooLarge(
            f"This has {size} bytes with all defaults filled in; at most {MAX_SUBMISSION_BYTES} are taken: send it in parts."
        )


async def submit(
    session: AsyncSession, prefix: str, principal: Principal, submission: Submission, key: str | None = None
) -> SubmissionRow:
    """Record a submission and put it into the outbox; with the same idempotency `key` again, nothing is sent twice.

    Raises NotYours, TooLarge, and WrongFields when the key was used for something else.
    """
    check_may_submit(principal, submission)
    check_size(submission)
    row = _row(principal, submission, key=key)
    connection = await session.connection()
    table = table_of(SubmissionRow)
    inserted = await connection.execute(
        insert(table)
        .values(row)
        .on_conflict_do_nothing(index_elements=["organisation", "idempotency_key"])
        .returning(table.c.id)
    )
    if inserted.first() is None:
        known = (
            await session.exec(
                select(SubmissionRow).where(
                    SubmissionRow.organisation == row["organisation"], SubmissionRow.idempotency_key == key
                )
            )
        ).one()
        if (known.content_sha256, known.version) != (row["content_sha256"], row["version"]):
            raise WrongFields("This Idempotency-Key was used for another submission: take a new key for each.")
        return known
    await send(session, [new_event(SOURCE, submission, event_id=row["id"])], prefix)
    return SubmissionRow.model_validate(row)


async def submit_rows(
    session: AsyncSession, prefix: str, principal: Principal, file: str, parcels: Sequence[Parcel]
) -> None:
    """Record the rows of a file; those without reasons against them are sent."""
    rows = [
        _row(principal, parcel.submission, file=file, row=parcel.row, reasons=list(parcel.reasons))
        for parcel in parcels
    ]
    if rows:
        connection = await session.connection()
        await connection.execute(insert(table_of(SubmissionRow)), rows)
    await send(
        session,
        [
            new_event(SOURCE, parcel.submission, event_id=row["id"])
            for parcel, row in zip(parcels, rows, strict=True)
            if not parcel.reasons
        ],
        prefix,
    )


def _row(
    principal: Principal,
    submission: Submission,
    *,
    key: str | None = None,
    file: str | None = None,
    row: int | None = None,
    reasons: list[dict[str, str]] | None = None,
) -> Values:
    return {
        "id": new_id(),
        "organisation": submission.organisation(),
        "kind": submission.event_type(),
        "about": submission.subject(),
        "version": submission.version,
        "content_sha256": content_sha256(submission),
        "status": "refused" if reasons else "pending",
        "reasons": reasons or [],
        "idempotency_key": key,
        "file": file,
        "row": row,
        "submitted_by": principal.id,
        "submitted_at": now(),
        "answered_at": now() if reasons else None,
    }


_KNOWN = text(
    "SELECT DISTINCT ON (about) about, version, content_sha256 FROM submissions "
    "WHERE about = ANY(CAST(:abouts AS text[])) AND organisation = ANY(CAST(:organisations AS text[])) "
    "AND status <> 'refused' ORDER BY about, version DESC, submitted_at DESC"
)
_ACCEPTED = text(
    "SELECT 'availability:' || availability AS about, version FROM availability "
    "WHERE 'availability:' || availability = ANY(CAST(:abouts AS text[])) UNION ALL "
    "SELECT 'pledge:' || employer || '/' || hub, version FROM pledges "
    "WHERE 'pledge:' || employer || '/' || hub = ANY(CAST(:abouts AS text[])) UNION ALL "
    "SELECT 'request:' || \"group\", version FROM requests WHERE 'request:' || \"group\" = ANY(CAST(:abouts AS text[]))"
)


async def numbered(session: AsyncSession, submissions: Sequence[Submission]) -> list[Submission]:
    """Give submissions of people, who count no versions, the version that follows what is known of each thing.

    What says the same as the last one sent keeps its version, so that it changes nothing.
    """
    abouts = {"abouts": [submission.subject() for submission in submissions]}
    connection = await session.connection()
    accepted = {row.about: row.version for row in await connection.execute(_ACCEPTED, abouts)}
    organisations = sorted({submission.organisation() for submission in submissions})
    sent = {row.about: row for row in await connection.execute(_KNOWN, {**abouts, "organisations": organisations})}
    result = []
    for submission in submissions:
        about = submission.subject()
        last = sent.get(about)
        newest = max(accepted.get(about, 0), last.version if last else 0)
        same = last is not None and last.version == newest and last.content_sha256 == content_sha256(submission)
        result.append(submission.model_copy(update={"version": newest if same else newest + 1}))
    return result


async def status_of(session: AsyncSession, principal: Principal, submission_id: str) -> SubmissionRow:
    """Find a submission of the principal's organisation. Raises NotFound."""
    query = select(SubmissionRow).where(SubmissionRow.id == submission_id)
    if principal.role != "admin":
        query = query.where(SubmissionRow.organisation == principal.organisation)
    row = (await session.exec(query)).first()
    if row is None:
        raise NotFound("There is no such submission of your organisation.")
    return row
