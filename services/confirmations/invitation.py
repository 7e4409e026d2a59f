"""An encounter as a mail with an iCalendar object (RFC 5545, RFC 5546): REQUEST invites and updates, CANCEL removes."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.events.encounters import EncounterTold

_TEXTS = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "mails"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - plain text, never shown as HTML
    trim_blocks=True,
    lstrip_blocks=True,
)
_SUBJECTS = {"confirmed": "Confirmed", "moved": "Changed", "cancelled": "Cancelled"}
_KINDS = {"in_school": "Visit to the school", "workplace": "Visit to the workplace", "virtual": "Online encounter"}


def calendar_object(news: str, told: EncounterTold, organiser: str, attendee: str, stamp: datetime) -> Calendar:
    """Make the iCalendar object; the UID never changes and SEQUENCE rises, on CANCEL too."""
    zone = ZoneInfo(told.time_zone)
    calendar = Calendar()
    calendar.add("prodid", "-//Seven Encounters//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if news == "cancelled" else "REQUEST")
    event = Event()
    event.add("uid", f"{told.encounter}@seven-encounters")
    event.add("sequence", told.sequence)
    event.add("dtstamp", stamp.astimezone(UTC))
    event.add("dtstart", datetime.fromisoformat(told.start).replace(tzinfo=zone))
    event.add("dtend", datetime.fromisoformat(told.end).replace(tzinfo=zone))
    event.add("summary", f"{_KINDS[told.mode]}: {told.employer_name}")
    event.add("location", told.place)
    event.add("status", "CANCELLED" if news == "cancelled" else "CONFIRMED")
    organiser_address = vCalAddress(f"mailto:{organiser}")
    organiser_address.params["cn"] = vText("Seven Encounters")
    event["organizer"] = organiser_address
    guest = vCalAddress(f"mailto:{attendee}")
    guest.params["role"] = vText("REQ-PARTICIPANT")
    guest.params["rsvp"] = vText("FALSE" if news == "cancelled" else "TRUE")
    event.add("attendee", guest, encode=False)
    calendar.add_component(event)
    calendar.add_missing_timezones()
    return calendar


def mail(news: str, told: EncounterTold, organiser: str, recipient: str, portal_url: str) -> EmailMessage:
    """Write the mail to one party: what, when, where, who comes, and the calendar object to accept it."""
    start = datetime.fromisoformat(told.start)
    when = f"{start:%A} {start.day} {start:%B %Y}, {start:%H:%M} to {told.end[11:]}"
    message = EmailMessage()
    message["From"] = organiser
    message["To"] = recipient
    employer = " ".join(told.employer_name.split())
    message["Subject"] = f"{_SUBJECTS[news]}: {employer}, {start.day} {start:%B %Y}, {start:%H:%M}"
    party = quote(told.party, safe="")
    message["Message-ID"] = f"<{told.encounter}.{told.party_kind}.{party}.{told.sequence}@seven-encounters>"
    text = _TEXTS.get_template(f"{news}.txt").render(
        told=told,
        when=when,
        kind=_KINDS[told.mode],
        students=sum(attendance.students for attendance in told.attendances),
        portal_url=portal_url,
    )
    message.set_content(text)
    calendar = calendar_object(news, told, organiser, recipient, datetime.now(UTC))
    body = calendar.to_ical()
    method = "CANCEL" if news == "cancelled" else "REQUEST"
    message.add_alternative(body, "text", "calendar", params={"method": method, "charset": "utf-8"}, cte="base64")
    message.add_attachment(body, "application", "ics", filename="encounter.ics")
    return message
