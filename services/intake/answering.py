"""Intake's answers: facts, or a word to the sender."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from services.intake.deciding.outcome import Accepted, ChangedNothing, Outcome, Refused
from shared.envelope import Event, WrongShape, new_event
from shared.events import EVENTS
from shared.events.facts import SubmissionChangedNothing, SubmissionRefused
from shared.events.fields import Reason
from shared.events.submissions import OfEmployer, OfHub, OfSchool, Submission

SOURCE = "/intake"

_ORGANISATION = re.compile(r"(hub|school|employer):[A-Za-z0-9][A-Za-z0-9 ._:/@#+-]{0,99}")


def answers(event: Event[Submission], outcome: Outcome) -> Iterator[Event[Any]]:
    """Write the events that tell what came of a submission."""
    if isinstance(outcome, Accepted):
        yield from (new_event(SOURCE, fact, cause=event) for fact in outcome.facts)
        return
    about = {
        "submission": event.id,
        "submission_type": event.type,
        "about": event.data.subject(),
        "organisation": event.data.organisation(),
    }
    if isinstance(outcome, ChangedNothing):
        yield new_event(SOURCE, SubmissionChangedNothing(**about), cause=event)
    else:
        yield new_event(SOURCE, SubmissionRefused(**about, reasons=outcome.reasons), cause=event)


def subject_fault(event: Event[Submission]) -> Refused | None:
    """Refuse an event whose envelope names another thing than its data; one that names none is fine."""
    subject = event.data.subject()
    if not event.subject or event.subject == subject:
        return None
    message = f"the header ce_subject says {event.subject}, and the data are about {subject}"
    return Refused((Reason(field="/ce_subject", message=message, remedy="make both name the same thing"),))


def answer_wrong_shape(fault: WrongShape) -> Event[Any] | None:
    """Write the refusal of a submission that could not be read, where it can be told whose it is."""
    organisation = organisation_of(fault)
    if organisation is None:
        return None
    refused = SubmissionRefused(
        submission=fault.event.id,
        submission_type=fault.event.type,
        about=fault.event.subject,
        organisation=organisation,
        reasons=tuple(Reason(**reason) for reason in fault.reasons),
    )
    return new_event(SOURCE, refused, cause=fault.event)


def organisation_of(fault: WrongShape) -> str | None:
    """Tell for whom a submission of a wrong shape was meant: by its own field, else by its Kafka key, else its subject."""
    field, model = "", EVENTS[fault.event.type]
    for kind, parent in (("hub", OfHub), ("school", OfSchool), ("employer", OfEmployer)):
        if issubclass(model, parent):
            field = kind
    candidates = [f"{field}:{_value(fault.body, field)}", fault.key, fault.event.subject]
    return next((name for name in candidates if _ORGANISATION.fullmatch(name)), None)


def _value(body: bytes, field: str) -> str:
    try:
        value = json.loads(body)[field]
    except (ValueError, TypeError, LookupError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""
