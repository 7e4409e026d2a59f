"""The HTTP API of coordinators: plans, review, publishing."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from services.portal import hubs
from services.portal.api import problem
from services.portal.asking import Asking, Running, Transaction
from services.portal.problems import NotFound
from services.portal.reviewing import Decided, Review, State, Why, cancel_planning, request_plan
from shared.events.fields import Id, LocalTime, LongText

router = APIRouter(prefix="/api/v1/hubs", tags=["coordinators"], responses=problem(401, 403, 404, 422))

HubId = Annotated[str, Path(max_length=100, examples=["demo"])]
VersionNumber = Annotated[int, Path(ge=1, le=1_000_000_000, description="The version that you have seen")]
Encounters = Annotated[list[Id], Field(min_length=1, max_length=10_000)]


class Approval(BaseModel):
    """Which sessions to approve; `all` means all that are still proposed."""

    encounters: Encounters | Literal["all"]
    seen: State | None = Field(default=None, description="The state that you saw; 409 if it has changed since")


class Return(BaseModel):
    """Sessions to return, for ever."""

    encounters: Encounters
    why: Why = Field(description="not_this_time takes the time from the groups; not_this_match forbids the match")
    reason: Annotated[LongText, Field(min_length=1, description="In your own words; nobody's name, please")]
    seen: State | None = None


class Pin(BaseModel):
    """Sessions to pin, so that every plan keeps them, or to unpin."""

    encounters: Encounters
    pinned: bool = True


class PlanOrder(BaseModel):
    """How long the planning may take, and from when on."""

    seconds: float = Field(default=60, gt=0, le=3600)
    not_before: LocalTime | None = Field(
        default=None, description="No new session before this local time of the hub; absent: the whole year"
    )


class Job(BaseModel):
    """A planning run."""

    job: str


class Outcome(BaseModel):
    """What a decision changed."""

    version: int
    changed: int = Field(description="Sessions that it changed")
    were_so_already: int = Field(description="Sessions that were so already")


class SessionPage(BaseModel):
    """A stretch of sessions, and how many fit the filter in all."""

    total: int
    sessions: list[hubs.SessionView]


def _outcome(decided: Decided) -> Outcome:
    return Outcome(version=decided.version, changed=decided.changed, were_so_already=decided.were_so_already)


@router.get("")
async def list_hubs(asking: Asking, session: Transaction) -> list[hubs.HubView]:
    """List the hubs that you coordinate."""
    return await hubs.hubs(session, asking)


@router.get("/{hub:path}/timetable")
async def read_timetable(hub: HubId, asking: Asking, session: Transaction) -> hubs.TimetableView:
    """Give the newest complete version of the timetable: proof, levels, counts of the review."""
    found = await hubs.timetable(session, asking, hub)
    if found is None:
        raise NotFound(f"The hub {hub} has no timetable yet: ask for a plan first.")
    return found


@router.get("/{hub:path}/timetable/sessions")
async def list_sessions(
    hub: HubId,
    asking: Asking,
    session: Transaction,
    state: State | None = None,
    mode: Literal["in_school", "workplace", "virtual"] | None = None,
    search: Annotated[str | None, Query(max_length=200, description="Part of an employer's or a school's name")] = None,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> SessionPage:
    """List the sessions of the newest complete version, by start."""
    total, found = await hubs.sessions(
        session, asking, hub, state=state, mode=mode, search=search, offset=offset, limit=limit
    )
    return SessionPage(total=total, sessions=found)


@router.get("/{hub:path}/timetable/shortfalls")
async def list_shortfalls(hub: HubId, asking: Asking, session: Transaction) -> list[hubs.ShortfallView]:
    """List the groups that are left out, and why."""
    return await hubs.shortfalls(session, asking, hub)


@router.get("/{hub:path}/timetable/remedies")
async def list_remedies(hub: HubId, asking: Asking, session: Transaction) -> list[hubs.RemedyView]:
    """List what people could be asked for, the best first."""
    return await hubs.remedies(session, asking, hub)


@router.get("/{hub:path}/plans")
async def list_plans(hub: HubId, asking: Asking, session: Transaction) -> list[hubs.RunView]:
    """List the newest planning runs, with their latest progress."""
    return await hubs.planning(session, asking, hub)


@router.post("/{hub:path}/plans", status_code=202)
async def order_plan(order: PlanOrder, hub: HubId, asking: Asking, portal: Running, session: Transaction) -> Job:
    """Ask for a plan of the hub's year."""
    return Job(
        job=await request_plan(session, portal.settings.topic_prefix, asking, hub, order.seconds, order.not_before)
    )


@router.post("/{hub:path}/plans/{job}/cancel", status_code=202, responses=problem(409))
async def cancel_plan(
    hub: HubId, job: Annotated[str, Path(max_length=100)], asking: Asking, portal: Running, session: Transaction
) -> Job:
    """Stop a planning run."""
    await cancel_planning(session, portal.settings.topic_prefix, asking, hub, job)
    return Job(job=job)


@router.post("/{hub:path}/timetable/{version}/approve", responses=problem(409))
async def approve(
    approval: Approval, hub: HubId, version: VersionNumber, asking: Asking, portal: Running, session: Transaction
) -> Outcome:
    """Approve one session, many, or all that are still proposed."""
    review = await Review.open(session, portal.settings.topic_prefix, asking, hub, version)
    wanted = None if approval.encounters == "all" else approval.encounters
    return _outcome(await review.approve(wanted, approval.seen))


@router.post("/{hub:path}/timetable/{version}/return", responses=problem(409))
async def give_back(
    given: Return, hub: HubId, version: VersionNumber, asking: Asking, portal: Running, session: Transaction
) -> Outcome:
    """Return sessions, with why and the reason; they are never proposed so again."""
    review = await Review.open(session, portal.settings.topic_prefix, asking, hub, version)
    return _outcome(await review.give_back(given.encounters, given.why, given.reason, given.seen))


@router.post("/{hub:path}/timetable/{version}/pin", responses=problem(409))
async def pin(
    pinning: Pin, hub: HubId, version: VersionNumber, asking: Asking, portal: Running, session: Transaction
) -> Outcome:
    """Pin sessions, so that every plan keeps them, or unpin them."""
    review = await Review.open(session, portal.settings.topic_prefix, asking, hub, version)
    return _outcome(await review.pin(pinning.encounters, pinned=pinning.pinned))


@router.post("/{hub:path}/timetable/{version}/publish", responses=problem(409))
async def publish(hub: HubId, version: VersionNumber, asking: Asking, portal: Running, session: Transaction) -> Outcome:
    """Publish the approved sessions, once all are decided; publishing twice changes nothing."""
    review = await Review.open(session, portal.settings.topic_prefix, asking, hub, version)
    return _outcome(await review.publish())


@router.get("/{hub:path}/decisions")
async def list_decisions(hub: HubId, asking: Asking, session: Transaction) -> list[hubs.AuditView]:
    """List the decisions that were taken about the hub, the newest first."""
    return await hubs.audit(session, asking, hub)
