"""A school's pages: my groups and whether they are covered, and my encounters."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal import views
from services.portal.asking import Asking, Transaction
from services.portal.pages.rendering import page
from services.portal.problems import NotYours
from services.portal.tables import SchoolRow

router = APIRouter(prefix="/school")

_FIRST = ("needed", "partly", "planned", "covered")
"""Groups that still need something come first."""


@router.get("")
async def overview(request: Request, asking: Asking, session: Transaction) -> Response:
    """Show a school's groups, encounters and submissions."""
    if asking.role != "school":
        raise NotYours("These pages are for schools.")
    school = await session.get(SchoolRow, asking.organisation_id)
    groups = await views.coverage(session, asking, asking.organisation_id)
    encounters = await views.encounters(session, asking)
    return page(
        request,
        "school.html",
        asking,
        name=school.name if school else asking.organisation_id,
        groups=sorted(groups, key=lambda group: _FIRST.index(group.status)),
        students=sum(group.size for group in groups),
        confirmed=sum(group.confirmed for group in groups),
        planned=sum(max(group.planned, group.confirmed) for group in groups),
        encounters=encounters,
        submissions=await views.submissions(session, asking, limit=10),
    )
