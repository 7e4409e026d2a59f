"""Occasions: what an offer can be at one place for the same groups, on whatever date; and how its sessions can be filled.

All dates of an occasion share its fillings, so that a program lists them once. Where an occasion has few *fullest* fillings
(whole groups, to which no further group can be added), each is a variable, and rounding is left to them. Where it has many,
or groups come in parts, how many of each class come to all of its sessions together are variables, within the seats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import allocating
from services.matching.planning.fillings import UNLIMITED

Ints = NDArray[np.int64]
MOST_FILLINGS = 300
STEPS_A_FILLING = 30


@dataclass(frozen=True)
class Crowd:
    """The students to be seated: each class with the size of its groups, how many groups are free, and its school.

    `students` of a class can still be covered: all of its free groups, fewer where a group has a part elsewhere.
    `least_part` is the fewest students of a group that may come as a part of it.
    """

    size: Ints
    free: Ints
    school: Ints
    students: Ints
    least_part: int

    @classmethod
    def at_home(cls, size: Ints, free: Ints, school: Ints, least_part: int) -> Crowd:
        """Return a crowd of whole groups, none of which has a part elsewhere."""
        return cls(size, free, school, size * free, least_part)


@dataclass(frozen=True)
class Occasion:
    """Some vertices (by position) with one offer, one place and the same free classes, ordered by their school.

    `fillings` has a row for each fullest filling and a column for each class, in groups; None where they are not listed.
    """

    vertices: Ints
    classes: Ints
    seats: int
    most_schools: int
    fillings: Ints | None


@allocating
def _fullest(size: Ints, free: Ints, school: Ints, seats: int, most_schools: int, most: int) -> tuple[Ints, bool]:
    """List the fullest fillings by whole groups of these classes, ordered by school; tell whether these are all."""
    kinds = len(size)
    found = np.empty((most, kinds), np.int64)
    count = 0
    chosen = np.zeros(kinds, np.int64)
    left = np.empty(kinds + 1, np.int64)
    schools = np.zeros(kinds + 1, np.int64)
    last = np.full(kinds + 1, -1, np.int64)
    left[0] = seats
    at, entering = 0, True
    for _ in range(most * STEPS_A_FILLING):
        if entering:
            can_open = school[at] == last[at] or most_schools == UNLIMITED or schools[at] < most_schools
            chosen[at] = min(free[at], left[at] // size[at]) if can_open else 0
        if chosen[at] < 0:
            at -= 1
            if at < 0:
                return found[:count].copy(), True
            chosen[at] -= 1
            entering = False
            continue
        left[at + 1] = left[at] - chosen[at] * size[at]
        opened = chosen[at] > 0 and school[at] != last[at]
        schools[at + 1] = schools[at] + (1 if opened else 0)
        last[at + 1] = school[at] if chosen[at] > 0 else last[at]
        if at < kinds - 1:
            at += 1
            entering = True
            continue
        full = True
        for k in range(kinds):
            if chosen[k] < free[k] and size[k] <= left[kinds]:
                there = most_schools == UNLIMITED or schools[kinds] < most_schools
                for j in range(kinds):
                    there = there or (chosen[j] > 0 and school[j] == school[k])
                full = full and not there
        if full:
            if count == most:
                return found[:count].copy(), False
            found[count] = chosen
            count += 1
        chosen[at] = -1
        entering = False
    return found[:count].copy(), False


def occasions_of(
    crowd: Crowd,
    offers: Ints,
    schools: Ints,
    seats: Ints,
    most_schools: Ints,
    first: Ints,
    able: Ints,
    *,
    roughly: bool = False,
) -> list[Occasion]:
    """Put vertices together that have the same offer, place and classes; those of vertex v are `able[first[v]:first[v + 1]]`.

    Where fillings can't be listed, `roughly` lets the sessions of several dates share their seats: a smaller program that
    allows more, for a bound.
    """
    alike: dict[tuple[int, int, bytes], list[int]] = {}
    bounds = first.tolist()
    for vertex, (offer, school) in enumerate(zip(offers.tolist(), schools.tolist(), strict=True)):
        mine = able[bounds[vertex] : bounds[vertex + 1]]
        if len(mine):
            alike.setdefault((offer, school, mine.tobytes()), []).append(vertex)
    return [
        occasion
        for vertices in alike.values()
        for occasion in _occasions(crowd, vertices, seats, most_schools, first, able, roughly=roughly)
    ]


def _occasions(
    crowd: Crowd,
    vertices: Sequence[int],
    seats: Ints,
    most_schools: Ints,
    first: Ints,
    able: Ints,
    *,
    roughly: bool,
) -> list[Occasion]:
    """Return these vertices as one occasion where its fillings can be listed, else each as its own."""
    one = vertices[0]
    classes = able[first[one] : first[one + 1]]
    room, schools = int(seats[one]), int(most_schools[one])
    fillings = None
    if (crowd.size[classes] <= room).all():
        size, free, school = crowd.size[classes], crowd.free[classes], crowd.school[classes]
        found, complete = _fullest(size, free, school, room, schools, MOST_FILLINGS)
        fillings = found if complete else None
    together = [vertices] if roughly or fillings is not None else [[vertex] for vertex in vertices]
    return [Occasion(np.array(some, dtype=np.int64), classes, room, schools, fillings) for some in together]
