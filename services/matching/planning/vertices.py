"""The few real choices of a problem: which offer, where, when, and which groups could then be there.

A *class* is a set of groups that no hard rule tells apart. A *vertex* is an offer, a place, a date and a run of
consecutive starts on the step during which the same classes are able to attend: inside the run the start does not
matter to anybody but the presenter. A county has some tens of thousands of vertices. Pure numpy, no solver.

Times are minutes as in `model.py`; sizes, seats and counts are whole students, groups and sessions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.geometry import KM_TOLERANCE, km_table, travel_minutes_table
from services.matching.planning.model import MINUTES_A_DAY, MODES, Offer, Problem

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
NO_SCHOOL = -1
# Twice the format's tolerance: a table and a scalar may differ in the last bit, and a vertex too many does no harm.
_REACH_TOLERANCE_KM = 2 * KM_TOLERANCE


@dataclass(frozen=True, slots=True)
class Classes:
    """Groups that no hard rule tells apart; all arrays have one entry for each class but `of_group`."""

    size: Integers
    count: Integers
    school: Integers
    availability: Integers
    members: tuple[tuple[int, ...], ...]
    of_group: Integers

    def __len__(self) -> int:
        return len(self.size)


@dataclass(frozen=True, slots=True)
class Vertices:
    """All vertices, ordered by offer, place and first start; the classes of vertex v are `classes[ptr[v]:ptr[v+1]]`.

    `first` and `last` are the earliest and the latest start (minutes, both on the step); `school` is the host of an
    in-school session, else -1. Within a vertex the classes are ordered by their school.
    """

    offer: Integers
    school: Integers
    day: Integers
    first: Integers
    last: Integers
    ptr: Integers
    classes: Integers

    def __len__(self) -> int:
        return len(self.offer)


def classes_of(problem: Problem, apart: Sequence[Hashable] | None = None) -> Classes:
    """Put interchangeable groups into classes; groups whose entries in `apart` differ are kept apart."""
    forbidden: dict[str, set[str]] = {}
    for rule in problem.forbidden:
        if rule.group is not None:
            forbidden.setdefault(rule.group, set()).add(rule.offer)
    schools = {school.id: index for index, school in enumerate(problem.schools)}
    keys: dict[Hashable, list[int]] = {}
    availabilities: dict[Hashable, int] = {}
    availability_of: list[int] = []
    for index, group in enumerate(problem.groups):
        seen = (group.school, frozenset(group.calendars))
        key = (
            seen,
            group.year,
            group.size,
            group.modes,
            group.adjustments,
            group.max_travel_km,
            group.may_split,
            frozenset(forbidden.get(group.id, ())),
            None if apart is None else apart[index],
        )
        if key not in keys:
            keys[key] = []
            availability_of.append(availabilities.setdefault(seen, len(availabilities)))
        keys[key].append(index)
    members = tuple(tuple(groups) for groups in keys.values())
    of_group = np.zeros(len(problem.groups), dtype=np.int64)
    for number, groups in enumerate(members):
        of_group[list(groups)] = number
    return Classes(
        size=_integers(problem.groups[groups[0]].size for groups in members),
        count=_integers(len(groups) for groups in members),
        school=_integers(schools[problem.groups[groups[0]].school] for groups in members),
        availability=_integers(availability_of),
        members=members,
        of_group=of_group,
    )


def _integers(values: object) -> Integers:
    return np.fromiter(values, dtype=np.int64)  # type: ignore[call-overload, no-any-return]  # any iterable of ints


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows laid end to end: those of owner i are at `ptr[i]:ptr[i+1]`."""

    start: Integers
    end: Integers
    ptr: Integers

    @classmethod
    def of(cls, problem: Problem, calendar_sets: Sequence[Sequence[str]]) -> _Windows:
        starts: list[int] = []
        ends: list[int] = []
        ptr = [0]
        for calendars in calendar_sets:
            windows = sorted({window for calendar in calendars for window in problem.calendars[calendar]})
            starts.extend(window.start for window in windows)
            ends.extend(window.end for window in windows)
            ptr.append(len(starts))
        return cls(np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64), np.array(ptr, dtype=np.int64))

    def rows_of(self, owners: Integers) -> tuple[Integers, Integers]:
        """Give the rows of these owners, and for each row the position of its owner in `owners`."""
        lengths = self.ptr[owners + 1] - self.ptr[owners]
        return laid_ranges(self.ptr[owners], lengths), np.repeat(np.arange(len(owners)), lengths)


def laid_ranges(starts: Integers, lengths: Integers) -> Integers:
    """Lay all whole numbers of each `[start, start + length)` one range after another."""
    total = int(lengths.sum())
    if total == 0:
        return np.zeros(0, dtype=np.int64)
    offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return offsets + np.arange(total)


class _Step:
    """The starts that are allowed: multiples of the step past each hour, numbered one after another."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        self.an_hour = -(-60 // minutes)

    def at_or_before(self, minute: Integers) -> Integers:
        numbers: Integers = (minute // 60) * self.an_hour + (minute % 60) // self.minutes
        return numbers

    def at_or_after(self, minute: Integers) -> Integers:
        numbers: Integers = self.at_or_before(minute) + ((minute % 60) % self.minutes != 0)
        return numbers

    def minute(self, number: Integers) -> Integers:
        minutes: Integers = (number // self.an_hour) * 60 + (number % self.an_hour) * self.minutes
        return minutes


class Eligibility:
    """Who may ever meet whom: all rules that do not depend on the time, reckoned for all classes at once."""

    def __init__(self, problem: Problem, classes: Classes) -> None:
        groups = [problem.groups[members[0]] for members in classes.members]
        self._problem = problem
        self._classes = classes
        self._year = _integers(group.year for group in groups)
        self._may_split = np.array([group.may_split for group in groups], dtype=bool)
        self._modes = {mode: np.array([mode in group.modes for group in groups], dtype=bool) for mode in MODES}
        needs: dict[frozenset[str], int] = {}
        self._need = _integers(needs.setdefault(group.adjustments, len(needs)) for group in groups)
        self._needs = list(needs)
        self._reach_km = np.array([float(group.max_travel_km) for group in groups])
        self._hosts = np.array([school.hosting_limit > 0 for school in problem.schools], dtype=bool)
        self._radius_km = {employer.id: float(employer.radius_km) for employer in problem.employers}
        self._schools = {school.id: index for index, school in enumerate(problem.schools)}
        self._forbidden: dict[str, list[int]] = {}
        self._forbidden_schools: dict[str, list[int]] = {}
        numbers = {group.id: index for index, group in enumerate(problem.groups)}
        for rule in problem.forbidden:
            if rule.group is not None:
                self._forbidden.setdefault(rule.offer, []).append(int(classes.of_group[numbers[rule.group]]))
            elif rule.school is not None:
                self._forbidden_schools.setdefault(rule.offer, []).append(self._schools[rule.school])
        positions = np.array([school.position for school in problem.schools], dtype=np.float64).reshape(-1, 2)
        places = np.array([offer.position for offer in problem.offers], dtype=np.float64).reshape(-1, 2)
        self.km = km_table(places, positions)
        self.travel = travel_minutes_table(problem.policy, places, positions, self.km)

    def of(self, number: int) -> Booleans:
        """Tell which classes offer `number` may meet, whenever that is."""
        offer, classes = self._problem.offers[number], self._classes
        able = self._modes[offer.mode] & np.isin(self._year, list(offer.years))
        able &= np.array([need <= offer.adjustments for need in self._needs], dtype=bool)[self._need]
        parts = self._may_split & (offer.seats >= self._problem.policy.min_part)
        able &= (classes.size <= offer.seats) | parts
        if offer.mode == "in_school":
            near = self.km[number] <= self._radius_km[offer.employer] + _REACH_TOLERANCE_KM
            able &= (near & self._hosts)[classes.school]
        elif offer.mode == "workplace":
            able &= self.km[number][classes.school] <= self._reach_km + _REACH_TOLERANCE_KM
        able[self._forbidden.get(offer.id, [])] = False
        able[np.isin(classes.school, self._forbidden_schools.get(offer.id, []))] = False
        return able


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Runs of starts, by step number and both ends included, in which an availability has a place and an offer."""

    school: Integers
    first: Integers
    last: Integers
    availability: Integers


def vertices_of(problem: Problem, classes: Classes) -> Vertices:
    """Find every vertex of a problem."""
    step = _Step(problem.policy.start_step_minutes)
    eligibility = Eligibility(problem, classes)
    representative = np.zeros(int(classes.availability.max(initial=-1)) + 1, dtype=np.int64)
    representative[classes.availability] = np.arange(len(classes))
    groups = [problem.groups[classes.members[number][0]] for number in representative]
    seen = _Windows.of(problem, [group.calendars for group in groups])
    offered = _Windows.of(problem, [offer.calendars for offer in problem.offers])
    school_of = classes.school[representative]
    parts = []
    for number, offer in enumerate(problem.offers):
        able = np.flatnonzero(eligibility.of(number))
        if len(able):
            travel = eligibility.travel[number] if offer.mode == "workplace" else None
            stretches = _stretches(
                step, offer, number, np.unique(classes.availability[able]), seen, offered, school_of, travel
            )
            parts.append(_cut(step, number, stretches, classes, able))
    return _joined(parts)


def _stretches(
    step: _Step,
    offer: Offer,
    number: int,
    availabilities: Integers,
    seen: _Windows,
    offered: _Windows,
    school_of: Integers,
    travel: Integers | None,
) -> _Stretches:
    """Meet each window of the offer with each window of these availabilities on the same date."""
    mine = slice(offered.ptr[number], offered.ptr[number + 1])
    days = offered.start[mine] // MINUTES_A_DAY
    rows, owner = seen.rows_of(availabilities)
    row_days = seen.start[rows] // MINUTES_A_DAY
    low, high = np.searchsorted(days, row_days, "left"), np.searchsorted(days, row_days, "right")
    rows, owner = np.repeat(rows, high - low), np.repeat(owner, high - low)
    meets = offered.ptr[number] + laid_ranges(low, high - low)
    availability = availabilities[owner]
    school = school_of[availability]
    journey = 0 if travel is None else travel[school]
    first = step.at_or_after(np.maximum(seen.start[rows] + journey, offered.start[meets]))
    last = step.at_or_before(np.minimum(seen.end[rows] - journey, offered.end[meets]) - offer.duration_minutes)
    keep = first <= last
    host = school if offer.mode == "in_school" else np.full(len(school), NO_SCHOOL)
    return _Stretches(host[keep], first[keep], last[keep], availability[keep])


def _cut(step: _Step, number: int, stretches: _Stretches, classes: Classes, able: Integers) -> Vertices:
    """Cut stretches where any of them begins or ends, and list who is there in each piece."""
    span = int(stretches.last.max(initial=0)) + 2
    shift = (stretches.school + 1) * span
    cuts = np.unique(np.concatenate((shift + stretches.first, shift + stretches.last + 1)))
    low = np.searchsorted(cuts, shift + stretches.first)
    lengths = np.searchsorted(cuts, shift + stretches.last + 1) - low
    pieces = laid_ranges(low, lengths)
    many = int(classes.availability.max(initial=0)) + 1
    there = np.unique(pieces * many + np.repeat(stretches.availability, lengths))
    piece, availability = there // many, there % many
    order = able[np.lexsort((classes.school[able], classes.availability[able]))]
    ordered = classes.availability[order]
    begin, end = np.searchsorted(ordered, availability, "left"), np.searchsorted(ordered, availability, "right")
    pairs = order[laid_ranges(begin, end - begin)]
    of_piece = np.repeat(piece, end - begin)
    by_school = np.lexsort((pairs, classes.school[pairs], of_piece))
    pairs, of_piece = pairs[by_school], of_piece[by_school]
    used, sizes = np.unique(of_piece, return_counts=True)
    first = step.minute(cuts[used] % span)
    return Vertices(
        offer=np.full(len(used), number, dtype=np.int64),
        school=cuts[used] // span - 1,
        day=first // MINUTES_A_DAY,
        first=first,
        last=step.minute(cuts[np.minimum(used + 1, len(cuts) - 1)] % span - 1),
        ptr=np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes))),
        classes=pairs,
    )


def _joined(parts: Sequence[Vertices]) -> Vertices:
    shifts = np.cumsum([0, *(len(part.classes) for part in parts)])

    def joined(columns: Iterable[Integers]) -> Integers:
        return np.concatenate([np.zeros(0, dtype=np.int64), *columns])

    return Vertices(
        offer=joined(part.offer for part in parts),
        school=joined(part.school for part in parts),
        day=joined(part.day for part in parts),
        first=joined(part.first for part in parts),
        last=joined(part.last for part in parts),
        ptr=joined(
            [np.zeros(1, dtype=np.int64), *(part.ptr[1:] + shift for part, shift in zip(parts, shifts, strict=False))]
        ),
        classes=joined(part.classes for part in parts),
    )
