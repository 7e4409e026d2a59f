"""The program over all fullest fillings: what it lists, what it allows, and that its bound is true."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.planning.fillings import UNLIMITED
from services.matching.planning.search import occasions
from services.matching.planning.search.occasions import Crowd, occasions_of
from services.matching.planning.search.sittings import Floors, Items, Sitting, Sittings, reachable


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def one_offer(
    crowd: Crowd, vertices: int, seats: int, most_schools: int, *, roughly: bool = False
) -> list[occasions.Occasion]:
    """Let all classes be able at each of so many vertices of one offer."""
    classes = len(crowd.size)
    return occasions_of(
        crowd, np.zeros(vertices, np.int64), np.full(vertices, -1), np.full(vertices, seats), np.full(vertices, most_schools),
        np.arange(vertices + 1) * classes, np.tile(np.arange(classes), vertices), roughly=roughly,
    )  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=4),
    st.integers(9, 20),
    st.sampled_from([UNLIMITED, 1, 2]),
)
def test_the_fullest_fillings_are_those_to_which_nothing_can_be_added(
    classes: list[tuple[int, int, int]], seats: int, most_schools: int
) -> None:
    size, free, school = (ints(*column) for column in zip(*sorted(classes, key=lambda one: one[2]), strict=True))
    (occasion,) = one_offer(Crowd.at_home(size, free, school, 5), 1, seats, most_schools)

    def fits(counts: tuple[int, ...]) -> bool:
        schools = {int(school[k]) for k, count in enumerate(counts) if count}
        return sum(size * counts) <= seats and (most_schools == UNLIMITED or len(schools) <= most_schools)

    every = [counts for counts in product(*(range(count + 1) for count in free)) if fits(counts)]
    fullest = {
        counts
        for counts in every
        if not any(other != counts and all(a >= b for a, b in zip(other, counts, strict=True)) for other in every)
    }
    assert occasion.fillings is not None
    assert sorted(fullest) == sorted(tuple(row) for row in occasion.fillings.tolist())
    assert reachable(size, free, seats) == max(
        sum(size * counts) for counts in product(*(range(count + 1) for count in free)) if sum(size * counts) <= seats
    )


def test_dates_share_an_occasion_only_where_its_fillings_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd.at_home(ints(4, 5), ints(3, 3), ints(0, 0), 5)
    assert len(one_offer(crowd, 3, 12, UNLIMITED)) == 1
    monkeypatch.setattr(occasions, "MOST_FILLINGS", 1)
    assert [one.fillings for one in one_offer(crowd, 3, 12, UNLIMITED)] == [None, None, None]
    assert len(one_offer(crowd, 3, 12, UNLIMITED, roughly=True)) == 1


@pytest.mark.parametrize("listed", [300, 1])
def test_a_program_seats_all_whom_the_seats_allow_and_says_how(listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seats of 12 take 5 + 7 and 4 + 4 + 4 exactly; the last session is left with what there is."""
    monkeypatch.setattr(occasions, "MOST_FILLINGS", listed)
    crowd = Crowd.at_home(ints(4, 5, 7), ints(3, 1, 2), ints(0, 0, 1), 5)
    found = one_offer(crowd, 3, 12, UNLIMITED)
    items = Items(ints(0, 1, 2), ints(1, 1, 1), ints(0, 0, 0), ints(0, 1, 2), ints(3))
    sittings = Sittings(crowd, items, found, Floors.none())
    hint = sittings.hint([Sitting(1, ints(1, 2), ints(5, 7))])
    program = sittings.program
    assert program.worth @ hint == pytest.approx(12)
    assert (program.matrix @ hint <= program.limit + 1e-9).all()
    assert (hint <= program.high).all()
    point, limit = program.best(sittings.integral(), hint, 20.0, None)
    assert point is not None
    assert program.worth @ point == pytest.approx(31)
    assert round(limit) == 31
    chosen = sittings.chosen(point)
    come = np.zeros(3, np.int64)
    for sitting in chosen:
        assert sitting.students.sum() <= 12
        np.add.at(come, sitting.classes, sitting.students)
    assert np.minimum(come, crowd.size * crowd.free).sum() == 31


def test_sessions_at_two_starts_of_one_date_share_whoever_comes_within_their_seats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(occasions, "MOST_FILLINGS", 0)
    crowd = Crowd.at_home(ints(4, 6), ints(3, 2), ints(0, 1), 5)
    items = Items(ints(0, 0), ints(1, 1), ints(0, 0), ints(0, 1), ints(2))
    sittings = Sittings(crowd, items, one_offer(crowd, 1, 12, UNLIMITED), Floors.none())
    point, _ = sittings.program.best(sittings.integral(), sittings.hint([]), 20.0, None)
    assert point is not None
    assert sorted(one.students.tolist() for one in sittings.chosen(point)) == [[12], [12]]


def test_a_session_of_one_school_at_a_time_takes_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd, items = (
        Crowd.at_home(ints(6, 6), ints(1, 1), ints(0, 1), 5),
        Items(ints(0), ints(1), ints(0), ints(0), ints(1)),
    )
    for listed, most_schools, covered in ((300, 1, 6), (300, 2, 12), (0, 1, 6), (0, 2, 12)):
        monkeypatch.setattr(occasions, "MOST_FILLINGS", listed)
        sittings = Sittings(crowd, items, one_offer(crowd, 1, 12, most_schools), Floors.none())
        point, _ = sittings.program.best(sittings.integral(), sittings.hint([]), 20.0, None)
        assert point is not None
        assert sittings.program.worth @ point == pytest.approx(covered)


@pytest.mark.parametrize(("apart", "said", "seated"), [(False, 25, 22), (True, 24, 24)])
def test_sessions_that_are_apart_say_no_more_than_can_be_seated(*, apart: bool, said: int, seated: int) -> None:
    """Two sessions of 13 seats at one vertex, for three groups of 3, three of 7 and two of 8: together they seem to hold 25."""
    crowd = Crowd.at_home(ints(3, 7, 8), ints(3, 3, 2), ints(0, 0, 0), 1)
    items = Items(ints(0, 0), ints(1, 1), ints(0, 1), ints(0, 1), ints(1, 1))
    occasion = occasions.Occasion(ints(0), np.arange(3), 13, UNLIMITED, None)
    sittings = Sittings(crowd, items, [occasion], Floors.none(), apart=apart)
    point, _ = sittings.program.best(sittings.integral(), sittings.hint([]), 20.0, None)
    assert point is not None
    assert round(float(sittings.program.worth @ point)) == said
    assert sum(int(one.students.sum()) for one in sittings.chosen(point)) == seated


def test_a_known_session_that_is_apart_is_hinted_as_itself() -> None:
    crowd = Crowd.at_home(ints(3, 7, 8), ints(3, 3, 2), ints(0, 0, 0), 1)
    items = Items(ints(0, 0), ints(1, 1), ints(0, 1), ints(0, 1), ints(1, 1))
    occasion = occasions.Occasion(ints(0), np.arange(3), 13, UNLIMITED, None)
    sittings = Sittings(crowd, items, [occasion], Floors.none(), apart=True)
    known = [Sitting(0, ints(0, 1), ints(6, 7)), Sitting(1, ints(2), ints(8))]
    point = sittings.hint(known)
    assert float(sittings.program.worth @ point) == 21
    assert (sittings.program.matrix @ point <= sittings.program.limit + 1e-9).all()
    assert [(one.item, one.students.tolist()) for one in sittings.chosen(point)] == [(0, [6, 7]), (1, [8])]
