"""A school that is already hosting as many sessions as it can, whenever a group could be seen at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.matching.planning.explanation.holding import in_hosts_way
from services.matching.planning.explanation.places import Places
from services.matching.planning.rules import Plan
from services.matching.planning.structural import Structure


@dataclass(frozen=True, slots=True)
class Hosting:
    """A school's limit, the offers that could come to it for a group, and how many starts there are, all of them taken.

    `rivals` attend the sessions that it hosts then.
    """

    limit: int
    offers: int
    starts: int
    rivals: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Give what can be counted as the facts of a reason."""
        return {"hosting_limit": self.limit, "offers": self.offers, "starts": self.starts}


def hosting_around(plan: Plan, places: Places, id_: str) -> Hosting | None:
    """Tell whether a group could be seen in school only, and its school hosts all it can at every possible start.

    A school that hosts nobody has no start at all.
    """
    group = plan.known.groups[id_]
    school = plan.known.schools[group.school]
    by_offer = places.vertices_by_offer(places.class_of[id_])
    if any(plan.known.offers[offer].mode != "in_school" for offer in by_offer):
        return None
    if school.hosting_limit == 0:
        offers = [offer for offer in Structure(plan.known).offers_for(group) if offer.mode == "in_school"]
        return Hosting(0, len(offers), 0, ()) if offers and not by_offer else None
    if not by_offer:
        return None
    starts, taken = set[tuple[str, int]](), dict[str, None]()
    for offer, vertices in by_offer.items():
        minutes = plan.known.offers[offer].duration_minutes
        for start in (start for vertex in vertices for start in places.starts(vertex)):
            hosted = in_hosts_way(plan, school.id, start, start + minutes)
            if not hosted:
                return None
            starts.add((offer, start))
            taken.update((seating.group.id, None) for one in hosted for seating in plan.seatings_of_session[one.id])
    return Hosting(school.hosting_limit, len(by_offer), len(starts), tuple(other for other in taken if other != id_))
