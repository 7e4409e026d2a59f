"""The pages hold against anything that a form can carry: an answer in plain words, never a fault of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import quote

import httpx
import pytest

from tests.portal.conftest import Running
from tests.portal.hubmade import Hub
from tests.portal.test_accounts import form_token, sign_in

UGLY = (
    "", "a\x00b", "<script>alert(1)</script>'; --", "株式会社 مثال \u202e", "x" * 3000, "99999999999999999999", "NaN", "٣",
    "\r\nX: ../y",
)  # fmt: skip


@pytest.fixture
async def signed_in(portal: Running, hub: Hub) -> AsyncIterator[dict[str, tuple[httpx.AsyncClient, str]]]:
    """Sign in as each role; gives each one's client and form token."""
    parties = {"employer": f"employer:{hub.employers[0]}", "school": f"school:{hub.schools[0]}", "coordinator": f"hub:{hub.hub}"}  # fmt: skip
    home = {"employer": "/employer", "school": "/school", "coordinator": f"/hub/{hub.hub}"}
    async with AsyncExitStack() as stack:
        made = {}
        for role, organisation in parties.items():
            email = f"{role}@{hub.hub}.ugly.example.org"
            password = await portal.account(role, organisation, email)
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=portal.url, timeout=40))
            assert (await sign_in(client, email, password)).status_code == 303
            made[role] = (client, await form_token(client, home[role]))
        yield made


def good_forms(hub: Hub) -> list[tuple[str, str, dict[str, str]]]:
    """Give for each form its role, its address, and fields that it would take."""
    offer = {
        "hub": hub.hub, "mode": "virtual", "day": "2027-03-02", "from": "09:00", "to": "12:00", "repeat_until": "",
        "duration_minutes": "60", "max_sessions": "2", "seats": "30", "years": "9", "adjustments": "signed",
        "presenter": "The team", "purpose": "on",
    }  # fmt: skip
    decision = {
        "version": "1", "action": "return", "encounter": f"{hub.hub}-0A", "seen": "proposed", "why": "not_this_time",
        "reason": "A mock exam",
    }  # fmt: skip
    return [
        ("employer", "/employer/availability/new", offer),
        ("employer", f"/employer/availability/{hub.employers[0]}-A1/withdraw", {}),
        ("coordinator", f"/hub/{hub.hub}/decide", decision),
        ("coordinator", f"/hub/{hub.hub}/plans", {"seconds": "5", "not_before": "2027-01-01"}),
        ("coordinator", f"/hub/{hub.hub}/plans/job/cancel", {}),
        ("school", "/files", {"kind": "requests", "take": "good", "file": "no file"}),
    ]


async def test_no_field_of_a_form_breaks_the_portal(
    hub: Hub, signed_in: dict[str, tuple[httpx.AsyncClient, str]]
) -> None:
    for role, address, fields in good_forms(hub):
        client, csrf = signed_in[role]
        for field in (*fields, "csrf", "unknown"):
            for value in UGLY:
                answer = await client.post(address, data={**fields, "csrf": csrf, field: value})
                assert answer.status_code < 500, (address, field, value)
                assert "<script>alert(1)" not in answer.text, (address, field)


async def test_no_address_breaks_the_portal(hub: Hub, signed_in: dict[str, tuple[httpx.AsyncClient, str]]) -> None:
    client, _ = signed_in["coordinator"]
    for field in ("state", "mode", "search", "page"):
        for value in UGLY:
            answer = await client.get(f"/hub/{hub.hub}", params={field: value})
            assert answer.status_code < 500, (field, value)
            assert "<script>alert(1)" not in answer.text, field
    for address in (f"/hub/{hub.hub}/sessions/", "/submissions/", "/files/", "/hub/"):
        for value in UGLY:
            answer = await client.get(address + quote(value, safe=""))
            assert answer.status_code < 500, (address, value)


@pytest.mark.parametrize("field", ["email", "password"])
async def test_no_sign_in_breaks_the_portal(portal: Running, field: str) -> None:
    async with httpx.AsyncClient(base_url=portal.url) as client:
        csrf = await form_token(client)
        for value in UGLY:
            form = {"email": f"nobody-{field}@example.org", "password": "x", "csrf": csrf, field: value}
            answer = await client.post("/sign-in", data=form)
            assert answer.status_code < 500, value


async def test_no_file_breaks_the_portal(signed_in: dict[str, tuple[httpx.AsyncClient, str]]) -> None:
    client, csrf = signed_in["school"]
    cells = [value.replace('"', "") for value in UGLY]
    content = "group,year,size,calendars\r\n" + "\r\n".join(
        f'"{value}","{value}","{value}","{value}"' for value in cells
    )
    for name in ("groups.csv", "a\x00b.csv", "x" * 3000 + "株式会社.csv", ""):
        for body in (content.replace("\x00", "").encode(), content.encode(), b"\xff" * 100, b'"' * 10_000):
            files = {"file": (name, body, "text/csv")}
            answer = await client.post("/files", data={"kind": "requests", "take": "good", "csrf": csrf}, files=files)
            assert answer.status_code < 500, (name, body[:20])
            sent = await client.post("/api/v1/files/requests", files=files, headers={"X-CSRF-Token": csrf})
            assert sent.status_code < 500, (name, body[:20])
