"""What is submitted over HTTP reaches intake as an event, and its sender learns what became of it."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from services.portal.api_examples import EXAMPLES
from shared.envelope import Event
from shared.events.facts import SubmissionChangedNothing, SubmissionRefused
from shared.events.fields import Reason
from shared.events.submissions import SubmitAvailability
from shared.topics import MAX_SUBMISSION_BYTES, SUBMISSIONS
from tests import ringside
from tests.portal.conftest import MakeClient, Running
from tests.portal.hubmade import Hub, told

OFFER = EXAMPLES[SubmitAvailability]["example"]["value"]


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_examples_of_the_documentation_are_valid(model: type) -> None:
    for example in EXAMPLES[model].values():
        model.model_validate(example["value"])  # type: ignore[attr-defined]  # every key is a submission's model


async def test_a_submission_travels_to_intake_and_its_answer_comes_back(
    portal: Running, hub: Hub, client_of: MakeClient
) -> None:
    employer = hub.employers[0]
    client = await client_of("employer", f"employer:{employer}")
    offer = {**OFFER, "employer": employer, "availability": f"{employer}-A2", "hub": hub.hub}

    answer = await client.post("/api/v1/availability", json=offer)
    assert answer.status_code == 202
    submission = answer.json()["id"]
    assert answer.json()["status"] == "pending"

    def there(events: list[Event[object]]) -> bool:
        return any(event.id == submission for event in events)

    events = await ringside.events_until(portal.settings, [SUBMISSIONS], there)
    event = next(event for event in events if event.id == submission)
    assert (event.source, event.data) == ("/portal", SubmitAvailability.model_validate(offer))

    waiting = asyncio.create_task(client.get(f"/api/v1/submissions/{submission}?wait=20"))
    fact = next(one for one in hub.facts() if one.subject == f"availability:{employer}-A1")
    data = fact.data.model_copy(update={"availability": f"{employer}-A2"})
    await ringside.write(portal.settings, [told(data, correlation_id=submission)])
    assert (await waiting).json()["status"] == "accepted"
    mine = (await client.get("/api/v1/availability")).json()
    assert {one["availability"] for one in mine} == {f"{employer}-A1", f"{employer}-A2"}


async def test_a_refusal_brings_its_reasons_and_an_unchanged_one_says_so(
    portal: Running, hub: Hub, client_of: MakeClient
) -> None:
    client = await client_of("school", f"school:{hub.schools[0]}")
    body = {"school": hub.schools[0], "group": "G1", "year": 9, "size": 28, "calendars": ["tutor"]}
    ids = [(await client.post("/api/v1/requests", json=body)).json()["id"] for _ in range(2)]
    assert ids[0] != ids[1]
    about = {
        "submission_type": "encounters.request.submit.v1",
        "about": "request:G1",
        "organisation": f"school:{hub.schools[0]}",
    }
    reason = Reason(field="/calendars", message="tutor is no calendar of the school", remedy="name it in the profile")
    await portal.keep(
        told(SubmissionRefused(submission=ids[0], reasons=(reason,), **about)),
        told(SubmissionChangedNothing(submission=ids[1], **about)),
    )
    refused = (await client.get(f"/api/v1/submissions/{ids[0]}")).json()
    assert (refused["status"], refused["reasons"]) == ("refused", [reason.model_dump()])
    assert (await client.get(f"/api/v1/submissions/{ids[1]}")).json()["status"] == "unchanged"


async def test_the_same_idempotency_key_sends_once(hub: Hub, client_of: MakeClient) -> None:
    client = await client_of("employer", f"employer:{hub.employers[0]}")
    pledge = {"employer": hub.employers[0], "hub": hub.hub, "students": 50}

    async def send(body: dict[str, object]) -> httpx.Response:
        return await client.post("/api/v1/pledges", json=body, headers={"Idempotency-Key": "spring-2027"})

    answers = await asyncio.gather(*[send(pledge) for _ in range(4)])
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await send({**pledge, "students": 60})
    assert other.status_code == 422
    assert "new key" in other.json()["detail"]


async def test_wrong_fields_are_named_with_what_to_do(hub: Hub, client_of: MakeClient) -> None:
    client = await client_of("employer", f"employer:{hub.employers[0]}")
    offer = {**OFFER, "employer": hub.employers[0], "seats": 0, "years": [6, 14], "mode": "by post", "sets": 3}
    del offer["duration_minutes"]
    answer = await client.post("/api/v1/availability", json=offer)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    faults = {fault["field"]: (fault["message"], fault["remedy"]) for fault in answer.json()["errors"]}
    assert faults["/seats"] == ("must be at least 1", "give a number that is at least 1")
    assert faults["/duration_minutes"] == ("is missing", "add it")
    assert faults["/mode"][0] == "must be in_school, workplace or virtual"
    assert faults["/sets"][0] == "is not a field that is known here"
    assert faults["/years/0"][0] == "must be at least 7"
    assert faults["/years/1"][0] == "must be at most 13"


async def test_a_field_is_named_by_its_json_pointer(hub: Hub, client_of: MakeClient) -> None:
    client = await client_of("school", f"school:{hub.schools[0]}")
    body = {"school": hub.schools[0], "calendars": {"a/b": [{"start": "2027-03-02T09:00"}]}}
    answer = await client.post("/api/v1/schools/profile", json=body)
    assert [fault["field"] for fault in answer.json()["errors"]] == ["/calendars/a~1b/0/end"]


async def test_a_body_that_is_no_json_is_told_where(hub: Hub, client_of: MakeClient) -> None:
    client = await client_of("employer", f"employer:{hub.employers[0]}")
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/api/v1/pledges", content=b'{"employer": "E1",', headers=headers)
    assert answer.status_code == 400
    assert "is not JSON" in answer.json()["detail"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_just_above_the_limit_is_refused_and_one_at_it_is_read(
    hub: Hub, client_of: MakeClient, *, chunked: bool
) -> None:
    client = await client_of("employer", f"employer:{hub.employers[0]}")
    pledge = json.dumps({"employer": hub.employers[0], "hub": hub.hub, "students": 5}).encode()

    async def send(size: int) -> httpx.Response:
        body = pledge + b" " * (size - len(pledge))

        async def parts() -> object:
            for start in range(0, size, 50_000):
                yield body[start : start + 50_000]

        content = parts() if chunked else body
        headers = {"Content-Type": "application/json"}
        return await client.post("/api/v1/pledges", content=content, headers=headers)  # type: ignore[arg-type]  # httpx takes async iterators

    assert (await send(MAX_SUBMISSION_BYTES)).status_code == 202
    above = await send(MAX_SUBMISSION_BYTES + 1)
    assert above.status_code == 413
    assert str(MAX_SUBMISSION_BYTES) in above.json()["detail"]


async def test_text_in_any_script_is_taken_and_what_is_no_text_is_not(client_of: MakeClient) -> None:
    admin = await client_of("admin", "")
    body = {"employer": "E-any", "name": "Ωμέγα & 株式会社 مثال", "postcode": "CT9 1NX", "sectors": ["C"]}
    assert (await admin.post("/api/v1/employers", json=body)).status_code == 202
    lone = json.dumps({**body, "name": "\ud800"}).encode()
    answer = await admin.post("/api/v1/employers", content=lone, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "/name"
