"""Sets of groups that share too few possible sessions or seats: a Hall certificate, found here and recounted by anyone.

For a set of groups, every offer that could take any of them is named, with the most sessions it could hold for them and
the most of their students that one session could take. Where all of these together are fewer than the groups have
students, some are left out whatever is planned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.matching.planning.explanation.places import Places
from services.matching.planning.model import Group, Offer

MOST_GROUPS = 150


@dataclass(frozen=True, slots=True)
class Supply:
    """What one offer could do for a set of groups: at most so many sessions, at most so many students in each."""

    offer: str
    sessions: int
    filling: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """A set of groups, all offers that could take any of them, and the students that these could take at most."""

    groups: tuple[str, ...]
    students: int
    supplies: tuple[Supply, ...]
    seats: int

    @property
    def holds(self) -> bool:
        """Whether the groups have more students than can be taken."""
        return self.seats < self.students

    def facts(self) -> dict[str, Any]:
        """Give the certificate as the facts of a reason."""
        offers = [{"offer": each.offer, "sessions": each.sessions, "filling": each.filling} for each in self.supplies]
        return {"groups": len(self.groups), "students": self.students, "seats": self.seats, "offers": offers}


def count_shortage(places: Places, groups: Sequence[str]) -> Shortage:
    """Count what the offers could do at most for a set of groups."""
    counting = _Counting(places, groups)
    supplies = [supply for employer in counting.offers for supply in counting.supplies(employer)]
    order = {offer.id: number for number, offer in enumerate(places.known.problem.offers)}
    supplies.sort(key=lambda each: order[each.offer])
    seats = sum(counting.seats(employer) for employer in counting.offers)
    if len(groups) == 1:
        seats = min(seats, _in_parts(places, places.known.groups[groups[0]]))
    return Shortage(tuple(groups), counting.students, tuple(supplies), seats)


class _Counting:
    """Counts what each employer could do at most for a set of groups, each when it is asked for."""

    def __init__(self, places: Places, groups: Sequence[str]) -> None:
        self._places = places
        self.students = sum(places.known.groups[group].size for group in groups)
        self._members: dict[int, int] = defaultdict(int)
        for group in groups:
            self._members[places.class_of[group]] += 1
        self.offers: dict[str, dict[str, set[int]]] = {}
        for class_ in self._members:
            for offer, vertices in places.vertices_by_offer(class_).items():
                of_employer = self.offers.setdefault(places.known.offers[offer].employer, {})
                of_employer.setdefault(offer, set()).update(vertices)
        self._supplies: dict[str, list[Supply]] = {}

    def supplies(self, employer: str) -> list[Supply]:
        """Give what each of an employer's offers could do."""
        if employer not in self._supplies:
            known = self._places.known
            self._supplies[employer] = [
                _supply(self._places, known.offers[id_], sorted(vertices), self._members)
                for id_, vertices in self.offers[employer].items()
            ]
        return self._supplies[employer]

    def seats(self, employer: str) -> int:
        """Give how many students an employer could take."""
        return _of_employer(self._places, employer, self.supplies(employer))

    def is_enough(self) -> bool:
        """Tell whether the employers could take all of the groups' students; looks no further than it needs to."""
        offers, total = self._places.known.offers, 0
        roomy = sorted(self.offers, key=lambda each: -max(offers[id_].seats for id_ in self.offers[each]))
        for employer in roomy:
            total += self.seats(employer)
            if total >= self.students:
                return True
        return False


def _of_employer(places: Places, employer: str, supplies: list[Supply]) -> int:
    """Take the best of an employer's sessions, as many as it gives in all."""
    left, total = places.known.employers[employer].max_sessions, 0
    for supply in sorted(supplies, key=lambda each: -each.filling):
        sessions = supply.sessions if left is None else min(left, supply.sessions)
        total += sessions * supply.filling
        left = None if left is None else left - sessions
    return total


def _supply(places: Places, offer: Offer, vertices: list[int], members: Mapping[int, int]) -> Supply:
    a_day = places.known.employers[offer.employer].max_sessions_per_day
    in_a_row = places.sessions_in_a_row(offer, vertices).values()
    sessions = sum(count if a_day is None else min(count, a_day) for count in in_a_row)
    together = {frozenset(places.able_at(vertex) & members.keys()) for vertex in vertices}
    filling = max((_filling(places, offer, able, members) for able in together), default=0)
    return Supply(offer.id, min(sessions, offer.max_sessions), filling)


def _filling(places: Places, offer: Offer, able: Iterable[int], members: Mapping[int, int]) -> int:
    """Give the most students of these classes that one session takes: whole groups within its seats, or parts."""
    sums, room = 1, (1 << offer.seats + 1) - 1
    for class_ in able:
        size = int(places.classes.size[class_])
        if size > offer.seats:
            return offer.seats  # in parts, of any number of students up to the seats
        for _ in range(min(members[class_], offer.seats // size)):
            sums |= sums << size & room
    return sums.bit_length() - 1


def _in_parts(places: Places, group: Group) -> int:
    """Give the most students of one group that can be covered: all, or what parts of a permitted size add up to."""
    offers = [places.known.offers[id_] for id_ in places.vertices_by_offer(places.class_of[group.id])]
    if any(offer.seats >= group.size for offer in offers):
        return group.size
    least, most = max(1, places.known.policy.min_part), max((offer.seats for offer in offers), default=0)
    return max((min(group.size, parts * most) for parts in range(1, group.size // least + 1)), default=0)


class Shortages:
    """Finds shortages; what has been counted once is kept."""

    def __init__(self, places: Places) -> None:
        self.places = places
        numbers = {offer.id: number for number, offer in enumerate(places.known.problem.offers)}
        self._reach = [
            sum(1 << numbers[id_] for id_ in places.vertices_by_offer(class_)) for class_ in range(len(places.classes))
        ]
        self._groups = [group.id for group in places.known.problem.groups]
        self._counted: dict[frozenset[int], Shortage | None] = {}
        self._found: dict[int, Shortage | None] = {}

    def around(self, group: str) -> Shortage | None:
        """Give the smallest set tried that binds this group, or None where none does."""
        class_ = self.places.class_of[group]
        if class_ not in self._found:
            self._found[class_] = next((s for s in map(self._count, self._sets(class_)) if s and s.holds), None)
        return self._found[class_]

    def _sets(self, class_: int) -> Iterator[list[int]]:
        """Give sets of classes around one, small ones first: those that need its offers and no others."""
        classes, reach = self.places.classes, self._reach[class_]
        yield [class_]
        closed = [other for other, mask in enumerate(self._reach) if mask & ~reach == 0]
        for same in (classes.availability, classes.school):
            yield [other for other in closed if same[other] == same[class_]]
        yield closed

    def _count(self, classes: list[int]) -> Shortage | None:
        key = frozenset(classes)
        if key not in self._counted:
            groups = [self._groups[number] for class_ in classes for number in self.places.classes.members[class_]]
            if len(groups) > MOST_GROUPS:
                return None
            enough = len(groups) > 1 and _Counting(self.places, groups).is_enough()
            self._counted[key] = None if enough else count_shortage(self.places, groups)
        return self._counted[key]
