"""The published relaxation of a problem, in which every timetable that keeps the hard rules has its like.

What stays: each group is counted once, and only if a session takes it; a session holds whole groups (or parts) of
groups able to attend at its start, within its seats and schools; an offer's and an employer's sessions are limited; a
presenter's day is a sequence of sessions with journeys between them. What is left out can only allow more: a group's
other encounters and its one attendance a day, hosting limits, pins. `schemas/certificate.md` states it in full.

Prices turn it into independent small problems that counting solves (`fillings.py`). Never imports a solver.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.fillings import UNLIMITED, best_days, gains
from services.matching.planning.geometry import travel_minutes_table
from services.matching.planning.model import MINUTES_A_DAY, Problem
from services.matching.planning.vertices import Classes, Integers, Vertices, classes_of, vertices_of


@dataclass(frozen=True, slots=True)
class Days:
    """Each presenter's dates: the vertices of day d are `order[ptr[d]:ptr[d+1]]`; see `fillings.best_days`."""

    ptr: Integers
    order: Integers
    most_sessions: Integers
    place: Integers
    travel: NDArray[np.int32]
    travel_at: Integers
    places: Integers


@dataclass(frozen=True, slots=True)
class Prices:
    """What one student of each class, one session of each offer, employer, and employer's date costs; none negative.

    All on one scale: `scale` is the worth of one student covered.
    """

    scale: Any
    classes: NDArray[Any]
    offers: NDArray[Any]
    employers: NDArray[Any]
    employer_days: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A problem's relaxation as arrays: `seats` to `employer_day` have one entry for each vertex.

    `offer_sessions` and `employer_sessions` are the most sessions of each (-1: no limit); an employer's dates that need
    a price of their own (several presenters and a limit a day) are `employer_days` of (employer, date), with their
    limits in `employer_day_sessions`.
    """

    classes: Classes
    vertices: Vertices
    seats: Integers
    most_schools: Integers
    minutes: Integers
    employer: Integers
    employer_day: Integers
    offer_sessions: Integers
    employer_sessions: Integers
    employer_days: tuple[tuple[int, int], ...]
    employer_day_sessions: Integers
    days: Days
    min_part: int
    step: int

    def session_price(self, prices: Prices) -> NDArray[Any]:
        """Give the price of one session at each vertex."""
        total = prices.offers[self.vertices.offer] + prices.employers[self.employer]
        dated = self.employer_day >= 0
        total[dated] += prices.employer_days[self.employer_day[dated]]
        return np.asarray(total)

    def gains(self, prices: Prices) -> NDArray[Any]:
        """Give what the best filling of each vertex brings above the price of its session, at least 0."""
        worth = np.maximum(prices.scale - prices.classes, 0)
        if not len(self.vertices):
            return np.zeros(0, dtype=worth.dtype)
        found: NDArray[Any] = gains(
            self.vertices.ptr,
            self.vertices.classes,
            self.seats,
            self.most_schools,
            self.session_price(prices),
            self.classes.school,
            self.min_part,
            self.classes.size,
            self.classes.count,
            worth,
        )
        return found

    def best_days(self, gain: NDArray[Any]) -> tuple[NDArray[Any], Integers]:
        """Plan the best day of every presenter and date: the gain of each, and how often each vertex is used."""
        uses = np.zeros(len(self.vertices), dtype=np.int64)
        days, vertices = self.days, self.vertices
        if not len(vertices):
            return np.zeros(0, dtype=gain.dtype), uses
        midnight = vertices.day * MINUTES_A_DAY
        totals: NDArray[Any] = best_days(
            days.ptr,
            days.order,
            days.most_sessions,
            vertices.first - midnight,
            vertices.last - midnight,
            self.minutes,
            days.place,
            gain,
            days.travel,
            days.travel_at,
            days.places,
            self.step,
            uses,
        )
        return totals, uses

    def fixed_cost(self, prices: Prices) -> Any:
        """Give the part of the bound that the prices alone make, exact where the prices are whole numbers."""
        return (
            _product(self.classes.size * self.classes.count, prices.classes)
            + _product(self.offer_sessions, prices.offers)
            + _product(self.employer_sessions, prices.employers)
            + _product(self.employer_day_sessions, prices.employer_days)
        )

    def bound(self, prices: Prices) -> Any:
        """Give the bound of these prices, in their scale: no timetable covers more (weak duality)."""
        totals, _ = self.best_days(self.gains(prices))
        return self.fixed_cost(prices) + sum(totals.tolist())


def _product(limits: Integers, prices: NDArray[Any]) -> Any:
    return sum(limit * price for limit, price in zip(limits.tolist(), prices.tolist(), strict=True) if price)


def relax(problem: Problem, apart: Sequence[Hashable] | None = None) -> Relaxation:
    """Build the relaxation of a problem; groups whose entries in `apart` differ are never put into one class."""
    classes = classes_of(problem, apart)
    vertices = vertices_of(problem, classes)
    offers = problem.offers
    employers = {employer.id: index for index, employer in enumerate(problem.employers)}
    presenters: dict[str, int] = {}
    presenter = _integers(presenters.setdefault(offer.presenter, len(presenters)) for offer in offers)
    employer_of = _integers(employers[offer.employer] for offer in offers)
    per_day = _integers(_limit(employer.max_sessions_per_day) for employer in problem.employers)
    employer = employer_of[vertices.offer]
    keys, employer_day = _employer_days(employer, presenter[vertices.offer], vertices.day, per_day)
    return Relaxation(
        classes=classes,
        vertices=vertices,
        seats=_integers(offer.seats for offer in offers)[vertices.offer],
        most_schools=_integers(_limit(_schools(offer.mode, offer.max_schools)) for offer in offers)[vertices.offer],
        minutes=_integers(offer.duration_minutes for offer in offers)[vertices.offer],
        employer=employer,
        employer_day=employer_day,
        offer_sessions=_integers(offer.max_sessions for offer in offers),
        employer_sessions=_integers(_limit(employer.max_sessions) for employer in problem.employers),
        employer_days=keys,
        employer_day_sessions=per_day[[number for number, _ in keys]],
        days=_days(problem, vertices, presenter, employer_of, per_day),
        min_part=problem.policy.min_part,
        step=problem.policy.start_step_minutes,
    )


def _integers(values: Any) -> Integers:
    return np.fromiter(values, dtype=np.int64)


def _limit(most: int | None) -> int:
    return UNLIMITED if most is None else most


def _schools(mode: str, most: int | None) -> int | None:
    """Give the most schools of a session; an in-school one has a single school by its vertex already."""
    return None if mode == "in_school" else most


def _employer_days(
    employer: Integers, presenter: Integers, day: Integers, per_day: Integers
) -> tuple[tuple[tuple[int, int], ...], Integers]:
    """Find the dates on which an employer with a limit a day has several presenters, and the vertices of each."""
    rows: dict[tuple[int, int], int] = {}
    first_presenter: dict[tuple[int, int], int] = {}
    for key in zip(employer.tolist(), day.tolist(), presenter.tolist(), strict=True):
        date, who = key[:2], key[2]
        if per_day[date[0]] != UNLIMITED and first_presenter.setdefault(date, who) != who:
            rows.setdefault(date, len(rows))
    dates = zip(employer.tolist(), day.tolist(), strict=True)
    return tuple(rows), _integers(rows.get(date, -1) for date in dates)


def _days(problem: Problem, vertices: Vertices, presenter: Integers, employer_of: Integers, per_day: Integers) -> Days:
    """Order the vertices by presenter and date; a presenter of one employer also has that employer's limit a day."""
    owner = presenter[vertices.offer]
    order = np.lexsort((np.arange(len(owner)), vertices.day, owner))
    changes = np.flatnonzero(np.diff(owner[order]) | np.diff(vertices.day[order])) + 1
    ptr = np.concatenate((np.zeros(1, dtype=np.int64), changes, np.full(1 if len(order) else 0, len(order))))
    employers: dict[int, set[int]] = {}
    for who, whose in zip(presenter.tolist(), employer_of.tolist(), strict=True):
        employers.setdefault(who, set()).add(whose)
    limits = {who: int(per_day[min(whose)]) if len(whose) == 1 else UNLIMITED for who, whose in employers.items()}
    firsts = owner[order[ptr[:-1]]]
    place, travel, travel_at, places = _journeys(problem, vertices, owner)
    return Days(
        ptr=ptr,
        order=order,
        most_sessions=_integers(limits[who] for who in firsts.tolist()),
        place=place,
        travel=travel,
        travel_at=travel_at[firsts],
        places=places[firsts],
    )


def _journeys(
    problem: Problem, vertices: Vertices, owner: Integers
) -> tuple[Integers, NDArray[np.int32], Integers, Integers]:
    """Give numbers to each presenter's places and lay the tables of journeys between them end to end.

    A virtual session has no place: it takes the last number, from and to which no journey takes time.
    """
    nowhere = -1
    where: list[dict[int, int]] = [{} for _ in range(int(owner.max(initial=-1)) + 1)]
    place = np.zeros(len(vertices), dtype=np.int64)
    modes = [offer.mode for offer in problem.offers]
    for v, (who, offer, school) in enumerate(
        zip(owner.tolist(), vertices.offer.tolist(), vertices.school.tolist(), strict=True)
    ):
        name = school if school >= 0 else nowhere if modes[offer] == "virtual" else len(problem.schools) + offer
        place[v] = where[who].setdefault(name, len(where[who]))
    tables, starts, sizes = [np.zeros(0, dtype=np.int32)], [], []
    at = 0
    positions = [school.position for school in problem.schools] + [offer.position for offer in problem.offers]
    for names in where:
        points = np.array([positions[max(name, 0)] for name in names], dtype=np.float64).reshape(-1, 2)
        table = travel_minutes_table(problem.policy, points, points)
        if nowhere in names:
            table[names[nowhere], :] = 0
            table[:, names[nowhere]] = 0
        tables.append(table.astype(np.int32).ravel())
        starts.append(at)
        sizes.append(len(names))
        at += len(names) ** 2
    return place, np.concatenate(tables), np.array(starts, dtype=np.int64), np.array(sizes, dtype=np.int64)
