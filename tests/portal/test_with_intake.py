"""Portal and intake together: what comes in by the door becomes a fact or a refusal, and its sender sees which."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from services.intake.app import running as running_intake
from services.intake.postcodes import put_postcodes
from services.portal.accounts import create_token
from services.portal.api_examples import EXAMPLES
from services.portal.app import running as running_portal
from shared.database import service_database
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
)
from shared.settings import Settings


class Door:
    """The portal's API as one organisation uses it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def status(self, path: str, model: type[Submission], **changed: Any) -> str:
        """Submit the documentation's example, and wait for what becomes of it."""
        body = {**EXAMPLES[model]["example"]["value"], **changed}
        sent = await self.client.post(f"/api/v1/{path}", json=body)
        assert sent.status_code == 202, sent.text
        answer = (await self.client.get(f"/api/v1/submissions/{sent.json()['id']}?wait=30")).json()
        return f"{answer['status']} {answer['reasons'][0]['field']}" if answer["reasons"] else str(answer["status"])

    async def file(self, take: str, *rows: str) -> list[tuple[int, str, str]]:
        """Send a file of requests; returns each row's number, status and first reason."""
        content = "\n".join(["group,year,size,calendars", *rows]).encode()
        sent = await self.client.post(f"/api/v1/files/requests?take={take}", files={"file": ("a.csv", content)})
        found = {
            row["id"]: row for row in (await self.client.get(f"/api/v1/files/{sent.json()['id']}")).json()["results"]
        }
        for submission in found:
            await self.client.get(f"/api/v1/submissions/{submission}?wait=30")
        file = (await self.client.get(f"/api/v1/files/{sent.json()['id']}")).json()
        return [(row["row"], row["status"], "".join(one["field"] for one in row["reasons"])) for row in file["results"]]


@pytest.fixture
async def doors(ring_settings: Settings) -> AsyncIterator[dict[str, Door]]:
    """Run both services, and open a door for an admin, a school and an employer."""
    async with AsyncExitStack() as stack:
        intake = service_database(ring_settings, "intake")
        stack.push_async_callback(intake.close)
        await put_postcodes(intake, [("CT9 1NX", 51.38, 1.38), ("CT11 9AJ", 51.33, 1.41)])
        await stack.enter_async_context(running_intake(ring_settings))
        portal = await stack.enter_async_context(running_portal(ring_settings))
        made = {}
        for role, organisation in (("admin", ""), ("school", "school:900001"), ("employer", "employer:E0001")):
            async with portal.wiring.database.transaction() as session:
                token = await create_token(session, name="test", role=role, organisation=organisation)
            client = httpx.AsyncClient(
                base_url=portal.url, headers={"Authorization": f"Bearer {token.text}"}, timeout=40
            )
            made[role] = Door(await stack.enter_async_context(client))
        yield made


async def test_the_documentations_examples_are_accepted_one_after_another(doors: dict[str, Door]) -> None:
    admin, school, employer = doors["admin"], doors["school"], doors["employer"]
    assert await admin.status("hubs", RegisterHub) == "accepted"
    assert await admin.status("schools", RegisterSchool) == "accepted"
    assert await admin.status("employers", RegisterEmployer) == "accepted"
    assert await school.status("requests", SubmitRequest) == "refused /calendars/0"
    assert await school.status("schools/profile", DescribeSchool) == "accepted"
    assert await school.status("requests", SubmitRequest) == "accepted"
    assert await employer.status("availability", SubmitAvailability) == "accepted"
    assert await employer.status("availability", SubmitAvailability) == "unchanged"
    assert await employer.status("availability", SubmitAvailability, seats=31) == "refused /version"
    assert await employer.status("pledges", SubmitPledge) == "accepted"
    assert await employer.status("withdrawals/availability", WithdrawAvailability) == "accepted"

    good = ("900001-A,9,28,tutor", "900001-B,9,20,tutor")
    assert await school.file("all", *good) == [(2, "accepted", ""), (3, "accepted", "")]
    assert await school.file("good", *good) == [(2, "unchanged", ""), (3, "unchanged", "")]
    changed = ("900001-A,9,29,tutor", "900001-C,9,20,nowhere")
    assert await school.file("all", *changed) == [(2, "refused", "/"), (3, "refused", "/calendars/0")]
    assert await school.file("good", *changed) == [(2, "accepted", ""), (3, "refused", "/calendars/0")]
    mine = (await school.client.get("/api/v1/requests")).json()
    assert {one["group"]: one["details"]["size"] for one in mine} == {"900001-9A": 28, "900001-A": 29, "900001-B": 20}
