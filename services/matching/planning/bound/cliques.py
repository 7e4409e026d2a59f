"""What presenters can do in a day, as rows of the master program; the certificate does without them.

For each presenter and date: no more sessions than the longest day has, and at most one session of each set of vertices
no two of which fit into one day, whatever their starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import allocating
from services.matching.planning.model import MINUTES_A_DAY
from services.matching.planning.relaxation import Relaxation
from services.matching.planning.vertices import Integers, laid_ranges


@dataclass(frozen=True, slots=True)
class SessionRows:
    """Rows that count sessions: those of vertex v are `rows[ptr[v]:ptr[v+1]]`, row r allows `limits[r]` sessions."""

    ptr: Integers
    rows: Integers
    limits: Integers

    @classmethod
    def of(cls, relaxation: Relaxation) -> SessionRows:
        """Find the rows of every presenter and date."""
        days = relaxation.days
        most, _ = relaxation.best_days(np.ones(len(relaxation.vertices), dtype=np.int64))
        vertices = [days.order]
        rows = [np.repeat(np.arange(len(most)), np.diff(days.ptr))]
        limits = [most]
        at = len(most)
        for day in np.flatnonzero(most > 1).tolist():
            for clique in _cliques_of(relaxation, day):
                vertices.append(clique)
                rows.append(np.full(len(clique), at))
                at += 1
        limits.append(np.ones(at - len(most), dtype=np.int64))
        vertex, row = np.concatenate(vertices), np.concatenate(rows)
        order = np.lexsort((row, vertex))
        counts = np.bincount(vertex, minlength=len(relaxation.vertices))
        ptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))
        return cls(ptr, row[order], np.concatenate(limits))

    def rows_of(self, vertices: Integers) -> tuple[Integers, Integers]:
        """Give the rows of these vertices, each with its vertex's position in `vertices`."""
        lengths = self.ptr[vertices + 1] - self.ptr[vertices]
        return np.repeat(np.arange(len(vertices)), lengths), self.rows[laid_ranges(self.ptr[vertices], lengths)]


def _cliques_of(relaxation: Relaxation, day: int) -> list[Integers]:
    days, vertices = relaxation.days, relaxation.vertices
    mine = days.order[days.ptr[day] : days.ptr[day + 1]]
    mine = mine[np.argsort(vertices.first[mine], kind="stable")]
    midnight = vertices.day[mine] * MINUTES_A_DAY
    side = int(days.places[day])
    travel = days.travel[days.travel_at[day] : days.travel_at[day] + side * side].reshape(side, side)
    members = _cliques(
        vertices.first[mine] - midnight,
        vertices.last[mine] - midnight,
        relaxation.minutes[mine],
        days.place[mine],
        travel,
        relaxation.step,
    )
    distinct = {row.tobytes(): row for row in members if row.sum() > 1}
    return [mine[row] for row in distinct.values()]


@allocating
def _earliest_after(start: int, minutes: int, journey: int, step: int) -> int:
    ready = start + minutes + journey
    while (ready % 60) % step != 0:
        ready += 1
    return ready


@allocating
def _cliques(
    first: Integers, last: Integers, minutes: Integers, place: Integers, travel: NDArray[np.int32], step: int
) -> Any:
    """Grow a clique of conflicts from each vertex, next in time first: one row of members for each vertex."""
    n = len(first)
    apart = np.zeros((n, n), np.bool_)
    for i in range(n):
        for j in range(n):
            apart[i, j] = _earliest_after(first[i], minutes[i], travel[place[i], place[j]], step) > last[j]
    conflict = apart & apart.T
    members = np.zeros((n, n), np.bool_)
    for seed in range(n):
        if not conflict[seed, seed]:
            continue
        members[seed, seed] = True
        for distance in range(1, n):
            other = (seed + distance) % n
            fits = conflict[other, other]
            for k in range(n):
                fits = fits and (not members[seed, k] or conflict[k, other])
            members[seed, other] = fits
    return members
