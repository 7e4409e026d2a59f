"""An employer's pages: what I offer, what I am booked for, offer more."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from pydantic import ValidationError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import Response

from services.portal import views
from services.portal.asking import Asking, Running, Transaction, check_csrf
from services.portal.pages.rendering import go, page
from services.portal.permissions import Principal
from services.portal.problems import FieldFault, NotYours
from services.portal.submitting import numbered, submit
from services.portal.tables import EmployerRow, HubRow
from services.portal.wording import faults_of
from shared.envelope import new_id
from shared.events.submissions import SubmitAvailability, WithdrawAvailability

router = APIRouter(prefix="/employer")

_WEEKS = "repeat_until"
_TESTS = ("purpose", "outcomes", "interaction", "reflection")
_NUMBERS = ("duration_minutes", "max_sessions", "seats")


def _check_employer(principal: Principal) -> None:
    if principal.role != "employer":
        raise NotYours("These pages are for employers.")


@router.get("")
async def overview(request: Request, asking: Asking, session: Transaction) -> Response:
    """Show an employer's encounters, availability, pledges and submissions."""
    _check_employer(asking)
    employer = await session.get(EmployerRow, asking.organisation_id)
    return page(
        request,
        "employer.html",
        asking,
        name=employer.name if employer else asking.organisation_id,
        encounters=await views.encounters(session, asking),
        availability=await views.availability(session, asking),
        pledges=await views.pledges(session, asking),
        submissions=await views.submissions(session, asking, limit=10),
    )


@router.get("/availability/new")
async def offer_page(request: Request, asking: Asking, session: Transaction) -> Response:
    """Show the form with which sessions are offered."""
    _check_employer(asking)
    return await _offer_page(request, asking, session, {}, [])


async def _offer_page(
    request: Request, asking: Principal, session: AsyncSession, form: dict[str, Any], faults: list[FieldFault]
) -> Response:
    hubs = list(await session.exec(select(HubRow).order_by(HubRow.name)))
    return page(
        request, "offer.html", asking, status=422 if faults else 200, form=form, faults=faults, hubs=hubs,
        fault_of={fault.field: fault for fault in faults},
    )  # fmt: skip


@router.post("/availability/new")
async def offer_form(request: Request, asking: Asking, portal: Running, session: Transaction) -> Response:
    """Take the form, or show it again with what needs a change."""
    _check_employer(asking)
    posted = await request.form()
    form: dict[str, Any] = {name: str(value).strip() for name, value in posted.items()}
    form["years"] = [str(year) for year in posted.getlist("years")]
    check_csrf(request, form.get("csrf", ""))
    try:
        offer = SubmitAvailability.model_validate(_availability(asking.organisation_id, form))
    except ValidationError as error:
        faults = [_on_form(fault) for fault in faults_of(error.errors(include_url=False, include_input=False))]
        return await _offer_page(
            request, asking, session, form, list({fault.field: fault for fault in faults}.values())
        )
    row = await submit(session, portal.settings.topic_prefix, asking, offer)
    return go(request, f"/submissions/{row.id}", "Thank you. Your offer is being checked.")


def _availability(employer: str, form: dict[str, Any]) -> dict[str, Any]:
    """Turn the form's fields into a submission's."""
    times = {
        "start": f"{form.get('day', '')}T{form.get('from', '')}",
        "end": f"{form.get('day', '')}T{form.get('to', '')}",
    }
    if form.get(_WEEKS):
        times["rrule"] = f"FREQ=WEEKLY;UNTIL={form[_WEEKS].replace('-', '')}T235959"
    values: dict[str, Any] = {
        "employer": employer,
        "availability": f"{employer}-{new_id()[-12:]}",
        "hub": form.get("hub", ""),
        "mode": form.get("mode", ""),
        "times": [times],
        "years": [int(year) for year in form["years"] if year.isascii() and year.isdecimal()],
        "adjustments": [part.strip() for part in form.get("adjustments", "").split(";") if part.strip()],
        "meaningful": {test: test in form for test in _TESTS},
    }
    for name in _NUMBERS:
        text = form.get(name, "")
        values[name] = int(text) if text.isascii() and text.isdecimal() else text
    if form.get("presenter"):
        values["presenter"] = form["presenter"]
    return values


def _on_form(fault: FieldFault) -> FieldFault:
    """Point to the form's own field, and speak of it."""
    place = fault.field.strip("/").split("/")
    field = {"times": _WEEKS if place[-1] == "rrule" else "day"}.get(place[0], place[0])
    messages = {
        "day": ("Day and hours", "are not complete", "give the day, from when and until when"),
        _WEEKS: ("Repeat until", "is not a date", "give the last day, or leave it empty"),
        "hub": ("Hub", "is not chosen", "choose the hub"),
        "mode": ("Kind", "is not chosen", "choose one"),
        "years": ("Year groups", "are not chosen", "choose at least one"),
        "seats": ("Students in a session", fault.message, fault.remedy),
        "duration_minutes": ("Minutes", fault.message, fault.remedy),
        "max_sessions": ("Sessions at most", fault.message, fault.remedy),
    }
    name, message, remedy = messages.get(field, (field.replace("_", " ").capitalize(), fault.message, fault.remedy))
    return FieldFault(field=field, message=f"{name} {message}", remedy=remedy)


@router.post("/availability/{availability:path}/withdraw")
async def withdraw(
    request: Request,
    availability: Annotated[str, Path(max_length=100)],
    asking: Asking,
    portal: Running,
    session: Transaction,
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Take an availability back."""
    _check_employer(asking)
    check_csrf(request, csrf)
    wish = WithdrawAvailability(employer=asking.organisation_id, availability=availability)
    row = await submit(session, portal.settings.topic_prefix, asking, (await numbered(session, [wish]))[0])
    return go(request, f"/submissions/{row.id}", "Your offer is being taken back.")
