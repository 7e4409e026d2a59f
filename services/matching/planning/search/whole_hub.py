"""A bound from a search, and a plan with it: the whole hub as one program over the certificate's relaxation, with every session whole.

The certified bound may hold half a session here and half a session there; a solver that branches shows that less is
possible, but nobody can recount that. What the relaxation leaves out is left out here too, presenters' days are kept by
cliques alone, and dates may share seats where fillings are too many to be listed: all of it only allows more. So what the
solver found is no timetable yet; held on the board, session by session where the rules allow, nearly all of it stands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.bound.cliques import SessionRows
from services.matching.planning.model import Problem
from services.matching.planning.relaxation import Relaxation, relax
from services.matching.planning.search.conflicts import Rows
from services.matching.planning.search.occasions import Crowd, occasions_of
from services.matching.planning.search.rows import Rows as PlanRows
from services.matching.planning.search.seating import Wanted
from services.matching.planning.search.sittings import Floors, Items, Sitting, Sittings

Ints = NDArray[np.int64]
TOLERANCE = 0.01
"""What the solver's own tolerances may leave out of a bound, in students: 1e-7 for each of some ten thousand."""


class WholeHub:
    """The program of one problem."""

    def __init__(self, problem: Problem) -> None:
        self._relaxation = relaxation = relax(problem)
        classes, vertices = relaxation.classes, relaxation.vertices
        crowd = Crowd.at_home(classes.size, classes.count, classes.school, relaxation.min_part)
        occasions = occasions_of(
            crowd, vertices.offer, vertices.school, relaxation.seats, relaxation.most_schools, vertices.ptr,
            vertices.classes, roughly=True,
        )  # fmt: skip
        self._sittings = Sittings(crowd, _items(relaxation), occasions, Floors.none())

    def search(self, rows: PlanRows, seconds: float) -> tuple[int | None, list[Wanted]]:
        """Search for so many seconds, from a plan that is known: no timetable covers more students than is returned.

        None where the time was too short to say anything. What comes with it is the best that the solver has found.
        """
        sittings = self._sittings
        point, limit = sittings.program.best(sittings.integral(), sittings.hint(self._known(rows)), seconds, None)
        bound = int(np.floor(limit + TOLERANCE)) if np.isfinite(limit) else None
        return bound, [] if point is None else self._wanted(sittings.chosen(point))

    def _wanted(self, sittings: list[Sitting]) -> list[Wanted]:
        vertices, classes, crowd = self._relaxation.vertices, self._relaxation.classes, self._sittings.crowd
        come = np.zeros(len(crowd.size), np.int64)
        for sitting in sittings:
            come[sitting.classes] += sitting.students
        fully = (come >= crowd.students).astype(np.int64)
        stands_for = np.array([members[0] for members in classes.members], dtype=np.int64)
        return [
            Wanted(
                int(vertices.offer[one.item]),
                int(vertices.school[one.item]),
                int(vertices.first[one.item]),
                int(vertices.last[one.item]),
                stands_for[one.classes],
                one.students,
                fully[one.classes],
            )
            for one in sittings
        ]

    def _known(self, rows: PlanRows) -> list[Sitting]:
        """Find each session of a plan among the vertices."""
        vertices, classes = self._relaxation.vertices, self._relaxation.classes
        offer, start, school, group, students = rows[:, :5].astype(np.int64).T
        sessions, which = np.unique(np.stack((offer, school, start)), axis=1, return_inverse=True)
        found = []
        for number, (of, at, when) in enumerate(sessions.T.tolist()):
            mine = which.ravel() == number
            there = (vertices.offer == of) & (vertices.school == at)
            there &= (vertices.first <= when) & (vertices.last >= when)
            if there.any():
                kinds, place = np.unique(classes.of_group[group[mine]], return_inverse=True)
                come = np.bincount(place, weights=students[mine]).astype(np.int64)
                found.append(Sitting(int(np.flatnonzero(there)[0]), kinds, come))
        return found


def _items(relaxation: Relaxation) -> Items:
    """Let every vertex be held as often as its starts leave time for, and the rows over vertices allow: presenters' days, totals, employers' dates."""
    sessions, count, rows = SessionRows.of(relaxation), len(relaxation.vertices), Rows()
    rows.add(sessions.rows, np.repeat(np.arange(count), np.diff(sessions.ptr)), sessions.limits)
    for key, limit in (
        (relaxation.vertices.offer, relaxation.offer_sessions),
        (relaxation.employer, relaxation.employer_sessions),
        (relaxation.employer_day, relaxation.employer_day_sessions),
    ):
        limited = np.flatnonzero(key >= 0)
        limited = limited[limit[key[limited]] >= 0]
        rows.add(key[limited], limited, np.maximum(limit, 0))
    vertices = relaxation.vertices
    one_after_another = 1 + (vertices.last - vertices.first) // relaxation.minutes
    most = np.minimum(np.maximum(relaxation.offer_sessions, 0)[vertices.offer], one_after_another)
    return Items(np.arange(count), most, *rows.arrays())
