"""Classes of interchangeable groups on a board, and which of them are able at each vertex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.search.board import Board

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Classes:
    """Interchangeable groups: the classes able at vertex v are `able[first[v]:first[v + 1]]`, ordered by their school."""

    size: Ints
    school: Ints
    first: Ints
    able: Ints

    @classmethod
    def of(cls, board: Board) -> Classes:
        """Gather the classes of a board."""
        count = int(board.g_class.max()) + 1 if len(board.g_class) else 0
        size, school = np.zeros(count, np.int64), np.zeros(count, np.int64)
        size[board.g_class], school[board.g_class] = board.g_size, board.g_school
        by_school = np.argsort(school, kind="stable")
        place = np.empty(count, np.int64)
        place[by_school] = np.arange(count)
        vertex = np.repeat(np.arange(len(board.v_offer)), np.diff(board.vg_first))
        pairs = np.unique(vertex * max(count, 1) + place[board.g_class[board.v_group]])
        lengths = np.bincount(pairs // max(count, 1), minlength=len(board.v_offer))
        first = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        return cls(size, school, first, by_school[pairs % max(count, 1)].astype(np.int64))
