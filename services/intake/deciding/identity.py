"""Whose a thing is, and which of its versions a submission is."""

from __future__ import annotations

from services.intake.deciding.outcome import ChangedNothing, Refused, refuse
from services.intake.register import Entry, kind_of
from shared.events.fields import Reason
from shared.events.submissions import Submission

COMES_BACK = frozenset({"pledge"})
"""Kinds whose id says who and where: they may be submitted again after a withdrawal, where others need a new id."""

_ID_FIELDS = {"hub": "hub", "school": "school", "profile": "school", "employer": "employer", "request": "group"}


def id_field(subject: str) -> str:
    """Give the JSON pointer of the field that names a thing."""
    kind = kind_of(subject)
    return f"/{_ID_FIELDS.get(kind, 'availability' if kind == 'availability' else 'employer')}"


def name_of(subject: str) -> str:
    """Name a thing for people: `availability E0001-A1`."""
    kind, _, identity = subject.partition(":")
    return f"{kind} {identity}"


def answered_at_once(said: Submission, was: Entry | None) -> Refused | ChangedNothing | None:
    """Refuse what is another's, late, withdrawn or contradicts its own version; None where it has to be looked into."""
    if was is None:
        return None
    subject = said.subject()
    if was.organisation != said.organisation():
        return Refused((_belongs_to_another(subject),))
    if said.version < was.version:
        return Refused((_late(said, was),))
    if was.withdrawn and not (was.kind in COMES_BACK and said.version > was.version):
        remedy = (
            f"submit it with version {was.version + 1}" if was.kind in COMES_BACK else "submit it again under a new id"
        )
        return Refused((refuse(id_field(subject), f"{name_of(subject)} has been withdrawn", remedy),))
    if was.withdrawn:
        return None
    if same_content(said, was):
        return ChangedNothing()
    if said.version == was.version:
        return Refused((_taken(said, was),))
    return None


def withdrawal_answered_at_once(said: Submission, was: Entry | None) -> Refused | ChangedNothing | None:
    """Refuse a withdrawal of what is unknown, another's or newer; a second one changes nothing."""
    subject = said.subject()
    if was is None or was.organisation != said.organisation():
        known = f"no {name_of(subject)} of yours is registered"
        return Refused((refuse(id_field(subject), known, "check the id; what was refused need not be withdrawn"),))
    if said.version < was.version:
        return Refused((_late(said, was),))
    if was.withdrawn:
        return ChangedNothing()
    if said.version == was.version:
        return Refused((_taken(said, was),))
    return None


def same_content(said: Submission, was: Entry) -> bool:
    """Tell whether a submission says what the register holds, whatever its version and batch."""
    return {**vars(was.submission), "version": said.version, "batch": said.batch} == vars(said)


def next_fact_version(said: Submission, was: Entry | None) -> int:
    """Give the next fact its number: always rising, and never below the version of the sender."""
    return max(said.version, was.fact_version + 1 if was else 1)


def _belongs_to_another(subject: str) -> Reason:
    return refuse(id_field(subject), f"{name_of(subject)} belongs to another organisation", "choose an id of your own")


def _late(said: Submission, was: Entry) -> Reason:
    return refuse(
        "/version",
        f"this is version {said.version}, and version {was.version} is known already: it came late",
        f"if it is meant, submit it with version {was.version + 1}",
    )


def _taken(said: Submission, was: Entry) -> Reason:
    return refuse(
        "/version",
        f"version {said.version} of {name_of(was.subject)} is known already, with other content",
        f"submit the change with version {was.version + 1}",
    )
