"""The columns of the master program: whole sessions with their groups, found by filling vertices at some prices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from services.matching.planning.bound.cliques import SessionRows
from services.matching.planning.bound.outline import Outline
from services.matching.planning.bound.prices import Floats, PriceRows
from services.matching.planning.fillings import fillings
from services.matching.planning.relaxation import Prices, Relaxation
from services.matching.planning.vertices import Integers, laid_ranges

# Columns are also taken of vertices whose best filling misses its price by so many students.
NEAR_STUDENTS = 0.5
# Less of a session than this is no hint that it should be held.
LEAST_SHARE = 0.05


class Columns:
    """Sessions found so far, each once, as a sparse matrix over the price rows and then the presenters' rows."""

    def __init__(self, relaxation: Relaxation, rows: PriceRows, sessions: SessionRows) -> None:
        self._relaxation = relaxation
        self._rows = rows
        self._sessions = sessions
        self._weights = np.random.default_rng(7).integers(1, 2**62, len(relaxation.classes) + 1, dtype=np.int64)
        self._known: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.limits = np.concatenate((rows.limits, sessions.limits))
        self.students: Floats = np.zeros(0)
        self.vertices: Integers = np.zeros(0, dtype=np.int64)
        self.matrix = sparse.csc_matrix((len(self.limits), 0))

    def add_best(self, prices: Prices) -> int:
        """Fill every vertex that (nearly) pays at these prices; give how many sessions are new."""
        near = replace(prices, offers=np.maximum(prices.offers - int(NEAR_STUDENTS * prices.scale), 0))
        relaxation = self._relaxation
        vertices = relaxation.vertices
        selected = np.flatnonzero(relaxation.gains(near))
        if not len(selected):
            return 0
        students = fillings(
            selected,
            vertices.ptr,
            vertices.classes,
            relaxation.seats,
            relaxation.most_schools,
            relaxation.classes.school,
            relaxation.min_part,
            relaxation.classes.size,
            relaxation.classes.count,
            np.maximum(prices.scale - prices.classes, 0),
        )
        lengths = vertices.ptr[selected + 1] - vertices.ptr[selected]
        classes = vertices.classes[laid_ranges(vertices.ptr[selected], lengths)]
        column = np.repeat(np.arange(len(selected)), lengths)
        names = selected * self._weights[-1]
        np.add.at(names, column, students * self._weights[classes])  # wraps around, as a hash may
        fresh = np.zeros(len(selected), dtype=bool)
        fresh[np.unique(names, return_index=True)[1]] = True
        fresh &= ~np.isin(names, self._known)
        fresh &= np.bincount(column, weights=students, minlength=len(selected)) > 0
        self._known = np.concatenate((self._known, names[fresh]))
        number = np.cumsum(fresh) - 1
        taken = fresh[column] & (students > 0)
        self._append(selected[fresh], number[column[taken]], classes[taken], students[taken])
        return int(fresh.sum())

    def keep(self, kept: Integers) -> None:
        """Forget all columns but these; a forgotten one may be found again."""
        self.matrix = self.matrix[:, kept]
        self.students = self.students[kept]
        self.vertices = self.vertices[kept]
        self._known = self._known[kept]

    def _append(self, vertices: Integers, column: Integers, classes: Integers, students: Integers) -> None:
        relaxation, ends = self._relaxation, self._rows.ends
        every = np.arange(len(vertices))
        paying = self._rows.most[ends[1] + relaxation.employer[vertices]] > 0
        dated = relaxation.employer_day[vertices] >= 0
        session_column, session_row = self._sessions.rows_of(vertices)
        row = np.concatenate(
            (
                classes,
                ends[0] + relaxation.vertices.offer[vertices],
                ends[1] + relaxation.employer[vertices[paying]],
                ends[2] + relaxation.employer_day[vertices[dated]],
                ends[3] + session_row,
            )
        )
        columns = np.concatenate((column, every, every[paying], every[dated], session_column))
        ones = np.ones(len(columns) - len(column))
        added = sparse.coo_matrix(
            (np.concatenate((students.astype(np.float64), ones)), (row, columns)),
            shape=(len(self.limits), len(vertices)),
        ).tocsc()
        self.matrix = sparse.hstack((self.matrix, added), format="csc")
        worth = np.bincount(column, weights=students, minlength=len(vertices))
        self.students = np.concatenate((self.students, worth))
        self.vertices = np.concatenate((self.vertices, vertices))

    def outline(self, shares: Floats) -> Outline:
        """Give the sessions of which some part is held, when the first columns are held in these shares."""
        chosen = np.flatnonzero(shares > LEAST_SHARE)
        vertices, classes = self._relaxation.vertices, self._relaxation.classes
        part = self.matrix[: len(classes), chosen].tocsc()
        stands_for = np.array([members[0] for members in classes.members], dtype=np.int64)
        at = self.vertices[chosen]
        return Outline(
            shares[chosen],
            vertices.offer[at],
            vertices.school[at],
            vertices.first[at],
            vertices.last[at],
            part.indptr.astype(np.int64),
            stands_for[part.indices],
            np.rint(part.data).astype(np.int64),
        )
