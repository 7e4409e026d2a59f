"""Planning runs as rows: asked for, leased by one worker at a time, kept alive by its heartbeat, ended once.

A lease is known by its token. Whatever a worker writes, it writes in a transaction that first finds its token still on
the job; a worker that was silent for too long finds another's there, and its work is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.database import Database
from shared.envelope import Event, new_id
from shared.events.decisions import CancelPlanning, RequestPlan

MOST_ATTEMPTS = 3
REQUESTED, REPAIR = "requested", "repair"


@dataclass(frozen=True, slots=True)
class LeasedJob:
    """A planning run that this worker may carry out for as long as its heartbeat goes on."""

    id: str
    hub: str
    why: str
    seconds: float
    not_before: str | None
    attempts: int
    cancel_requested: bool
    token: str
    correlation_id: str
    traceparent: str

    def cause(self) -> Event[None]:
        """Give the event that asked for the run, as far as what follows needs it."""
        return Event(
            self.id, "/matching", "", "", datetime.now(UTC), None, self.correlation_id, self.traceparent
        )  # fmt: skip


class LeaseLost(Exception):
    """The run was taken from this worker: its lease had run out, or somebody else ended it."""


async def request(session: AsyncSession, event: Event[RequestPlan]) -> None:
    """Queue the run that somebody asked for; the same job twice is one."""
    data = event.data
    await (await session.connection()).execute(
        text(
            "INSERT INTO planning_jobs (id, hub, why, seconds, not_before, status, attempts, cancel_requested, correlation_id, traceparent) "
            "VALUES (:id, :hub, :why, :seconds, :not_before, 'queued', 0, false, :correlation_id, :traceparent) ON CONFLICT (id) DO NOTHING"
        ),
        {
            "id": data.job,
            "hub": data.hub,
            "why": REQUESTED,
            "seconds": data.seconds,
            "not_before": data.not_before,
            "correlation_id": event.correlation_id,
            "traceparent": event.traceparent,
        },
    )


async def cancel(session: AsyncSession, decision: CancelPlanning) -> bool:
    """Cancel a run: True where it was still waiting and is over now; one that runs is told at its next heartbeat."""
    connection = await session.connection()
    names = {"id": decision.job, "hub": decision.hub}
    waiting = await connection.execute(
        text("UPDATE planning_jobs SET status = 'cancelled' WHERE id = :id AND hub = :hub AND status = 'queued'"), names
    )
    if waiting.rowcount:
        return True
    await connection.execute(
        text("UPDATE planning_jobs SET cancel_requested = true WHERE id = :id AND hub = :hub AND status = 'running'"),
        names,
    )
    return False


async def schedule_repairs(
    session: AsyncSession, hubs: Sequence[str], seconds: float, delay_seconds: float, cause: Event[Any]
) -> None:
    """Queue a repair of each hub, due after so much quiet: one that waits already is put off, one that runs is followed."""
    if not hubs:
        return
    await (await session.connection()).execute(
        text("""
            INSERT INTO planning_jobs
                (id, hub, why, seconds, status, due_at, attempts, cancel_requested, correlation_id, traceparent)
            SELECT id, hub, 'repair', :seconds, 'queued', now() + make_interval(secs => :delay), 0, false,
                   :correlation_id, :traceparent
            FROM unnest(CAST(:ids AS text[]), CAST(:hubs AS text[])) AS t (id, hub) ORDER BY hub
            ON CONFLICT (hub) WHERE status = 'queued' AND why = 'repair' DO UPDATE SET due_at = excluded.due_at
        """),
        {
            "ids": [new_id() for _ in hubs],
            "hubs": list(hubs),
            "seconds": seconds,
            "delay": delay_seconds,
            "correlation_id": cause.correlation_id,
            "traceparent": cause.traceparent,
        },
    )


async def put_repairs_off(session: AsyncSession, hubs: Sequence[str], delay_seconds: float) -> None:
    """Let waiting repairs of these hubs wait until people have been told all that was published."""
    await (await session.connection()).execute(
        text(
            "UPDATE planning_jobs SET due_at = greatest(due_at, now() + make_interval(secs => :delay)) "
            "WHERE hub = ANY(CAST(:hubs AS text[])) AND status = 'queued' AND why = 'repair'"
        ),
        {"hubs": list(hubs), "delay": delay_seconds},
    )


_LEASE = text("""
    UPDATE planning_jobs SET status = 'running', token = :token, attempts = attempts + 1,
                             lease_until = now() + make_interval(secs => :lease)
    WHERE id = (
        SELECT job.id FROM planning_jobs job
        WHERE ((job.status = 'queued' AND job.due_at <= now()) OR (job.status = 'running' AND job.lease_until < now()))
          AND NOT EXISTS (SELECT 1 FROM planning_jobs other
                          WHERE other.hub = job.hub AND other.id <> job.id AND other.status = 'running')
          AND (job.why <> 'repair'
               OR EXISTS (SELECT 1 FROM in_force WHERE in_force.hub = job.hub AND NOT in_force.cancelled))
        ORDER BY job.due_at LIMIT 1 FOR UPDATE OF job SKIP LOCKED)
    RETURNING id, hub, why, seconds, not_before, attempts, cancel_requested, token, correlation_id, traceparent
""")


async def lease(database: Database, lease_seconds: float) -> LeasedJob | None:
    """Take up a run that is due, or one whose worker has fallen silent; None where there is none.

    A hub has one run at a time. A repair waits until something is in force.
    """
    try:
        async with database.transaction() as session:
            rows = await (await session.connection()).execute(_LEASE, {"token": new_id(), "lease": lease_seconds})
            row = rows.one_or_none()
    except IntegrityError:  # another worker took up another run of the same hub at the same moment
        return None
    return LeasedJob(**row._mapping) if row else None


async def heartbeat(session: AsyncSession, job: LeasedJob, lease_seconds: float) -> bool:
    """Keep the lease; tells whether somebody has asked to cancel. Raises LeaseLost."""
    rows = await (await session.connection()).execute(
        text(
            "UPDATE planning_jobs SET lease_until = now() + make_interval(secs => :lease) "
            "WHERE id = :id AND token = :token AND status = 'running' RETURNING cancel_requested"
        ),
        {"id": job.id, "token": job.token, "lease": lease_seconds},
    )
    row = rows.one_or_none()
    if row is None:
        raise LeaseLost(job.id)
    return bool(row.cancel_requested)


async def end(session: AsyncSession, job: LeasedJob, status: str) -> None:
    """End a run as done, cancelled or failed, in the transaction of its outcome. Raises LeaseLost."""
    await _change(session, job, "status = :status, lease_until = NULL", {"status": status})


async def give_back(session: AsyncSession, job: LeasedJob, *, after_seconds: float, counts: bool) -> bool:
    """Queue a run again, due later; unless it `counts`, this attempt is forgotten. Raises LeaseLost.

    A repair is not queued beside another that waits, for that one does its work too: False where this one is over.
    """
    status = await _change(
        session,
        job,
        "status = CASE WHEN why = 'repair' AND EXISTS (SELECT 1 FROM planning_jobs other WHERE other.hub = planning_jobs.hub "
        "AND other.status = 'queued' AND other.why = 'repair') THEN 'superseded' ELSE 'queued' END, token = NULL, lease_until = NULL, due_at = now() + make_interval(secs => :after), "
        "attempts = attempts - :forgotten",
        {"after": after_seconds, "forgotten": 0 if counts else 1},
    )
    return status == "queued"


async def _change(session: AsyncSession, job: LeasedJob, change: str, values: dict[str, Any]) -> str:
    """Change a run that this worker still holds; returns its new status."""
    held = "id = :id AND token = :token AND status = 'running'"
    statement = f"UPDATE planning_jobs SET {change} WHERE {held} RETURNING status"  # noqa: S608 - `change` is one of this module's own texts
    status = await (await session.connection()).scalar(text(statement), {"id": job.id, "token": job.token, **values})
    if status is None:
        raise LeaseLost(job.id)
    return str(status)
