"""What stands in the way of one more session in a plan: a presenter's other sessions, a host's, an employer's limits.

Solver-free, and reckoned from the plan alone.
"""

from __future__ import annotations

from services.matching.planning.model import MINUTES_A_DAY, Minute, Offer, Position, Session
from services.matching.planning.rules import Plan


def place_of(plan: Plan, offer: Offer, school: str | None) -> Position | None:
    """Give where a session would be; None for a virtual one."""
    if offer.mode == "virtual":
        return None
    return plan.known.schools[school].position if school is not None else offer.position


def in_presenters_way(plan: Plan, offer: Offer, school: str | None, start: Minute) -> list[Session]:
    """Give the presenter's sessions that overlap this one, or leave too little time for the journey."""
    here, end = place_of(plan, offer, school), start + offer.duration_minutes
    found = []
    for other in plan.of_presenter.get(offer.presenter, ()):
        there, over = plan.place(other), plan.end(other)
        same_day = other.start // MINUTES_A_DAY == start // MINUTES_A_DAY
        journey = plan.known.travel(here, there) if same_day and here is not None and there is not None else 0
        if start < over + journey and other.start < end + journey:
            found.append(other)
    return found


def in_hosts_way(plan: Plan, school: str | None, start: Minute, end: Minute) -> list[Session]:
    """Give the sessions that a school hosts at its fullest moment of this time, where it can host no more; else none."""
    if school is None:
        return []
    during = [other for other in plan.hosted_by.get(school, ()) if other.start < end and start < plan.end(other)]
    limit = plan.known.schools[school].hosting_limit
    for moment in sorted({max(start, other.start) for other in during}):
        running = [other for other in during if other.start <= moment < plan.end(other)]
        if len(running) >= limit:
            return running
    return []


def in_employers_way(plan: Plan, offer: Offer, start: Minute) -> list[Session]:
    """Give the employer's sessions of that date where it gives no more a day; else none."""
    most = plan.known.employers[offer.employer].max_sessions_per_day
    if most is None:
        return []
    date = start // MINUTES_A_DAY
    on_date = [other for other in plan.of_employer.get(offer.employer, ()) if other.start // MINUTES_A_DAY == date]
    return on_date if len(on_date) >= most else []


def sessions_left(plan: Plan, offer: Offer) -> int:
    """Count the sessions that an offer has left, its employer's own limit included."""
    left = offer.max_sessions - len(plan.of_offer.get(offer.id, ()))
    most = plan.known.employers[offer.employer].max_sessions
    return left if most is None else min(left, most - len(plan.of_employer.get(offer.employer, ())))


def can_hold(plan: Plan, offer: Offer, school: str | None, start: Minute) -> bool:
    """Tell whether nothing stands in the way of a session but the number that its offer and employer give in all."""
    return not (
        in_hosts_way(plan, school, start, start + offer.duration_minutes)
        or (school is not None and plan.known.schools[school].hosting_limit < 1)
        or in_employers_way(plan, offer, start)
        or plan.known.employers[offer.employer].max_sessions_per_day == 0
        or in_presenters_way(plan, offer, school, start)
    )
