"""How the phases of a worker share its time."""

from __future__ import annotations

import queue
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.matching.planning.bound.certify import certify
from services.matching.planning.bound.outline import Outline
from services.matching.planning.model import Problem
from services.matching.planning.scenario import fictional_area
from services.matching.planning.search import phases
from services.matching.planning.search.messages import Job
from services.matching.planning.search.phases import Desk, cover, first_plan, neighbourhoods
from services.matching.planning.search.plan import rows_of_plan
from services.matching.planning.search.ranking import COVERED, KEPT
from services.matching.planning.search.searcher import Searcher
from services.matching.planning.search.whole_hub import WholeHub

SEARCH, ALONE = ("first plan", "cover", "neighbourhoods"), ("first plan", "cover", "bound", "neighbourhoods")


@pytest.fixture(scope="module")
def town() -> Problem:
    return fictional_area(schools=3, seed=5).problem


def desk_of(problem: Problem, names: tuple[str, ...], seconds: float = 8.0) -> Desk:
    job = Job(time.monotonic(), seconds, 1, True, names)  # noqa: FBT003 - as a run gives it
    return Desk(problem, job, lambda *_: None, lambda _: None, queue.Queue())


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note, for each annealing, how many are covered by the best plan afterwards."""
    found, anneal = list[int](), Searcher.anneal

    def noted(searcher: Searcher, *args: Any) -> None:
        anneal(searcher, *args)
        found.append(searcher.best_values[1])

    monkeypatch.setattr(Searcher, "anneal", noted)
    return found


def test_a_small_hub_is_annealed_again_and_the_best_end_is_gone_on_with(town: Problem, ends: list[int]) -> None:
    desk = desk_of(town, SEARCH)
    first_plan(desk)
    cover(desk)
    searcher = desk.searcher
    assert len(ends) > 1
    assert searcher.best_values[1] == ends[-1] == max(ends)
    assert np.array_equal(rows_of_plan(searcher.board, searcher.state), searcher.best_rows)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every hub for a large one."""
    monkeypatch.setattr(phases, "LARGE_PAIRS", 0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Note each annealing's seconds and warmth instead of annealing: the time passes."""
    found = list[tuple[float, float]]()

    def noted(searcher: Searcher, *said: Any) -> None:
        found.append((said[1], said[3]))
        searcher.pace.work += said[1]

    monkeypatch.setattr(Searcher, "anneal", noted)
    return found


@pytest.fixture
def outline(town: Problem) -> Outline:
    """Give the first outline of the town."""
    found = list[Outline]()
    certify(town, seconds=2.0, deterministic=True, on_outline=found.append)
    return found[0]


@pytest.mark.usefixtures("large")
def test_who_looks_for_a_large_hubs_bound_too_anneals_for_a_part_of_the_time_before(
    town: Problem, made: list[tuple[float, float]]
) -> None:
    desk = desk_of(town, ALONE, 60.0)
    cover(desk)
    left = 60.0 - desk.searcher.pace.spent() + sum(seconds for seconds, _ in made)
    assert sum(seconds for seconds, _ in made) == pytest.approx(phases.LARGE_ANNEAL_SHARE * left, rel=1e-3)


def test_a_repair_anneals_once(town: Problem, ends: list[int]) -> None:
    repair = replace(town, policy=replace(town.policy, repair=True), in_force=())
    cover(desk_of(repair, SEARCH))
    assert len(ends) == 1


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("seconds", "times"), [(60.0, 2), (0.5, 1)])
def test_a_large_hub_without_an_outline_is_annealed_quickly_and_then_anew_if_there_is_time(
    town: Problem,
    monkeypatch: pytest.MonkeyPatch,
    made: list[tuple[float, float]],
    seconds: float,
    times: int,
) -> None:
    begun = list[int]()
    monkeypatch.setattr(Searcher, "begin_anew", lambda _: begun.append(len(made)))
    desk = desk_of(town, SEARCH, seconds)
    left = desk.pace.left()
    cover(desk)
    assert [place for place in begun if place] == list(range(1, times))  # its guiding prices begin anew too
    assert [warm for _, warm in made] == [phases.LARGE_TEMPERATURES[0]] * times
    assert made[0] < made[-1] or times == 1
    guided = left - sum(span for span, _ in made) - desk.pace.left()
    assert sum(span for span, _ in made) == pytest.approx(phases.ANNEAL_SHARE * (left - guided), rel=1e-3)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("seconds", "times"), [(60.0, 3), (4.0, 2), (0.5, 1)])
def test_a_large_hub_with_an_outline_begins_as_outlined_as_often_as_there_is_time_but_not_more_often_than_pays(
    town: Problem,
    outline: Outline,
    monkeypatch: pytest.MonkeyPatch,
    made: list[tuple[float, float]],
    seconds: float,
    times: int,
) -> None:
    monkeypatch.setattr(phases, "GUIDE_SHARE", 0.0)
    begun = list[int]()
    monkeypatch.setattr(Searcher, "begin_as_outlined", lambda _: begun.append(len(made)))
    desk = desk_of(town, SEARCH, seconds)
    desk.searcher.outline = outline
    left = desk.pace.left()
    cover(desk)
    assert begun == list(range(times))
    assert [warm for _, warm in made] == [phases.OUTLINED_TEMPERATURES[0]] * times
    assert sum(span for span, _ in made) == pytest.approx(phases.ANNEAL_SHARE * left, rel=1e-3)


@pytest.mark.usefixtures("large")
def test_an_outline_that_comes_ends_the_annealing_unless_too_little_time_is_left_to_use_it(
    town: Problem, outline: Outline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "GUIDE_SHARE", 0.0)
    begun = list[float]()
    monkeypatch.setattr(Searcher, "begin_as_outlined", lambda searcher: begun.append(searcher.pace.spent()))
    for after, is_used in ((2.0, True), (16.9, False)):
        begun.clear()
        desk = desk_of(town, SEARCH, 20.0)

        def listen(desk: Desk = desk, after: float = after) -> None:
            if desk.pace.spent() >= after:
                desk.searcher.outline = outline

        desk.searcher.listen = listen
        cover(desk)
        assert bool(begun) == is_used
        assert not begun or after <= begun[0] < after + 1.0


@pytest.mark.usefixtures("large")
def test_the_best_end_of_a_large_hub_is_gone_on_with(town: Problem, outline: Outline, ends: list[int]) -> None:
    desk = desk_of(town, SEARCH, 20.0)
    desk.searcher.outline = outline
    cover(desk)
    searcher = desk.searcher
    assert len(ends) == phases.MOST_TIMES
    assert searcher.best_values[COVERED] == max(ends)
    assert np.array_equal(rows_of_plan(searcher.board, searcher.state), searcher.best_rows)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("names", [("bound", "neighbourhoods"), ALONE])
def test_who_has_looked_for_a_large_hubs_bound_anneals_as_outlined_before_going_on(
    town: Problem,
    outline: Outline,
    made: list[tuple[float, float]],
    names: tuple[str, ...],
) -> None:
    desk = desk_of(town, names, 4.0)
    desk.searcher.outline = outline
    neighbourhoods(desk)
    warmths = [warm for _, warm in made]
    assert warmths[0] == phases.OUTLINED_TEMPERATURES[0]
    assert warmths[-1] == phases.LEVEL_TEMPERATURES[0]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("repair", [False, True])
def test_a_large_hub_goes_on_without_covering_fewer_and_a_repair_without_moving_many(
    town: Problem, monkeypatch: pytest.MonkeyPatch, *, repair: bool
) -> None:
    monkeypatch.setattr(phases, "SHARE_EVERY_SECONDS", 0.1)
    made = list[tuple[float, float]]()

    def noted(searcher: Searcher, *said: Any) -> None:
        made.append((said[2][COVERED], said[3]))
        searcher.pace.work += said[1]

    monkeypatch.setattr(Searcher, "anneal", noted)
    problem = replace(town, policy=replace(town.policy, repair=True), in_force=()) if repair else town
    desk = desk_of(problem, SEARCH, 1.0)
    neighbourhoods(desk)
    covered, warm = made[-1]
    assert repair or len(made) > 1
    assert (covered, warm) == ((1.0, phases.REPAIR_TEMPERATURES[0]) if repair else (KEPT, phases.LEVEL_TEMPERATURES[0]))


def test_beginning_anew_fits_in_all_but_the_pins_in_another_order(town: Problem) -> None:
    searcher = desk_of(town, SEARCH).searcher
    found = set[bytes]()
    for _ in range(3):
        searcher.begin_anew()
        found.add(rows_of_plan(searcher.board, searcher.state).tobytes())
    assert len(found) > 1


@pytest.mark.parametrize("without", ["time", "anybody who is able"])
def test_without_time_or_anybody_who_is_able_nothing_is_annealed(town: Problem, ends: list[int], without: str) -> None:
    never = replace(town, offers=tuple(replace(offer, max_sessions=0) for offer in town.offers))
    cover(desk_of(town, SEARCH, 0.0) if without == "time" else desk_of(never, SEARCH))
    assert not ends


@pytest.mark.parametrize(
    ("names", "seconds", "given"),
    [(("bound", "whole hub"), 180.0, 150.0), (("bound", "whole hub"), 30.0, 15.0), (ALONE, 180.0, 90.0)],
)
def test_a_whole_program_has_half_of_the_time_and_all_but_some_seconds_where_others_search(
    town: Problem, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], seconds: float, given: float
) -> None:
    told = list[float]()

    def search(*said: Any) -> tuple[None, list[Any]]:
        told.append(said[2])
        return None, []

    monkeypatch.setattr(WholeHub, "search", search)
    desk = Desk(town, Job(time.monotonic(), seconds, 1, False, names), lambda *_: None, lambda _: None, queue.Queue())  # noqa: FBT003 - as a run gives it
    first_plan(desk)
    phases.whole_hub(desk)
    assert told == [pytest.approx(given, abs=5.0)]
