"""Every route is authenticated, and no role sees or does what belongs to another organisation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.routing import Mount

from services.portal.api_examples import EXAMPLES
from services.portal.permissions import Principal, Role, WrongOrganisation, check_role_fits, may_submit
from services.portal.web import build_app
from shared.events.submissions import (
    DescribeSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
)
from tests.portal.conftest import MakeClient, Running
from tests.portal.hubmade import Hub

OPEN = {("GET", "/health"), ("GET", "/openapi.json"), ("GET", "/sign-in"), ("POST", "/sign-in")}
"""What anybody may ask for."""


def routes() -> Iterator[tuple[str, str]]:
    """List methods and paths of the whole application, those of included routers too."""
    pending: list[Any] = list(build_app(secret="x").routes)
    while pending:
        route = pending.pop()
        if isinstance(route, Mount):
            assert route.path == "/static"
        elif isinstance(route, APIRoute) or hasattr(route, "methods"):
            for method in sorted(set(route.methods) - {"HEAD"}):
                yield method, route.path
        else:
            pending += route.effective_candidates() if hasattr(route, "effective_candidates") else route.routes


ROUTES = sorted(set(routes()))


def test_the_routes_that_are_checked_are_all_that_the_documentation_knows() -> None:
    document = build_app(secret="x").openapi()
    documented = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert documented <= {(method, path.replace(":path}", "}")) for method, path in ROUTES}
    assert len(ROUTES) > len(documented) + 15


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_asks_who_it_is(portal: Running, method: str, path: str) -> None:
    filled = re.sub(
        r"\{(\w+)(:path)?\}", lambda match: {"kind": "requests", "version": "1"}.get(match[1], "900001"), path
    )
    async with httpx.AsyncClient(base_url=portal.url) as nobody:
        answer = await nobody.request(method, filled)
        wrong = await nobody.request(method, filled, headers={"Authorization": "Bearer enc_wrong"})
    if (method, path) in OPEN:
        assert answer.status_code in (200, 403), "the sign-in form wants its own token"
    elif path.startswith("/api/"):
        assert (answer.status_code, wrong.status_code) == (401, 401)
        assert answer.headers["content-type"] == "application/problem+json"
    else:
        assert (answer.status_code, answer.headers.get("location")) == (303, "/sign-in")


ROLES: dict[Role, str] = {"employer": "employer:E1", "school": "school:900001", "coordinator": "hub:demo", "admin": ""}
MAY: dict[type[Submission], set[str]] = {
    RegisterHub: {"coordinator", "admin"},
    RegisterSchool: {"admin"},
    RegisterEmployer: {"admin"},
    DescribeSchool: {"school", "admin"},
    SubmitAvailability: {"employer", "admin"},
    SubmitPledge: {"employer", "admin"},
    SubmitRequest: {"school", "admin"},
}


@pytest.mark.parametrize("model", MAY, ids=lambda model: model.__name__)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("own", [True, False])
def test_each_role_submits_for_itself_only(model: type[Submission], role: Role, *, own: bool) -> None:
    value = dict(EXAMPLES[model]["example"]["value"])
    ids = (
        {"employer": "E1", "school": "900001", "hub": "demo"}
        if own
        else {"employer": "E2", "school": "900002", "hub": "x"}
    )
    value.update({name: ids[name] for name in ids if name in value})
    allowed = role in MAY[model] and (own or role == "admin")
    assert may_submit(Principal("t", role, ROLES[role]), model.model_validate(value)) == allowed


@pytest.mark.parametrize(
    ("role", "organisation"),
    [
        ("employer", "school:900001"),
        ("school", ""),
        ("coordinator", "hub:"),
        ("admin", "hub:demo"),
        ("head", "hub:demo"),
    ],
)
def test_role_and_organisation_must_fit(role: str, organisation: str) -> None:
    with pytest.raises(WrongOrganisation):
        check_role_fits(role, organisation)


READS = ("/availability", "/pledges", "/requests", "/encounters", "/submissions", "/hubs")


def organisations_in(body: Any) -> set[str]:
    """Collect every id that betrays whose a row is: schools, employers and hubs anywhere in an answer."""
    found: set[str] = set()
    if isinstance(body, dict):
        for name, value in body.items():
            if name in ("employer", "school", "hub", "party", "organisation") and isinstance(value, str):
                found.add(value)
            found |= organisations_in(value)
    elif isinstance(body, list):
        for value in body:
            found |= organisations_in(value)
    return found


async def test_no_role_sees_another_organisations_rows(portal: Running, hub: Hub, client_of: MakeClient) -> None:
    other = Hub.new()
    for one in (hub, other):
        told = [one.confirmed(at, "A", party) for at in (0, 1) for party in ("school", "employer")]
        await portal.keep(*one.facts(), *one.timetable(version=1), *told)
        for kind, organisation, path, body in (
            ("school", one.schools[0], "requests", {"school": one.schools[0], "group": "G", "year": 9, "size": 9, "calendars": ["c"]}),
            ("employer", one.employers[0], "pledges", {"employer": one.employers[0], "hub": one.hub, "students": 9}),
        ):  # fmt: skip
            client = await client_of(kind, f"{kind}:{organisation}")
            assert (await client.post(f"/api/v1/{path}", json=body)).status_code == 202
    mine = {
        "employer": (f"employer:{hub.employers[0]}", {hub.employers[0], hub.hub, hub.schools[0]}),
        "school": (f"school:{hub.schools[0]}", {hub.schools[0], hub.hub, hub.employers[0]}),
        "coordinator": (f"hub:{hub.hub}", {hub.hub, *hub.schools, *hub.employers}),
    }
    for role, (organisation, allowed) in mine.items():
        client = await client_of(role, organisation)
        answers = [await client.get(f"/api/v1{path}") for path in READS]
        assert {answer.status_code for answer in answers} <= {200, 403}
        seen = set().union(*[organisations_in(answer.json()) for answer in answers if answer.is_success])
        assert seen - {organisation} <= allowed, role
        assert allowed & seen, f"{role} sees what is its own"
        own_hub = await client.get(f"/api/v1/hubs/{hub.hub}/timetable")
        assert own_hub.status_code == (200 if role == "coordinator" else 403)
        for part in (
            "timetable",
            "timetable/sessions",
            "timetable/shortfalls",
            "timetable/remedies",
            "plans",
            "decisions",
        ):
            answer = await client.get(f"/api/v1/hubs/{other.hub}/{part}")
            assert answer.status_code in (403, 404), (role, part)
        publish = await client.post(f"/api/v1/hubs/{other.hub}/timetable/1/publish")
        assert publish.status_code in (403, 404)
        coverage = await client.get(f"/api/v1/schools/{other.schools[0]}/coverage")
        assert coverage.status_code == 403 or coverage.json() == []


async def test_another_organisations_submission_and_file_are_not_found(hub: Hub, client_of: MakeClient) -> None:
    mine = await client_of("school", f"school:{hub.schools[0]}")
    body = {"school": hub.schools[0], "group": "G", "year": 9, "size": 9, "calendars": ["c"]}
    submission = (await mine.post("/api/v1/requests", json=body)).json()["id"]
    files = {"file": ("g.csv", b"group,year,size,calendars\nG,9,9,c\n", "text/csv")}
    file = (await mine.post("/api/v1/files/requests", files=files)).json()["id"]
    for role, organisation in (("school", f"school:{hub.schools[1]}"), ("employer", f"employer:{hub.employers[0]}")):
        other = await client_of(role, organisation)
        assert (await other.get(f"/api/v1/submissions/{submission}")).status_code == 404
        assert (await other.get(f"/api/v1/files/{file}")).status_code == 404
        refused = await other.post("/api/v1/requests", json=body)
        assert refused.status_code == 403
        assert f"school:{hub.schools[0]}" in refused.json()["detail"]
    admin = await client_of("admin", "")
    assert (await admin.get(f"/api/v1/submissions/{submission}")).status_code == 200


async def test_another_services_role_reads_none_of_the_portals_tables(portal: Running) -> None:
    async with portal.database.transaction() as session:
        connection = await session.connection()
        may = await connection.scalar(text("SELECT has_schema_privilege('encounters_intake', 'portal', 'USAGE')"))
        user = await connection.scalar(text("SELECT current_user"))
    assert (may, user) == (False, "encounters_portal")
