"""Submissions of a wrong shape: each fault is told with field and remedy, in words and not in patterns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.intake.answering import organisation_of
from services.intake.staging import batch_of
from shared.envelope import WrongShape, from_message, new_event, to_message
from shared.events.submissions import Batch, Submission
from tests.intake.parties import make_availability, make_employer, make_profile, make_request, make_school, on

WRONG: list[tuple[Submission, dict[str, Any], str, str]] = [
    (make_school(), {"school": "12345"}, "/school", "6 digits"),
    (make_school(), {"local_authority": "Kent"}, "/local_authority", "3 digits"),
    (make_school(), {"postcode": "zz11aa"}, "/postcode", "one space"),
    (make_school(), {"name": ""}, "/name", "at least 1 characters"),
    (make_school(), {"name": "a\u0000b"}, "/name", "remove them"),
    (make_school(), {"pupils": -1}, "/pupils", "at least 0"),
    (make_school(), {"pupils": "many"}, "/pupils", "a whole number"),
    (make_school(), {"fsm_share": 20.7}, "/fsm_share", "at most 1"),
    (make_school(), {"headteacher": "?"}, "/headteacher", "take it out"),
    (make_employer(), {"company_number": "123"}, "/company_number", "8 digits"),
    (make_employer(), {"sectors": []}, "/sectors", "at least 1 entries"),
    (make_employer(), {"sectors": ["Z"]}, "/sectors/0", "A to U"),
    (make_employer(), {"contact_email": "nobody"}, "/contact_email", "name@example.org"),
    (make_availability(), {"seats": 0}, "/seats", "at least 1"),
    (make_availability(), {"seats": -5}, "/seats", "at least 1"),
    (make_availability(), {"years": [6]}, "/years/0", "at least 7"),
    (make_availability(), {"years": [14]}, "/years/0", "at most 13"),
    (make_availability(), {"mode": "by post"}, "/mode", "in_school"),
    (make_availability(), {"times": []}, "/times", "at least 1 entries"),
    (make_availability(), {"times": [{"start": "2027-02-30T09:00", "end": "2027-02-28T10:00"}]}, "/times/0/start", "that exist"),
    (make_availability(), {"times": [{"start": "2027-03-02T09:00Z", "end": "2027-03-02T10:00"}]}, "/times/0/start", "no offset"),
    (make_availability(), {"availability": "<script>"}, "/availability", "letters, digits"),
    (make_availability(), {"version": 0}, "/version", "at least 1"),
    (make_availability(), {"batch": {"id": "f", "row": 3, "rows": 2}}, "/batch", "count rows from 1"),
    (make_request(), {"year": 6}, "/year", "at least 7"),
    (make_request(), {"year": 14}, "/year", "at most 13"),
    (make_request(), {"size": 0}, "/size", "at least 1"),
    (make_request(), {"calendars": ["tutor", "tutor"]}, "", "name each once"),
    (make_profile(), {"closures": [{"start": "2027-02-30", "end": "2027-03-01"}]}, "/closures/0/start", "2027-03-31"),
    (make_profile(), {"calendars": {"a/b": [{"start": "2027-03-02T09:00"}]}}, "/calendars/a~1b/0/end", "give end"),
]  # fmt: skip


def wrong(said: Submission, changes: dict[str, Any], key: str = "") -> WrongShape:
    message = to_message(new_event("/test", said), "")
    body = json.dumps(json.loads(message.value) | changes).encode()
    with pytest.raises(WrongShape) as caught:
        from_message(message.headers, body)
    caught.value.key = key
    return caught.value


@pytest.mark.parametrize(("said", "changes", "field", "remedy"), WRONG)
def test_a_wrong_field_is_named_with_its_remedy(
    said: Submission, changes: dict[str, Any], field: str, remedy: str
) -> None:
    (reason,) = wrong(said, changes).reasons
    assert reason["field"] == field
    assert remedy in reason["remedy"], reason
    assert reason["message"]
    assert "pattern" not in reason["message"]


def test_all_wrong_fields_come_at_once() -> None:
    reasons = wrong(make_request(), {"year": 6, "size": 0, "needed": 9}).reasons
    assert [reason["field"] for reason in reasons] == ["/year", "/size", "/needed"]


def test_the_owner_is_found_in_the_body_then_in_the_key_then_in_the_subject() -> None:
    assert organisation_of(wrong(make_request(), {"size": 0}, "school:999999")) == "school:118785"
    assert organisation_of(wrong(make_request(), {"school": 5}, "school:999999")) == "school:999999"
    assert organisation_of(wrong(make_employer(), {"employer": 5})) == "employer:E1"
    assert organisation_of(wrong(make_request(), {"school": None}, "<b>")) is None


def test_a_wrong_row_still_says_of_which_file_it_is() -> None:
    batch = {"id": "f1", "row": 2, "rows": 3, "take": "all"}
    assert batch_of(wrong(make_request(), {"size": 0, "batch": batch})) == Batch(**batch)
    assert batch_of(wrong(make_request(), {"size": 0})) is None
    assert batch_of(wrong(make_request(), {"batch": {"id": 5}})) is None


def test_a_body_just_above_the_limit_is_of_a_wrong_shape_and_one_at_it_is_read() -> None:
    message = to_message(new_event("/test", make_availability(times=(on("2027-03-02"),))), "")
    size = len(message.value)
    assert from_message(message.headers, message.value, size).data == make_availability()
    with pytest.raises(WrongShape, match=f"{size} bytes, and at most {size - 1}"):
        from_message(message.headers, message.value, size - 1)
