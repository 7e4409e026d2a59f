"""The envelope of every event: CloudEvents 1.0, Kafka binding, binary mode.

The attributes travel as `ce_*` headers and the data as a JSON body, so any client can read and write them.
Headers just as our services write them are written and read here, in a quarter of the time that the library takes:
with it they were half of what reading an event cost. The library reads all others, and the tests compare the two.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import uuid_utils
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from shared.events import EVENTS
from shared.events.data import EventData
from shared.reasons import reasons_of

Data = TypeVar("Data")
AnyData = TypeVar("AnyData", bound=EventData)
Headers = list[tuple[str, bytes]]

_MAX_ID = 200
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUIRED = ("ce_id", "ce_source", "ce_type", "ce_specversion")
_OURS = {
    "ce_id": "id", "ce_source": "source", "ce_type": "type", "ce_subject": "subject", "ce_time": "time",
    "ce_specversion": "specversion", "content-type": "datacontenttype", "ce_correlationid": "correlationid",
    "ce_traceparent": "traceparent",
}  # fmt: skip


class Unreadable(Exception):
    """A message that is no event of ours; it goes to the dead letters with this reason."""


class WrongShape(Exception):
    """An event of a known type whose data do not fit; `reasons` are for its sender.

    `event` has all but the data, `body` is what was sent, and `key` is the Kafka key where the reader knows it.
    """

    def __init__(self, event: Event[None], reasons: list[dict[str, str]], body: bytes = b"") -> None:
        super().__init__("; ".join(f"{reason['field']}: {reason['message']}" for reason in reasons))
        self.event = event
        self.reasons = reasons
        self.body = body
        self.key = ""


@dataclass(frozen=True, slots=True)
class Event(Generic[Data]):
    """One event: its attributes and its data. `source` and `id` together are unique for ever."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: Data
    correlation_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Message:
    """An event ready for Kafka."""

    topic: str
    key: bytes
    headers: Headers
    value: bytes


def new_id() -> str:
    """Make a UUIDv7: unique, and in the order of time."""
    return str(uuid_utils.uuid7())


def new_event(
    source: str, data: AnyData, *, cause: Event[Any] | None = None, event_id: str | None = None
) -> Event[AnyData]:
    """Wrap data written by `source`; what caused it lends its correlation id and its trace."""
    identity = event_id or new_id()
    trace = cause.traceparent.split("-")[1] if cause else secrets.token_hex(16)
    return Event(
        id=identity,
        source=source,
        type=data.event_type(),
        subject=data.subject(),
        time=datetime.now(UTC),
        data=data,
        correlation_id=cause.correlation_id if cause else identity,
        traceparent=f"00-{trace}-{secrets.token_hex(8)}-01",
    )


def to_message(event: Event[AnyData], prefix: str) -> Message:
    """Write an event for Kafka; the topic and the key follow from its type."""
    return Message(
        topic=prefix + event.data.topic().name,
        key=event.data.key().encode(),
        headers=[
            ("ce_id", event.id.encode()),
            ("ce_source", event.source.encode()),
            ("ce_type", event.type.encode()),
            ("ce_subject", event.subject.encode()),
            ("ce_time", _written(event.time).encode()),
            ("ce_specversion", b"1.0"),
            ("content-type", b"application/json"),
            ("ce_correlationid", event.correlation_id.encode()),
            ("ce_traceparent", event.traceparent.encode()),
        ],
        value=event.data.model_dump_json().encode(),
    )


def _written(time: datetime) -> str:
    text = time.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def from_message(
    headers: Iterable[tuple[str, bytes | None]], value: bytes | None, max_bytes: int | None = None
) -> Event[EventData]:
    """Read an event of a known type; a header without a value is taken for an empty one.

    Raises Unreadable when the envelope or the JSON cannot be read or the type is unknown, and WrongShape, with
    reasons for the sender, when the envelope is good and the data are not, or have more than `max_bytes`.
    """
    attributes = _attributes({name: value or b"" for name, value in headers})
    event_type = attributes["type"]
    model = EVENTS.get(event_type)
    if model is None:
        known = event_type.rsplit(".", 1)[0]
        versions = [name for name in EVENTS if name.rsplit(".", 1)[0] == known]
        hint = f"; known versions: {', '.join(versions)}" if versions else ""
        raise Unreadable(f"unknown event type {event_type!r}{hint}")
    event_id, source, subject = attributes["id"], attributes["source"], attributes.get("subject", "")
    for name, attribute in (("ce_id", event_id), ("ce_source", source), ("ce_subject", subject)):
        if len(attribute) > _MAX_ID or not attribute.isprintable():
            raise Unreadable(f"header {name} is longer than {_MAX_ID} characters or has unprintable ones")
    traceparent = attributes.get("traceparent", "")
    if not _TRACEPARENT.fullmatch(traceparent):
        traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    correlation = attributes.get("correlationid") or event_id
    if not correlation.isprintable():
        correlation = event_id

    def event(data: Data) -> Event[Data]:
        return Event(
            id=event_id,
            source=source,
            type=event_type,
            subject=subject,
            time=attributes["time"],
            data=data,
            correlation_id=correlation[:_MAX_ID],
            traceparent=traceparent,
        )

    if max_bytes is not None and value is not None and len(value) > max_bytes:
        message = f"the body has {len(value)} bytes, and at most {max_bytes} are read"
        raise WrongShape(event(None), [{"field": "", "message": message, "remedy": "send it in parts"}])
    try:
        return event(model.model_validate_json(value or b""))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        if faults[0]["type"] == "json_invalid":
            raise Unreadable(f"the body is not JSON: {faults[0]['msg']}") from error
        raise WrongShape(event(None), reasons_of(error), value or b"") from error


def _attributes(headers: dict[str, bytes]) -> dict[str, Any]:
    """Read the attributes: `time` is a datetime, all else is text."""
    missing = [name for name in _REQUIRED if not headers.get(name)]
    if missing:  # the library would make up an id, and a repeated message would count as a new one
        raise Unreadable(f"the ce_* headers are not those of a CloudEvent: {', '.join(missing)} missing")
    try:
        return _as_ours(headers) or _as_library(headers)
    except CloudEventValidationError as error:
        raise Unreadable(f"the ce_* headers are not those of a CloudEvent: {_first(error)}") from error
    except (UnicodeDecodeError, ValueError, OverflowError) as error:
        raise Unreadable(f"the ce_* headers cannot be read: {error}") from error


def _as_ours(headers: dict[str, bytes]) -> dict[str, Any] | None:
    """Read headers that are just as `to_message` writes them; None for any others."""
    if headers.keys() != _OURS.keys() or headers["ce_specversion"] != b"1.0" or not all(headers.values()):
        return None
    attributes: dict[str, Any] = {_OURS[name]: value.decode() for name, value in headers.items()}
    written = attributes["time"]
    try:
        attributes["time"] = datetime.fromisoformat(written)
    except ValueError:
        return None
    return attributes if _written(attributes["time"]) == written and written.endswith("Z") else None


class _RawJson(JSONFormat):
    """Leaves bodies alone: the data's own model reads them."""

    def read_data(self, body: bytes, datacontenttype: str | None) -> Any:  # noqa: ARG002 - the binding's signature
        return body


_FORMAT = _RawJson()


def _as_library(headers: dict[str, bytes]) -> dict[str, Any]:
    event = from_binary(KafkaMessage(headers=headers, key=None, value=b""), _FORMAT)
    if not isinstance(event, CloudEvent) or event.get_specversion() != "1.0":
        raise Unreadable("ce_specversion must be 1.0")
    return event.get_attributes()


def _first(error: CloudEventValidationError) -> str:
    return "; ".join(str(fault) for faults in error.errors.values() for fault in faults)[:500]
