"""The envelope: what is written comes back, and whatever else comes is an answerable fault, never a crash."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.envelope import Headers, Unreadable, WrongShape, from_message, new_event, to_message
from shared.events import EVENTS
from shared.events.facts import EmployerRegistered
from shared.events.submissions import DescribeSchool, SubmitRequest
from shared.topics import TOPICS, dead_letters

REQUEST = SubmitRequest(school="118785", group="7A", year=7, size=30, calendars=("tutor",), adjustments={"Ŵyr 株"})


def test_what_is_written_comes_back() -> None:
    event = new_event("/test", REQUEST)
    message = to_message(event, "encounters.")
    assert (message.topic, message.key) == ("encounters.submissions", b"school:118785")
    assert from_message(message.headers, message.value) == event
    headers = dict(message.headers)
    assert headers["ce_type"] == b"encounters.request.submit.v1"
    assert headers["ce_subject"] == b"request:7A"
    assert headers["content-type"] == b"application/json"


def test_what_follows_carries_the_correlation_and_the_trace_of_its_cause() -> None:
    cause = new_event("/test", REQUEST)
    effect = new_event("/intake", REQUEST, cause=cause)
    assert cause.correlation_id == cause.id == effect.correlation_id
    assert effect.traceparent.split("-")[1] == cause.traceparent.split("-")[1]
    assert effect.traceparent != cause.traceparent


def test_ids_rise_with_time() -> None:
    ids = [new_event("/test", REQUEST).id for _ in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100


def test_readers_pass_over_fields_that_they_do_not_know() -> None:
    fact = EmployerRegistered(
        version=1, employer="E1", name="x", postcode="ZZ1 1AA", position=(51, 0.5), sectors=("C",), stem=None,
        company_number=None, radius_km=25, max_sessions_per_day=None, max_sessions=None, contact_email=None,
    )  # fmt: skip
    message = to_message(new_event("/intake", fact), "")
    grown = message.value[:-1] + b',"founded":1911}'
    assert from_message(message.headers, grown).data == fact


@pytest.mark.parametrize("trace", [b"nonsense", b"00-\x00-\x00-01", b"00-12-34-01"])
def test_a_trace_that_is_none_is_replaced(trace: bytes) -> None:
    message = to_message(new_event("/test", REQUEST), "")
    headers = [*((k, v) for k, v in message.headers if k != "ce_traceparent"), ("ce_traceparent", trace)]
    assert [len(part) for part in from_message(headers, message.value).traceparent.split("-")] == [2, 32, 16, 2]


def test_a_correlation_id_that_can_not_be_stored_is_replaced() -> None:
    message = to_message(new_event("/test", REQUEST), "")
    headers = [*((k, v) for k, v in message.headers if k != "ce_correlationid"), ("ce_correlationid", b"a\x00b")]
    event = from_message(headers, message.value)
    assert event.correlation_id == event.id


@pytest.mark.parametrize("name", ["two\nlines", "two\u2028lines", "a bell \x07"])
def test_a_name_is_one_line_of_text(name: str) -> None:
    message = to_message(new_event("/test", REQUEST), "")
    body = json.dumps(json.loads(message.value) | {"adjustments": [name]}).encode()
    (reason,) = reasons_for(message.headers, body)
    assert reason["field"] == "/adjustments/0"
    assert reason["remedy"] in ("write it on one line", "remove them")


@pytest.mark.parametrize("name", ["مدرسة الشاطئ", "海辺の学校", "Škola na pláži", "Σχολείο 🏫"])
def test_text_in_any_script_is_read(name: str) -> None:
    message = to_message(new_event("/test", REQUEST), "")
    body = json.dumps(json.loads(message.value) | {"adjustments": [name]}, ensure_ascii=False).encode()
    assert reasons_for(message.headers, body) == []


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("careers@example.org", True), ("ü.ö@schön.example", True), ("o'neil+x@example.co.uk", True),
        ("a,b@example.org", False), ("Ann <a@example.org>", False), ("a@[1.2", False), ("a@b..c", False),
        ("a@example", False), ("a@b@example.org", False),
    ],
)  # fmt: skip
def test_an_address_is_one_that_mail_can_go_to(address: str, good: bool) -> None:
    message = to_message(new_event("/test", DescribeSchool(school="118785", calendars={})), "")
    body = json.dumps(json.loads(message.value) | {"contact_email": address}).encode()
    assert [reason["field"] for reason in reasons_for(message.headers, body)] == [] if good else ["/contact_email"]


def test_every_type_has_one_name_a_version_and_a_topic() -> None:
    assert all(name.startswith("encounters.") and name.rsplit(".v", 1)[1].isdigit() for name in EVENTS)
    assert {model.topic() for model in EVENTS.values()} == set(TOPICS)
    assert dead_letters("encounters.facts") == "encounters.facts.dead"


HEADER = st.sampled_from(
    ["ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_specversion", "content-type", "ce_traceparent", "x"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(HEADER, st.binary(max_size=12)), max_size=4), st.none() | st.binary(max_size=30))
def test_whatever_comes_is_read_or_refused(headers: list[tuple[str, bytes]], value: bytes | None) -> None:
    good = to_message(new_event("/test", REQUEST), "")
    with pytest.raises((Unreadable, WrongShape)):
        from_message([*good.headers, *headers], value)


TIMES = (
    st.datetimes(timezones=st.none() | st.timezones() | st.just(UTC)).map(datetime.isoformat)
    | st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat().replace("+00:00", "Z"))
    | st.from_regex(
        r"[0-9]{4}-?[01][0-9]-?[0-3][0-9][T ][0-2][0-9]:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,6})?)?Z?", fullmatch=True
    )
)


@settings(max_examples=300, deadline=None)
@given(TIMES)
def test_a_time_is_read_as_the_library_reads_it(time: str) -> None:
    good = to_message(new_event("/test", REQUEST), "")
    headers = {**dict(good.headers), "ce_time": time.encode()}
    try:
        expected = from_binary(KafkaMessage(headers=headers, key=None, value=b"{}"), JSONFormat()).get_time()
    except (CloudEventValidationError, ValueError):
        with pytest.raises(Unreadable):
            from_message(headers.items(), good.value)
    else:
        assert from_message(headers.items(), good.value).time == expected


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(SubmitRequest.model_fields)), JSON)
def test_a_field_with_anything_in_it_is_taken_or_named(field: str, value: Any) -> None:
    message = to_message(new_event("/test", REQUEST), "")
    body = json.dumps(json.loads(message.value) | {field: value}).encode()
    reasons = reasons_for(message.headers, body)
    assert all(reason["message"] and reason["remedy"] for reason in reasons)
    assert all(reason["field"].startswith(f"/{field}") or reason["field"] == "" for reason in reasons)


def reasons_for(headers: Headers, body: bytes) -> list[dict[str, str]]:
    try:
        from_message(headers, body)
    except WrongShape as wrong:
        return wrong.reasons
    except Unreadable as unreadable:
        return [{"field": "", "message": str(unreadable), "remedy": "write JSON"}]
    return []
