"""Pages from templates: escaped always, with who is signed in and the form token at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.portal.asking import csrf_token
from services.portal.hubs import TimetableView
from services.portal.permissions import Principal
from services.portal.problems import ProblemDetails

LONDON = ZoneInfo("Europe/London")
HOME = {"employer": "/employer", "school": "/school", "coordinator": "/hub", "admin": "/hub"}

MODE_NAMES = {"in_school": "In school", "workplace": "Visit to a workplace", "virtual": "Virtual"}
STATE_NAMES = {
    "proposed": "To decide", "approved": "Approved", "returned": "Returned", "published": "Published",
    "confirmed": "Confirmed", "moved": "Confirmed, changed", "cancelled": "Cancelled",
    "pending": "Being checked", "accepted": "Accepted", "unchanged": "Known already", "refused": "Not accepted",
    "covered": "Covered", "planned": "Planned, in review", "partly": "Partly covered", "needed": "Still needed",
    "requested": "Asked for", "running": "Planning", "ended": "Done",
}  # fmt: skip
REASON_NAMES = {
    "no-offer-for-year": "no employer offers anything for their year",
    "mode": "what is offered is not of a kind that they can take part in",
    "adjustments": "nobody who could come meets the adjustments that they need",
    "out-of-reach": "every suitable employer is too far away",
    "no-common-window": "no employer is free when they can be seen",
    "too-large": "the group is larger than any room that is offered",
    "hosting-limit": "their school can't host more visits at that time",
    "shared-shortage": "they compete with other groups for too few sessions",
    "crowded-out": "placing them would leave out at least as many others",
    "not-proven": "no place was found, and no reason is proven: more planning time may help",
}
KIND_NAMES = {
    "encounters.availability.submit.v1": "Availability", "encounters.availability.withdraw.v1": "Availability taken back",
    "encounters.pledge.submit.v1": "Pledge", "encounters.pledge.withdraw.v1": "Pledge taken back",
    "encounters.request.submit.v1": "Request", "encounters.request.withdraw.v1": "Request taken back",
    "encounters.school.describe.v1": "School profile", "encounters.school.register.v1": "School",
    "encounters.employer.register.v1": "Employer", "encounters.hub.register.v1": "Hub",
    "availability": "Availability", "pledges": "Pledge", "requests": "Request",
}  # fmt: skip


def day(local: str) -> str:
    """Write a local time's day as people say it: Tue 2 Mar 2027."""
    moment = date.fromisoformat(local[:10])
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def clock(local: str) -> str:
    """Write a local time's hour: 09:30."""
    return local[11:16]


def moment(value: datetime) -> str:
    """Write a moment as the clocks of England show it: 2 Mar 2027, 09:30."""
    local = value.astimezone(LONDON)
    return f"{local.day} {local:%b %Y, %H:%M}"


def number(value: int) -> str:
    """Write a number with commas between thousands."""
    return f"{value:,}"


def percent(part: float, whole: float) -> str:
    """Write a share with one decimal; 100.0 % means all, not nearly all."""
    if not whole:
        return "–"
    share = round(100 * part / whole, 1)
    return f"{min(share, 99.9) if part < whole else share:.1f}\N{NO-BREAK SPACE}%"


def who(attendances: Sequence[Mapping[str, Any]]) -> str:
    """Write who comes, by year: 193 students: Year 8 (8 groups)."""
    groups = Counter(attendance["year"] for attendance in attendances)
    years = ", ".join(f"Year {year} ({n} group{'' if n == 1 else 's'})" for year, n in sorted(groups.items()))
    return f"{sum(attendance['students'] for attendance in attendances)} students: {years}"


def how_known(timetable: TimetableView) -> str:
    """Say by what it is known that no timetable covers more students than the bound."""
    if timetable.method != "search":
        return "anyone can recount it"
    certified = timetable.certified_bound
    return "found by search" + ("" if certified is None else f"; anyone can recount at most {number(certified)}")


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update({"day": day, "clock": clock, "moment": moment, "number": number, "who": who})
_environment.globals.update(
    {
        "percent": percent,
        "how_known": how_known,
        "mode_names": MODE_NAMES,
        "state_names": STATE_NAMES,
        "kind_names": KIND_NAMES,
        "reason_names": REASON_NAMES,
    }
)


def page(
    request: Request, template: str, principal: Principal | None, *, status: int = 200, **context: Any
) -> HTMLResponse:
    """Render a page; a message left by the request before is shown once."""
    said = request.session.pop("said", None)
    text = _environment.get_template(template).render(
        principal=principal, csrf=csrf_token(request), said=said, path=request.url.path,
        home=HOME[principal.role] if principal else "/sign-in", **context,
    )  # fmt: skip
    return HTMLResponse(text, status)


def go(request: Request, to: str, said: str | None = None) -> Response:
    """Go to another page after a form, with a message to show there."""
    if said:
        request.session["said"] = said
    return RedirectResponse(to, 303)


def render_problem(request: Request, details: ProblemDetails, headers: Mapping[str, str]) -> Response:
    """Show an error as a page."""
    text = _environment.get_template("problem.html").render(
        principal=None, csrf="", said=None, path=request.url.path, home="/", details=details
    )
    return HTMLResponse(text, details.status, dict(headers))
