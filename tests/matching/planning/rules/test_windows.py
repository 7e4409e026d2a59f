"""When a session may take place."""

from __future__ import annotations

import pytest

from services.matching.planning.model import Problem
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    AT_11,
    HOME,
    MONDAY_AM,
    NEAR,
    TUESDAY,
    TUESDAY_AM,
    between,
    broken,
    make_employer,
    make_group,
    make_offer,
    make_problem,
    make_session,
)


def test_a_session_inside_a_window_of_the_group_keeps_the_rule() -> None:
    assert broken(make_problem(groups=[make_group(on=TUESDAY_AM)]), make_session(at=AT_11)) == set()


@pytest.mark.parametrize("at", [f"{TUESDAY}T08:55", f"{TUESDAY}T11:05", f"{TUESDAY}T14:00"])
def test_a_session_that_leaves_the_groups_window_breaks_window(at: str) -> None:
    assert broken(make_problem(groups=[make_group(on=TUESDAY_AM)]), make_session(at=at)) == {"window"}


def test_windows_that_touch_are_not_joined() -> None:
    halves = between("09:00", "10:00", TUESDAY) + between("10:00", "11:00", TUESDAY)
    problem = make_problem(groups=[make_group(on=halves)])
    assert broken(problem, make_session(at=f"{TUESDAY}T09:30")) == {"window"}
    assert broken(problem, make_session(at=f"{TUESDAY}T10:00")) == set()


def test_any_window_of_any_calendar_will_do() -> None:
    problem = make_problem(groups=[make_group(calendars=[MONDAY_AM, TUESDAY_AM])])
    assert broken(problem, make_session(at=AT_9)) == set()


def _visit(travel_km: list[float]) -> Problem:
    """Give a workplace visit; from NEAR the journey takes 10 + 60 x 1.3 x 11.12 / 40 = 31.7, so 32 minutes."""
    return make_problem(
        employers=[make_employer(position=travel_km)], offers=[make_offer(mode="workplace")], groups=[make_group()]
    )


@pytest.mark.parametrize(
    ("at", "codes"),
    [("09:35", set()), ("09:30", {"window"}), ("10:25", set()), ("10:30", {"window"})],
)
def test_a_visits_journeys_there_and_back_lie_inside_the_window(at: str, codes: set[str]) -> None:
    assert broken(_visit(NEAR), make_session(at=f"{TUESDAY}T{at}", school=None)) == codes


def test_a_visit_next_door_needs_no_journey() -> None:
    assert broken(_visit(HOME), make_session(at=AT_9, school=None)) == set()


def test_a_session_outside_the_offers_windows_breaks_offer_window() -> None:
    problem = make_problem(groups=[make_group(on=ALL_WEEK)], offers=[make_offer(on=TUESDAY_AM)])
    assert broken(problem, make_session(at=AT_11)) == set()
    assert broken(problem, make_session(at=f"{TUESDAY}T11:05")) == {"offer-window"}


@pytest.mark.parametrize(
    ("step", "time", "codes"),
    [
        (5, "09:05", set()),
        (5, "09:03", {"step"}),
        (7, "09:49", set()),
        (7, "10:00", set()),
        (7, "09:48", {"step"}),
        (90, "10:00", set()),
        (90, "10:30", {"step"}),
    ],
)
def test_a_start_is_a_multiple_of_the_step_past_the_hour(step: int, time: str, codes: set[str]) -> None:
    problem = make_problem(policy={"start_step_minutes": step})
    assert broken(problem, make_session(at=f"{TUESDAY}T{time}")) == codes
