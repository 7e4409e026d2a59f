"""The peers are honest: each gives a valid plan, and one worth comparing with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.levels import reckon_levels
from services.matching.planning.model import MINUTES_A_DAY, Problem, Session, Window
from services.matching.planning.scenario import fictional_area
from services.matching.planning.scenario.planted import planted_problem
from tests.benchmarks.greedy_peers import best_fit, first_come_first_served
from tests.benchmarks.peers import PEERS, Peer


@pytest.fixture(scope="module")
def hub() -> Problem:
    return fictional_area(2, 2).problem


def on_one_day(windows: tuple[Window, ...]) -> Window:
    """Put a calendar's longest window on the day of the epoch."""
    longest = max(windows, key=lambda window: window.end - window.start)
    return Window(longest.start % MINUTES_A_DAY, (longest.end - 1) % MINUTES_A_DAY + 1)


def covered(problem: Problem, sessions: tuple[Session, ...]) -> int:
    return next(int(level.value) for level in reckon_levels(problem, sessions) if level.name == "covered")


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_keeps_every_rule_and_covers_students(hub: Problem, name: str) -> None:
    sessions = PEERS[name](hub, 20)
    assert check_sessions(hub, sessions) == []
    assert covered(hub, sessions) > 0.25 * sum(group.size for group in hub.groups)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_never_crowds_a_school(name: str) -> None:
    problem = fictional_area(1, 2, employers=30).problem
    schools = tuple(replace(school, hosting_limit=1) for school in problem.schools)
    small = replace(problem, schools=schools, groups=problem.groups[:20])
    sessions = PEERS[name](small, 20)
    assert sessions
    assert check_sessions(small, sessions) == []


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_never_needs_one_presenter_twice(name: str) -> None:
    problem = fictional_area(2, 2, employers=30).problem
    busy = replace(
        problem,
        offers=tuple(replace(offer, presenter="the one speaker") for offer in problem.offers),
        calendars={name: (on_one_day(windows),) for name, windows in problem.calendars.items()},
        groups=problem.groups[::3],
    )
    sessions = PEERS[name](busy, 20)
    assert len(sessions) > 1
    assert check_sessions(busy, sessions) == []


@pytest.mark.parametrize("peer", [first_come_first_served, best_fit])
def test_the_greedy_peers_keep_every_rule_of_a_larger_hub(peer: Peer) -> None:
    problem = planted_problem(12, 3).problem
    sessions = peer(problem, 30)
    assert check_sessions(problem, sessions) == []
    assert covered(problem, sessions) > 0.8 * sum(group.size for group in problem.groups)


def test_best_fit_beats_the_message_board_over_several_hubs() -> None:
    problems = [fictional_area(12, seed).problem for seed in (1, 2, 3)]
    fitted = sum(covered(problem, best_fit(problem, 30)) for problem in problems)
    assert fitted > sum(covered(problem, first_come_first_served(problem, 30)) for problem in problems)


def test_no_time_is_no_plan(hub: Problem) -> None:
    assert all(peer(hub, 0) == () for peer in PEERS.values())
