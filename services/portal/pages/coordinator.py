"""A coordinator's pages: how the hub stands, and the review of its timetable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import Response

from services.portal import hubs
from services.portal.asking import Asking, Running, Transaction, check_csrf
from services.portal.pages.decided import lines_of, names_of
from services.portal.pages.rendering import LONDON, go, page
from services.portal.problems import NotFound, WrongFields
from services.portal.reviewing import Decided, Review, State, Why, cancel_planning, request_plan
from shared.events.fields import Id, LongText

router = APIRouter(prefix="/hub")

PAGE_SESSIONS = 25
_MOST_DECISIONS = 10_000
NOTICE = timedelta(days=14)
"""How far ahead the form suggests that new sessions begin: the usual notice of ten school days."""
HubId = Annotated[str, Path(max_length=100)]
Csrf = Annotated[str, Form()]


@router.get("")
async def own_hub(request: Request, asking: Asking, session: Transaction) -> Response:
    """Go to the hub that one coordinates, or choose among several."""
    mine = await hubs.hubs(session, asking)
    if asking.role == "coordinator":
        return await overview(request, asking.organisation_id, asking, session)
    return page(request, "hubs.html", asking, hubs=mine)


def _address(hub: str) -> str:
    return f"/hub/{quote(hub, safe='')}"


async def _newest_run(session: Transaction, asking: Asking, hub: str) -> hubs.RunView | None:
    runs = await hubs.planning(session, asking, hub, limit=1)
    return runs[0] if runs else None


@router.get("/{hub:path}/progress")
async def progress(request: Request, hub: HubId, asking: Asking, session: Transaction) -> Response:
    """Show how the newest planning run goes; the overview asks for this every two seconds."""
    return page(request, "progress.html", asking, run=await _newest_run(session, asking, hub), address=_address(hub))


@router.get("/{hub:path}/decisions")
async def decisions(request: Request, hub: HubId, asking: Asking, session: Transaction) -> Response:
    """Show who decided what."""
    found = await hubs.audit(session, asking, hub, limit=_MOST_DECISIONS)
    _, sessions = await hubs.sessions(session, asking, hub, limit=_MOST_DECISIONS)
    lines = lines_of(found, sessions, await names_of(session, {entry.decided_by for entry in found}))
    return page(request, "decisions.html", asking, hub=hub, lines=lines, address=_address(hub))


@router.get("/{hub:path}/sessions/{encounter}")
async def session_page(
    request: Request, hub: HubId, encounter: Annotated[str, Path(max_length=100)], asking: Asking, session: Transaction
) -> Response:
    """Show one session, and decide about it."""
    timetable = await hubs.timetable(session, asking, hub)
    found = await hubs.one_session(session, asking, hub, encounter)
    if timetable is None or found is None:
        raise NotFound("This session is not in the newest timetable: the plan has changed since.")
    return page(
        request, "session.html", asking, hub=hub, session=found, timetable=timetable, address=_address(hub), fault=None
    )


@router.post("/{hub:path}/plans")
async def plan(
    request: Request, hub: HubId, asking: Asking, portal: Running, session: Transaction,
    seconds: Annotated[float, Form(gt=0, le=3600)] = 60, not_before: Annotated[date | None, Form()] = None,
    csrf: Csrf = "",
) -> Response:  # fmt: skip
    """Ask for a plan."""
    check_csrf(request, csrf)
    await request_plan(
        session, portal.settings.topic_prefix, asking, hub, seconds, f"{not_before}T00:00" if not_before else None
    )
    return go(request, _address(hub), "A plan has been asked for. Its progress is shown below.")


@router.post("/{hub:path}/plans/{job}/cancel")
async def cancel(
    request: Request, hub: HubId, job: str, asking: Asking, portal: Running, session: Transaction, csrf: Csrf = ""
) -> Response:
    """Stop a planning run."""
    check_csrf(request, csrf)
    await cancel_planning(session, portal.settings.topic_prefix, asking, hub, job)
    return go(request, _address(hub), "The planning run is being stopped.")


@router.post("/{hub:path}/decide")
async def decide(
    request: Request, hub: HubId, asking: Asking, portal: Running, session: Transaction,
    version: Annotated[int, Form(ge=1)],
    action: Annotated[Literal["approve", "approve_all", "pin", "unpin", "return", "publish"], Form()],
    encounter: Annotated[list[Id] | None, Form()] = None,
    seen: Annotated[State | None, Form()] = None,
    why: Annotated[Why | None, Form()] = None,
    reason: Annotated[LongText, Form()] = "",
    csrf: Csrf = "",
) -> Response:  # fmt: skip
    """Take a decision about one session, several or all."""
    check_csrf(request, csrf)
    review = await Review.open(session, portal.settings.topic_prefix, asking, hub, version)
    chosen = encounter or []
    if action not in ("approve_all", "publish") and not chosen:
        raise WrongFields("No session was chosen: tick the sessions that you decide about, then choose again.")
    decided, said = await _decide(review, action, chosen, seen, why, reason.strip())
    return go(request, f"{_address(hub)}#sessions", said.format(decided.changed, "" if decided.changed == 1 else "s"))


async def _decide(
    review: Review, action: str, chosen: list[str], seen: State | None, why: Why | None, reason: str
) -> tuple[Decided, str]:
    if action == "approve_all":
        return await review.approve(None), "{} session{} approved."
    if action == "approve":
        return await review.approve(chosen, seen), "{} session{} approved."
    if action == "publish":
        return await review.publish(), "{} session{} published. Employers and schools are being told."
    if action == "return":
        if why is None or not reason:
            raise WrongFields("To return a session, choose why and write the reason: people will ask for it.")
        return await review.give_back(chosen, why, reason, seen), "{} session{} returned."
    pinned = action == "pin"
    return await review.pin(chosen, pinned=pinned), "{} session{} pinned." if pinned else "{} session{} unpinned."


@router.get("/{hub:path}")
async def overview(
    request: Request,
    hub: HubId,
    asking: Asking,
    session: Transaction,
    state: Annotated[str, Query(max_length=20)] = "",
    mode: Annotated[str, Query(max_length=20)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    number: Annotated[int, Query(ge=1, le=10_000, alias="page")] = 1,
) -> Response:
    """Show the hub: coverage, planning, sessions to decide, who is left out, what would help."""
    timetable = await hubs.timetable(session, asking, hub)
    named = {found.hub: found.name for found in await hubs.hubs(session, asking)}
    total, sessions = await hubs.sessions(
        session, asking, hub, state=state, mode=mode, search=search.strip(),
        offset=(number - 1) * PAGE_SESSIONS, limit=PAGE_SESSIONS,
    )  # fmt: skip
    reasons = _reasons(await hubs.shortfalls(session, asking, hub))
    chosen = {"state": state, "mode": mode, "search": search}

    def page_link(to: int) -> str:
        return "?" + urlencode({**{name: value for name, value in chosen.items() if value}, "page": to}) + "#sessions"

    return page(
        request, "hub.html", asking, hub=hub, name=named.get(hub, hub), timetable=timetable, sessions=sessions,
        total=total, number=number, pages=-(-total // PAGE_SESSIONS), page_link=page_link, chosen=chosen,
        reasons=reasons, remedies=await hubs.remedies(session, asking, hub),
        run=await _newest_run(session, asking, hub), soonest=(datetime.now(LONDON) + NOTICE).date(), address=_address(hub), states=list(State),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Groups that are left out for the same reason: how many students, at which schools most, and what is said of each."""

    code: str
    students: int
    schools: list[tuple[str, int]]
    sentences: list[str]


def _reasons(shortfalls: Sequence[hubs.ShortfallView]) -> list[LeftOut]:
    """Put what is left out together by reason, the most students first."""
    found = []
    for code in dict.fromkeys(one.code for one in shortfalls):
        alike = sorted((one for one in shortfalls if one.code == code), key=lambda one: -one.students)
        schools: Counter[str] = Counter()
        for one in alike:
            schools[one.school_name] += one.students
        found.append(LeftOut(code, schools.total(), schools.most_common(), [one.sentence for one in alike]))
    return sorted(found, key=lambda reason: -reason.students)
