"""Every session names an offer, groups and a school of the problem, and has an id of its own."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.rules.view import Plan
from services.matching.planning.rules.violation import Violation

CODE = "reference"


def broken_references(plan: Plan) -> Iterator[Violation]:
    """Tell what a plan names and the problem does not have; other rules pass over such sessions."""
    known = plan.known
    for number, session in enumerate(plan.given):
        at = f"/sessions/{number}"
        offer = known.offers.get(session.offer)
        if offer is None:
            yield Violation(CODE, f"There is no offer {session.offer!r}.", f"{at}/offer", (session.id,))
        elif offer.mode != "in_school" and session.school is not None:
            message = f"Session {session.id} is {offer.mode}: only a session in a school names a school."
            yield Violation("schools", message, f"{at}/school", (session.id,))
        elif offer.mode == "in_school" and session.school not in known.schools:
            message = f"Session {session.id} takes place in a school and names none of this problem."
            yield Violation("schools", message, f"{at}/school", (session.id,))
        elif plan.number[session.id] != number:
            yield Violation(CODE, f"The session id {session.id!r} is taken.", f"{at}/id", (session.id,))
        for place, attendance in enumerate(session.attendances):
            if attendance.group not in known.groups:
                message = f"There is no group {attendance.group!r}."
                yield Violation(CODE, message, f"{at}/attendances/{place}/group", (session.id,), (attendance.group,))
        if not session.attendances:
            yield Violation(CODE, f"Nobody attends session {session.id}.", f"{at}/attendances", (session.id,))
