"""What people have decided: attendances that must be there, and meetings that must not."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.clock import local_time
from services.matching.planning.model import Attendance
from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


def _pinned(plan: Plan, scope: Scope) -> Iterator[Violation]:  # noqa: ARG001 - a pin may miss its session, so all are looked at
    pins = plan.known.problem.pinned
    for at, pin in enumerate(pins):
        here = (session for session in plan.of_offer.get(pin.offer, ()) if session.start == pin.start)
        wanted = Attendance(pin.group, pin.students)
        if not any(session.school == pin.school and wanted in session.attendances for session in here):
            place = f" at school {pin.school}" if pin.school else ""
            message = (
                f"Pin {at} of the problem is not kept: {pin.students} students of group {pin.group} "
                f"in offer {pin.offer}{place} at {local_time(pin.start)}."
            )
            yield Violation(PINNED.code, message, groups=(pin.group,))


def _forbidden(plan: Plan, scope: Scope) -> Iterator[Violation]:
    bans = plan.known.bans
    if not bans:
        return
    for id_ in scope.sessions:
        session = plan.by_id[id_]
        if session.school is not None and (session.offer, "school", session.school) in bans:
            message = f"Offer {session.offer} must not meet school {session.school}; session {id_} is there."
            yield plan.broken(FORBIDDEN.code, message, (session,))
            continue
        for seating in plan.seatings_of_session[id_]:
            group = seating.group
            if (seating.offer.id, "group", group.id) in bans or (seating.offer.id, "school", group.school) in bans:
                message = (
                    f"Offer {seating.offer.id} must not meet {plan.known.describe(group)}; it does in session {id_}."
                )
                yield plan.broken(FORBIDDEN.code, message, (seating.session,), (group.id,))


PINNED = Rule("pinned", "What has been pinned is in the plan, with the same students.", _pinned)
FORBIDDEN = Rule("forbidden", "An offer does not meet a school or group that it must not meet.", _forbidden)
