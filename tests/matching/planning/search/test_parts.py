"""Groups that come in parts: no part has too few students, and what is left of a group can still be seated."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.fillings import UNLIMITED
from services.matching.planning.model import Problem, Session
from services.matching.planning.search.classes import Classes
from services.matching.planning.search.neighbourhood import Neighbourhood
from services.matching.planning.search.occasions import Crowd, Occasion
from services.matching.planning.search.pace import Pace
from services.matching.planning.search.plan import rows_of_plan
from services.matching.planning.search.ranking import COVERED
from services.matching.planning.search.rounds import Rounds
from services.matching.planning.search.rows import rows_in_force, rows_of_pins, sessions_of_rows, with_pins
from services.matching.planning.search.searcher import Searcher
from services.matching.planning.search.seating import seat_classes
from services.matching.planning.search.sittings import Floors, Items, Sittings
from tests.matching.planning.builders import (
    AT_9,
    AT_10,
    AT_11,
    TUESDAY_AM,
    make_group,
    make_offer,
    make_problem,
    make_session,
)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def online(name: str, seats: int, at: str, **fields: Any) -> dict[str, Any]:
    """Give an offer of one hour online, at one time only."""
    end = f"{at[:11]}{int(at[11:13]) + 1:02d}:00"
    return make_offer(name, [[at, end]], mode="virtual", seats=seats, max_sessions=1, presenter=name, **fields)


def played(problem: Problem, *plan: Session, rounds: int = 12) -> Searcher:
    """Give the search after some rounds of neighbourhoods from a plan, each checked against every rule."""
    searcher = Searcher(problem, 1, Pace(time.monotonic(), 1e6, deterministic=True), lambda *_: None)
    assert searcher.adopt(with_pins(rows_in_force(replace(problem, in_force=plan)), rows_of_pins(problem))) == 0
    searcher.offer_present("given")
    again, weights = Rounds(searcher, np.random.default_rng(3)), searcher.coverage(strict=True)
    for _ in range(rounds):
        again.play(searcher.state, weights, searcher.pace)
        assert check_sessions(problem, sessions_of_rows(problem, rows_of_plan(searcher.board, searcher.state))) == []
    return searcher


@pytest.mark.parametrize(("seats", "covered"), [((8, 8), 10), ((8, 4), 8), ((8, 2, 5), 10), ((4, 4), 0)])
def test_a_program_s_parts_have_as_many_students_as_a_part_must_have(seats: tuple[int, ...], covered: int) -> None:
    """Ten students whom no session can take whole, in parts of at least five."""
    crowd, count = Crowd.at_home(ints(10), ints(1), ints(0), 5), len(seats)
    items = Items(
        np.arange(count), np.ones(count, np.int64), np.arange(count), np.arange(count), np.ones(count, np.int64)
    )
    occasions = [Occasion(ints(place), ints(0), room, UNLIMITED, None) for place, room in enumerate(seats)]
    sittings = Sittings(crowd, items, occasions, Floors.none())
    point, _ = sittings.program.best(sittings.integral(), sittings.hint([]), 20.0, None)
    assert point is not None
    assert sittings.program.worth @ point == pytest.approx(covered)
    parts = [int(one.students.sum()) for one in sittings.chosen(point) if len(one.students)]
    assert all(part >= 5 for part in parts)
    assert min(10, sum(parts)) == covered


def test_parts_of_several_groups_are_shared_out_so_that_none_is_left_with_too_few() -> None:
    """26 + 26 fill 25, 22 and 5 seats only if the 25 are of two groups: 25 of one would leave a single student."""
    groups = [make_group(name, size=26, may_split=True, calendars=["same"]) for name in ("A", "B")]
    offers = [online("O25", 25, AT_9), online("O22", 22, AT_10), online("O5", 5, AT_11)]
    problem = make_problem(groups=groups, offers=offers, calendars={"same": TUESDAY_AM})
    plan = (make_session("X", "O25", AT_9, None, A=25), make_session("Y", "O22", AT_10, None, B=22))
    assert played(problem, *plan).state.value[COVERED] == 52


def test_a_session_s_next_group_is_left_a_part_that_is_large_enough() -> None:
    """The 25 of the first session: 20 of A and 5 of B, as 21 of A would leave 4 for B."""
    groups = [make_group(name, size=26, may_split=True, calendars=["same"]) for name in ("A", "B")]
    offers = [online("O25", 25, AT_9), online("O22", 22, AT_10), online("O5", 5, AT_11)]
    searcher = Searcher(
        make_problem(groups=groups, offers=offers, calendars={"same": TUESDAY_AM}),
        1,
        Pace(time.monotonic(), 1e6, deterministic=True),
        lambda *_: None,
    )
    board, state, weights = searcher.board, searcher.state, searcher.coverage(strict=True)
    for vertex in range(len(board.v_offer)):
        seats = board.o_seats[board.v_offer[vertex]]
        start = board.v_start[board.vs_first[vertex]]
        assert seat_classes(board, state, vertex, start, ints(board.g_class[0]), ints(seats), ints(1), weights)
    assert state.value[COVERED] == 52


def test_a_group_with_a_part_elsewhere_is_given_its_other_part_anew() -> None:
    """G's first part is pinned. Its other one fits only where H is, who can go elsewhere."""
    pin = {"offer": "O21", "start": AT_9, "school": None, "group": "G", "students": 21}
    groups = [make_group("G", size=26, may_split=True), make_group("H", size=5), make_group("K", size=5, year=8)]
    offers = [online("O21", 21, AT_9), online("O5", 5, AT_10, years=[9]), online("OH", 5, AT_11, years=[8, 9])]
    problem = make_problem(groups=groups, offers=offers, pinned=[pin])
    free = (make_session("X", "O21", AT_9, None, G=21), make_session("Y", "O5", AT_10, None, H=5))
    assert played(problem, *free).state.value[COVERED] == 31
    without_k = replace(problem, groups=problem.groups[:2])
    assert played(without_k, *free).state.value[COVERED] == 31


def test_a_group_with_a_part_elsewhere_never_comes_whole() -> None:
    """The 30 seats would take all of G, so that no part of it may come there; H is all that is left to seat."""
    groups = [make_group("G", size=26, may_split=True), make_group("H", size=4)]
    offers = [online("O21", 21, AT_9, years=[9]), online("O30", 30, AT_10)]
    problem = make_problem(groups=groups, offers=offers)
    searcher = played(problem, make_session("X", "O21", AT_9, None, G=21), rounds=0)
    board, state = searcher.board, searcher.state
    vertices = np.flatnonzero(board.o_seats[board.v_offer] == 30)
    near = Neighbourhood(board, state, Classes.of(board), vertices, [], floor_scale=1)
    chosen = near.solve(20.0, None)
    assert chosen is not None
    assert [(one.kinds.tolist(), one.students.tolist()) for one in chosen] == [([int(board.g_class[1])], [4])]


@pytest.mark.parametrize(("counted", "seated"), [(True, ("G", 5)), (False, ("H", 4))])
def test_a_program_that_counts_no_parts_leaves_a_group_with_a_part_elsewhere_as_it_is(
    counted: bool, seated: tuple[str, int]
) -> None:
    """The 5 seats can take the rest of G, or H: where parts are not counted, H is all that there is to choose."""
    groups = [make_group("G", size=26, may_split=True), make_group("H", size=4)]
    problem = make_problem(groups=groups, offers=[online("O21", 21, AT_9), online("O5", 5, AT_10)])
    searcher = played(problem, make_session("X", "O21", AT_9, None, G=21), rounds=0)
    board, state = searcher.board, searcher.state
    vertices = np.flatnonzero(board.o_seats[board.v_offer] == 5)
    near = Neighbourhood(board, state, Classes.of(board), vertices, [], floor_scale=1, parts_counted=counted)
    chosen = near.solve(20.0, None)
    assert chosen is not None
    names = {-1: "G", int(board.g_class[1]): "H"}
    assert [(names[int(one.kinds[0])], int(one.students.sum())) for one in chosen] == [seated]
