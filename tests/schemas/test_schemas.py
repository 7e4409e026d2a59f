"""The public contracts: files and models say the same, every event has an example, and no released version breaks."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator

from services.command.schemas import SCHEMAS, breaking_changes, generated
from shared.envelope import from_message, to_message
from shared.events import ALL_TYPES, EVENTS
from shared.events.data import EventData

GENERATED = generated()


@pytest.mark.parametrize("path", GENERATED)
def test_generated_files_are_up_to_date(path: str) -> None:
    assert (SCHEMAS / path).read_text() == GENERATED[path], "run `make schemas` and look at what it changed"


def test_no_released_version_is_gone() -> None:
    assert {path.stem for path in (SCHEMAS / "events").glob("*.json")} == set(EVENTS)
    assert {path.stem for path in (SCHEMAS / "examples").glob("*.json")} == set(EVENTS)


@pytest.mark.parametrize("data", ALL_TYPES, ids=lambda data: data.event_type())
def test_examples_are_what_the_services_read_and_write(data: type[EventData]) -> None:
    example = json.loads((SCHEMAS / "examples" / f"{data.event_type()}.json").read_text())
    schema = json.loads((SCHEMAS / "events" / f"{data.event_type()}.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(example["value"])
    headers = [(name, value.encode()) for name, value in example["headers"].items()]
    event = from_message(headers, json.dumps(example["value"]).encode())
    assert isinstance(event.data, data)
    written = to_message(event, "encounters.")
    assert (written.topic, written.key.decode()) == (example["topic"], example["key"])
    assert {name: value.decode() for name, value in written.headers} == example["headers"]
    assert data.model_validate_json(written.value) == event.data


@pytest.mark.parametrize("data", ALL_TYPES, ids=lambda data: data.event_type())
def test_the_library_reads_and_writes_the_same_envelope(data: type[EventData]) -> None:
    example = json.loads((SCHEMAS / "examples" / f"{data.event_type()}.json").read_text())
    headers = {name: value.encode() for name, value in example["headers"].items()}
    body = json.dumps(example["value"]).encode()
    event = from_message(headers.items(), body)
    library = from_binary(KafkaMessage(headers=headers, key=None, value=body), JSONFormat())
    assert library.get_attributes() == {
        "id": event.id, "source": event.source, "type": event.type, "subject": event.subject, "time": event.time,
        "specversion": "1.0", "datacontenttype": "application/json", "correlationid": event.correlation_id,
        "traceparent": event.traceparent,
    }  # fmt: skip
    assert to_binary(library, JSONFormat()).headers == dict(to_message(event, "").headers)


SUBMIT = "encounters.availability.submit.v1"
FACT = "encounters.availability.registered.v1"


def schema_of(event_type: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / "events" / f"{event_type}.json").read_text())
    return schema


def without(schema: dict[str, Any], field: str) -> None:
    del schema["properties"][field]


def retyped(schema: dict[str, Any], field: str) -> None:
    schema["properties"][field] = {"type": "boolean"}


def asking(schema: dict[str, Any], field: str) -> None:
    schema["required"].append(field)


def promising_less(schema: dict[str, Any], field: str) -> None:
    schema["required"].remove(field)


@pytest.mark.parametrize(
    ("event_type", "change", "field", "found"),
    [
        (SUBMIT, without, "seats", "seats is gone"),
        (SUBMIT, retyped, "seats", "seats has another type"),
        (SUBMIT, asking, "presenter", "now asks for presenter"),
        (FACT, promising_less, "seats", "no longer promises seats"),
    ],
)
def test_a_breaking_change_is_found(event_type: str, change: Any, field: str, found: str) -> None:
    released = schema_of(event_type)
    changed = copy.deepcopy(released)
    change(changed, field)
    assert [fault for fault in breaking_changes(event_type, released, changed) if found in fault]


def test_a_new_optional_field_breaks_nobody() -> None:
    released = schema_of(SUBMIT)
    changed = copy.deepcopy(released)
    changed["properties"]["note"] = {"type": "string"}
    assert not list(breaking_changes(SUBMIT, released, changed))
