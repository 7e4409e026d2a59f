"""Invitations as a mail program reads them: REQUEST, update and CANCEL, at London's wall-clock time."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from urllib.parse import quote

import pytest
from icalendar import Calendar

from services.confirmations.invitation import mail
from services.confirmations.telling import what_to_tell
from tests.confirmations.test_telling import NAMES, make_session, told_after


def calendar_in(message: EmailMessage) -> Calendar:
    parsed = message_from_bytes(message.as_bytes(), policy=default)
    part = next(part for part in parsed.walk() if part.get_content_type() == "text/calendar")
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    return Calendar.from_ical(body)


@pytest.mark.parametrize(
    ("start", "utc_hour"), [("2027-03-02T09:00", 9), ("2027-06-08T09:00", 8)], ids=["winter", "summer time"]
)
def test_a_request_names_the_wall_clock_time(start: str, utc_hour: int) -> None:
    session = make_session(start=start, end=start.replace("T09", "T10"))
    [told] = [data for _, data in what_to_tell([session], {}, NAMES) if data.party_kind == "school"]
    message = mail("confirmed", told, "hub@example.org", "careers@example.org", "http://portal")
    calendar = calendar_in(message)
    [event] = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "REQUEST"
    assert event["SEQUENCE"] == 0
    starts: object = event["DTSTART"].dt  # type: ignore[union-attr] # a DTSTART always holds a time
    assert isinstance(starts, datetime)
    assert starts.astimezone(UTC).hour == utc_hour
    assert event["DTSTART"].params["TZID"] == "Europe/London"
    assert calendar.walk("VTIMEZONE"), "Outlook needs the time zone spelled out"
    assert event["ATTENDEE"] == "mailto:careers@example.org"
    assert "Northgate, ZZ2 2BB" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


@pytest.mark.parametrize("employer", ["E0001", "a@b", "a@c", "Smith Co/Kent #1: +x"])
def test_a_message_id_holds_any_id_of_a_party(employer: str) -> None:
    [(_, told), *_] = what_to_tell([make_session(employer=employer)], {}, NAMES)
    message = message_from_bytes(
        mail("confirmed", told, "hub@example.org", "x@example.org", "").as_bytes(), policy=default
    )
    assert message["Message-ID"].strip() == f"<e1.employer.{quote(employer, safe='')}.0@seven-encounters>"


def test_update_and_cancel_keep_the_uid_and_raise_the_sequence() -> None:
    first = what_to_tell([make_session()], {}, NAMES)
    moved = what_to_tell([make_session(start="2027-03-03T09:00", end="2027-03-03T10:00")], told_after(first), NAMES)
    gone = what_to_tell([], told_after(moved), NAMES)
    seen = []
    for news in (first, moved, gone):
        what, told = next(one for one in news if one[1].party_kind == "employer")
        calendar = calendar_in(mail(what, told, "hub@example.org", "work@example.org", "http://portal"))
        [event] = calendar.walk("VEVENT")
        seen.append((str(calendar["METHOD"]), str(event["UID"]), event["SEQUENCE"], str(event["STATUS"])))
    assert seen == [
        ("REQUEST", "e1@seven-encounters", 0, "CONFIRMED"),
        ("REQUEST", "e1@seven-encounters", 1, "CONFIRMED"),
        ("CANCEL", "e1@seven-encounters", 2, "CANCELLED"),
    ]
