"""A client that knows only `schemas/` submits availability and reads its confirmations, with another library than ours."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, Producer
from jsonschema import Draft202012Validator

from services.command.coordinating import Coordinator
from services.command.people import sign_ins
from services.command.reaching import local_portal
from services.command.ring import running_copies, wait_until_healthy
from services.command.submitting import import_postcodes_of, submissions_of, submit
from services.matching.planning.scenario import fictional_area
from shared.database import SERVICES
from shared.settings import Settings
from tests.ports import free_port

SCHEMAS = Path(__file__).parents[2] / "schemas"
SUBMIT = "encounters.availability.submit.v1"


def schema(event_type: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / "events" / f"{event_type}.json").read_text()))


def send_availability(settings: Settings, data: dict[str, Any], event_id: str) -> None:
    """Send a submission as the example in `schemas/examples` shows it."""
    schema(SUBMIT).validate(data)
    example = json.loads((SCHEMAS / "examples" / f"{SUBMIT}.json").read_text())
    headers = example["headers"] | {"ce_id": event_id, "ce_subject": f"availability:{data['availability']}"}
    del headers["ce_correlationid"], headers["ce_traceparent"]
    producer = Producer({"bootstrap.servers": settings.kafka()})
    topic = example["topic"].replace("encounters.", settings.topic_prefix)
    producer.produce(topic, json.dumps(data), key=f"employer:{data['employer']}", headers=list(headers.items()))
    assert producer.flush(20) == 0


def read_until(
    settings: Settings, topics: list[str], mine: Callable[[dict[str, str], Any], bool]
) -> tuple[dict[str, str], Any]:
    """Read topics from their beginning until an event is mine."""
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka(), "group.id": uuid4().hex, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([settings.topic_prefix + topic for topic in topics])
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(1.0)
            if message is None or message.error():
                continue
            headers = {str(name): _text(value) for name, value in list(message.headers() or [])}
            data = json.loads(message.value() or b"null")
            if mine(headers, data):
                schema(headers["ce_type"]).validate(data)
                return headers, data
    finally:
        consumer.close()
    raise AssertionError(f"no event on {topics} within a minute")


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


async def test_an_outside_client_needs_only_the_schemas(ring_settings: Settings) -> None:
    area = fictional_area(2, 5, Decimal("0.8"))
    settings = ring_settings.model_copy(update={"portal_port": free_port()})
    hub = area.problem.hub.id
    async with running_copies([(service, settings) for service in SERVICES], restart=False):
        await wait_until_healthy(settings)
        _, token = await sign_ins(settings, area)
        await import_postcodes_of(settings, area)
        for stage in submissions_of(area):
            assert (await submit(settings, "/test", stage)).refused == []

        offer = next(one for one in area.problem.offers if one.mode == "virtual")
        employer = offer.employer
        refused_id, taken_id = str(uuid4()), str(uuid4())
        wrong = {"employer": employer, "availability": f"{employer}-X1", "hub": "nowhere", "mode": "virtual",
                 "times": [{"start": "2027-03-02T09:00", "end": "2027-03-02T15:00"}], "duration_minutes": 40, "seats": 300}  # fmt: skip
        await asyncio.to_thread(send_availability, settings, wrong, refused_id)
        headers, refusal = await asyncio.to_thread(
            read_until, settings, ["answers"], lambda headers, _: headers["ce_correlationid"] == refused_id
        )
        assert headers["ce_type"] == "encounters.submission.refused.v1"
        assert refusal["reasons"][0]["field"] == "/hub"
        assert refusal["reasons"][0]["remedy"]

        await asyncio.to_thread(send_availability, settings, wrong | {"hub": hub}, taken_id)
        headers, fact = await asyncio.to_thread(
            read_until, settings, ["facts"], lambda headers, _: headers["ce_correlationid"] == taken_id
        )
        assert headers["ce_type"] == "encounters.availability.registered.v1"
        assert fact["windows"] == [["2027-03-02T09:00", "2027-03-02T15:00"]]

        async with Coordinator(local_portal(settings), hub, token) as coordinator:
            timetable = await coordinator.plan(7)
            await coordinator.approve_all(timetable["version"])
            sessions = await coordinator.sessions()
            await coordinator.publish(timetable["version"])
        told = sessions[0]
        headers, confirmed = await asyncio.to_thread(
            read_until,
            settings,
            ["encounters"],
            lambda _, data: (data["encounter"], data["party_kind"]) == (told["encounter"], "employer"),
        )
    assert headers["ce_type"] == "encounters.encounter.confirmed.v1"
    assert (confirmed["start"], confirmed["party"]) == (told["start"], told["employer"])
