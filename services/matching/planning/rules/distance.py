"""How far people go: the employer to a school, a group to a workplace."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.geometry import within_km
from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


def _distance(plan: Plan, scope: Scope) -> Iterator[Violation]:
    known = plan.known
    for id_ in scope.sessions:
        session = plan.by_id[id_]
        offer = known.offers[session.offer]
        if session.school is not None:
            away = known.km(offer.position, known.schools[session.school].position)
            radius = known.employers[offer.employer].radius_km
            if not within_km(away, float(radius)):
                message = (
                    f"Session {id_}: school {session.school} is {away:.3f} km away; the employer goes {radius} km."
                )
                yield plan.broken(DISTANCE.code, message, (session,))
        elif offer.mode == "workplace":
            for seating in plan.seatings_of_session[id_]:
                away = known.km(offer.position, known.schools[seating.group.school].position)
                most = seating.group.max_travel_km
                if not within_km(away, float(most)):
                    message = f"{known.describe(seating.group)} travels at most {most} km; session {id_} is {away:.3f} km away."
                    yield plan.broken(DISTANCE.code, message, (session,), (seating.group.id,))


DISTANCE = Rule(
    "distance",
    "An employer goes to schools within its radius; a group visits workplaces within the distance it may travel.",
    _distance,
)
