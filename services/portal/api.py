"""The HTTP API of submissions and of what each organisation may read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query
from pydantic import BaseModel

from services.portal import views
from services.portal.api_examples import EXAMPLES
from services.portal.asking import Asking, Running, Transaction
from services.portal.submitting import LONGEST_KEY, status_of, submit
from services.portal.tables import SubmissionRow
from shared.events.submissions import (
    DescribeSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
    WithdrawAvailability,
    WithdrawPledge,
    WithdrawRequest,
)

LONGEST_WAIT_SECONDS = 30
_LOOK_AGAIN_SECONDS = 0.2


def problem(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document answers of these statuses as problem+json."""
    said = {
        400: "The body can't be read",
        401: "Nobody is signed in, and no known token was sent",
        403: "The organisation or role does not allow it",
        404: "There is none that this organisation may see",
        409: "Somebody else decided first, or a newer version is there",
        413: "The body is above the stated limit",
        422: "Fields are not what they should be; each is named, with what to do",
        429: "Too many tries",
        503: "Something that the portal needs is out of reach",
    }
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {"description": said[status], "content": {"application/problem+json": {"schema": schema}}}
        for status in statuses
    }


router = APIRouter(prefix="/api/v1", responses=problem(401, 403, 422))


class Me(BaseModel):
    """Who is asking."""

    id: str
    role: str
    organisation: str


@router.get("/me", tags=["me"])
async def me(asking: Asking) -> Me:
    """Say who the cookie or the token speaks for."""
    return Me(id=asking.id, role=asking.role, organisation=asking.organisation)


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", max_length=LONGEST_KEY, min_length=1, pattern=r"^[\x21-\x7e]+$",
        description="The same key again gives the same submission, and sends nothing twice.",
    ),
]  # fmt: skip


def view_of(row: SubmissionRow) -> views.SubmissionView:
    """Show a submission's row."""
    return views.SubmissionView.model_validate(row.model_dump())


def _door(model: type[Submission]) -> Callable[..., Any]:
    async def take(
        submission: Any, asking: Asking, portal: Running, session: Transaction, key: IdempotencyKey = None
    ) -> views.SubmissionView:
        return view_of(await submit(session, portal.settings.topic_prefix, asking, submission, key))

    take.__annotations__["submission"] = Annotated[model, Body(openapi_examples=EXAMPLES[model])]
    return take


_DOORS: tuple[tuple[str, type[Submission], str, str], ...] = (
    ("/hubs", RegisterHub, "registry", "Register a hub, its terms and its policy (its coordinator, or an admin)"),
    ("/schools", RegisterSchool, "registry", "Register a school (admin)"),
    ("/employers", RegisterEmployer, "registry", "Register an employer (admin)"),
    ("/schools/profile", DescribeSchool, "schools", "Describe a school: calendars, closures, exams, hosting limit"),
    ("/availability", SubmitAvailability, "employers", "Submit availability, or amend it with a higher version"),
    ("/pledges", SubmitPledge, "employers", "Pledge student encounters in a hub"),
    ("/requests", SubmitRequest, "schools", "Ask for encounters for a group"),
    ("/withdrawals/availability", WithdrawAvailability, "employers", "Take an availability back"),
    ("/withdrawals/pledges", WithdrawPledge, "employers", "Take a pledge back"),
    ("/withdrawals/requests", WithdrawRequest, "schools", "Take a group's request back"),
)
for _path, _model, _tag, _summary in _DOORS:
    router.add_api_route(
        _path,
        _door(_model),
        methods=["POST"],
        status_code=202,
        tags=[_tag],
        summary=_summary,
        description=f"{(_model.__doc__ or '').strip()}\n\nThe answer comes later: see `GET /api/v1/submissions/{{id}}`.",
        operation_id=f"submit_{_path.strip('/').replace('/', '_')}",
        response_model=views.SubmissionView,
        responses=problem(400, 413),
    )


@router.get("/submissions", tags=["submissions"])
async def list_submissions(
    asking: Asking, session: Transaction, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[views.SubmissionView]:
    """List your organisation's newest submissions."""
    return await views.submissions(session, asking, limit=limit)


@router.get("/submissions/{submission}", tags=["submissions"], responses=problem(404))
async def read_submission(
    submission: Annotated[str, Path(max_length=100)],
    asking: Asking,
    session: Transaction,
    portal: Running,
    wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT_SECONDS, description="Seconds to wait for the answer")] = 0,
) -> views.SubmissionView:
    """Give a submission's status and, when it was refused, the reasons; with `wait`, as soon as the answer is there."""
    row = await status_of(session, asking, submission)
    await session.commit()
    until = time.monotonic() + wait
    while row.status == "pending" and time.monotonic() < until:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        async with portal.database.transaction() as look:
            row = await status_of(look, asking, submission)
    return view_of(row)


@router.get("/availability", tags=["employers"])
async def list_availability(asking: Asking, session: Transaction) -> list[views.AvailabilityView]:
    """List availability: an employer's own, a coordinator's hub's."""
    return await views.availability(session, asking)


@router.get("/pledges", tags=["employers"])
async def list_pledges(asking: Asking, session: Transaction) -> list[views.PledgeView]:
    """List pledges and how far they are kept: an employer's own, a coordinator's hub's."""
    return await views.pledges(session, asking)


@router.get("/requests", tags=["schools"])
async def list_requests(asking: Asking, session: Transaction) -> list[views.RequestView]:
    """List requests: a school's own, a coordinator's hub's."""
    return await views.requests(session, asking)


@router.get("/schools/{school}/coverage", tags=["schools"])
async def list_coverage(
    school: Annotated[str, Path(pattern=r"^[0-9]{6}$")], asking: Asking, session: Transaction
) -> list[views.CoverageView]:
    """List a school's groups: students confirmed, planned, and why some are left out."""
    return await views.coverage(session, asking, school)


@router.get("/encounters", tags=["encounters"])
async def list_encounters(
    asking: Asking,
    session: Transaction,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=views.MOST_ROWS)] = views.MOST_ROWS,
) -> list[views.EncounterView]:
    """List what was told of encounters: to you, or to all parties of your hub."""
    return await views.encounters(session, asking, offset=offset, limit=limit)
