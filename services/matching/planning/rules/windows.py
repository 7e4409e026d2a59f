"""When a session may take place: inside a window of the offer, inside a window of each group, on the step."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.clock import local_time
from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


def _window(plan: Plan, scope: Scope) -> Iterator[Violation]:
    known = plan.known
    for id_ in scope.sessions:
        for seating in plan.seatings_of_session[id_]:
            session, offer, group = seating.session, seating.offer, seating.group
            travel = 0
            if offer.mode == "workplace":
                travel = known.travel(offer.position, known.schools[group.school].position)
            start, end = session.start - travel, session.start + offer.duration_minutes + travel
            if not known.fits(group.calendars, start, end):
                journey = f", with {travel} minutes of travel each way" if travel else ""
                message = (
                    f"{known.describe(group)} has no window that holds session {id_}, "
                    f"{local_time(session.start)} for {offer.duration_minutes} minutes{journey}."
                )
                yield plan.broken(WINDOW.code, message, (session,), (group.id,))


def _offer_window(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.sessions:
        session = plan.by_id[id_]
        offer = plan.known.offers[session.offer]
        if not plan.known.fits(offer.calendars, session.start, plan.end(session)):
            message = (
                f"Offer {offer.id} has no window that holds session {id_}, "
                f"{local_time(session.start)} for {offer.duration_minutes} minutes."
            )
            yield plan.broken(OFFER_WINDOW.code, message, (session,))


def _step(plan: Plan, scope: Scope) -> Iterator[Violation]:
    step = plan.known.policy.start_step_minutes
    for id_ in scope.sessions:
        session = plan.by_id[id_]
        if session.start % 60 % step:
            message = f"Session {id_} starts at {local_time(session.start)}, not on a multiple of {step} minutes past the hour."
            yield plan.broken(STEP.code, message, (session,))


WINDOW = Rule(
    "window",
    "A group is away from its lessons only while it can be seen: the session, and for a visit the journeys too, lies inside one of its windows.",
    _window,
)
OFFER_WINDOW = Rule("offer-window", "A session lies inside one window of its offer.", _offer_window)
STEP = Rule("step", "A session starts on a multiple of the hub's step past the hour.", _step)
