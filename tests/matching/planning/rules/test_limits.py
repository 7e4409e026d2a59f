"""How many sessions an offer and an employer give, where a presenter can be, and what a school can host."""

from __future__ import annotations

import pytest

from services.matching.planning.model import Problem
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    AT_10,
    FAR,
    MONDAY,
    NEAR,
    TUESDAY,
    broken,
    make_employer,
    make_group,
    make_offer,
    make_problem,
    make_school,
    make_session,
)


def _groups(count: int, **fields: object) -> list[dict[str, object]]:
    return [make_group(f"G{number}", on=ALL_WEEK, **fields) for number in range(1, count + 1)]


def test_an_offer_gives_no_more_than_its_sessions() -> None:
    problem = make_problem(groups=_groups(3), offers=[make_offer(max_sessions=2)])
    two = [make_session("X1", at=AT_9, G1=25), make_session("X2", at=AT_10, G2=25)]
    assert broken(problem, *two) == set()
    assert broken(problem, *two, make_session("X3", at=f"{TUESDAY}T11:00", G3=25)) == {"sessions"}


@pytest.mark.parametrize(("most", "codes"), [(2, set()), (None, set()), (1, {"sessions"}), (0, {"sessions"})])
def test_an_employer_gives_no_more_than_its_sessions_in_all(most: int | None, codes: set[str]) -> None:
    problem = make_problem(
        groups=_groups(2), employers=[make_employer(max_sessions=most)], offers=[make_offer(), make_offer("O2")]
    )
    plan = [make_session("X1", at=AT_9, G1=25), make_session("X2", "O2", at=f"{MONDAY}T09:00", G2=25)]
    assert broken(problem, *plan) == codes


def test_an_employer_gives_no_more_than_its_sessions_on_a_date() -> None:
    problem = make_problem(
        groups=_groups(2), employers=[make_employer(max_sessions_per_day=1)], offers=[make_offer(), make_offer("O2")]
    )
    first = make_session("X1", at=AT_9, G1=25)
    assert broken(problem, first, make_session("X2", "O2", at=f"{MONDAY}T09:00", G2=25)) == set()
    assert broken(problem, first, make_session("X2", "O2", at=AT_10, G2=25)) == {"sessions"}


def test_a_presenter_is_in_one_session_at_a_time_whoever_the_employer() -> None:
    def problem(presenter: str) -> Problem:
        return make_problem(
            groups=_groups(2),
            employers=[make_employer(), make_employer("E2")],
            offers=[
                make_offer(mode="virtual", presenter="Ada"),
                make_offer("O2", employer="E2", mode="virtual", presenter=presenter),
            ],
        )

    overlapping = [make_session("X1", school=None), make_session("X2", "O2", f"{TUESDAY}T09:55", None, G2=25)]
    touching = [make_session("X1", school=None), make_session("X2", "O2", AT_10, None, G2=25)]
    assert broken(problem("Ada"), *touching) == set()
    assert broken(problem("Ada"), *overlapping) == {"presenter"}
    assert broken(problem("Bea"), *overlapping) == set()


@pytest.mark.parametrize(("at", "codes"), [("10:35", set()), ("10:30", {"presenter"})])
def test_a_presenter_has_time_to_travel_between_schools(at: str, codes: set[str]) -> None:
    problem = make_problem(
        schools=[make_school(), make_school("S2", position=NEAR)],
        groups=[make_group(on=ALL_WEEK), make_group("G2", school="S2", on=ALL_WEEK)],
    )
    plan = [make_session("X1", at=AT_9), make_session("X2", at=f"{TUESDAY}T{at}", school="S2", G2=25)]
    assert broken(problem, *plan) == codes


def test_travel_counts_between_any_two_sessions_not_only_neighbours() -> None:
    problem = make_problem(
        schools=[make_school(), make_school("S2", position=FAR)],
        groups=[
            make_group("G1", on=ALL_WEEK),
            make_group("G2", on=ALL_WEEK),
            make_group("G3", school="S2", on=ALL_WEEK),
        ],
        employers=[make_employer(radius_km=200)],
        offers=[make_offer(), make_offer("O2", mode="virtual", duration_minutes=30)],
    )
    plan = [
        make_session("X1", at=AT_9),
        make_session("X2", "O2", AT_10, None, G2=25),
        make_session("X3", at=f"{TUESDAY}T11:00", school="S2", G3=25),
    ]
    assert broken(problem, *plan) == {"presenter"}
    assert broken(problem, plan[1], plan[2]) == set()


def test_travel_does_not_count_on_another_date() -> None:
    problem = make_problem(
        schools=[make_school(), make_school("S2", position=FAR)],
        groups=[make_group(on=ALL_WEEK), make_group("G2", school="S2", on=ALL_WEEK)],
        employers=[make_employer(radius_km=200)],
    )
    plan = [make_session("X1", at=f"{MONDAY}T17:00"), make_session("X2", at=f"{TUESDAY}T08:00", school="S2", G2=25)]
    assert broken(problem, *plan) == set()


@pytest.mark.parametrize(("limit", "codes"), [(2, set()), (1, {"hosting"}), (0, {"hosting"})])
def test_a_school_hosts_no_more_sessions_at_a_time_than_its_limit(limit: int, codes: set[str]) -> None:
    problem = make_problem(
        schools=[make_school(hosting_limit=limit)],
        groups=_groups(2),
        offers=[make_offer(), make_offer("O2", presenter="Bea")],
    )
    plan = [make_session("X1", at=AT_9), make_session("X2", "O2", f"{TUESDAY}T09:55", G2=25)]
    assert broken(problem, *plan) == codes


def test_sessions_that_follow_each_other_are_not_at_one_time() -> None:
    problem = make_problem(groups=_groups(2), offers=[make_offer(), make_offer("O2", presenter="Bea")])
    assert broken(problem, make_session("X1", at=AT_9), make_session("X2", "O2", AT_10, G2=25)) == set()


def test_hosting_counts_at_each_moment_not_over_a_chain() -> None:
    """Three sessions overlap in pairs, never all three: two at a time."""
    offers = [make_offer(f"O{number}", presenter=f"P{number}") for number in (1, 2, 3)]
    problem = make_problem(schools=[make_school(hosting_limit=2)], groups=_groups(3), offers=offers)
    plan = [
        make_session("X1", "O1", AT_9, G1=25),
        make_session("X2", "O2", f"{TUESDAY}T09:30", G2=25),
        make_session("X3", "O3", AT_10, G3=25),
    ]
    assert broken(problem, *plan) == set()


def test_an_employer_goes_no_further_than_its_radius() -> None:
    def codes(radius_km: float) -> set[str]:
        return broken(make_problem(employers=[make_employer(position=NEAR, radius_km=radius_km)]), make_session())

    assert codes(11.2) == set()
    assert codes(11.1) == {"distance"}


def test_a_group_travels_no_further_than_it_may_and_the_radius_plays_no_part() -> None:
    def codes(most: float) -> set[str]:
        problem = make_problem(
            groups=[make_group(on=ALL_WEEK, max_travel_km=most)],
            employers=[make_employer(position=NEAR, radius_km=1)],
            offers=[make_offer(mode="workplace")],
        )
        return broken(problem, make_session(school=None, at=AT_10))

    assert codes(11.2) == set()
    assert codes(11.1) == {"distance"}


def test_a_virtual_session_has_no_distance() -> None:
    problem = make_problem(
        employers=[make_employer(position=FAR, radius_km=0)],
        offers=[make_offer(mode="virtual")],
        groups=[make_group(max_travel_km=0)],
    )
    assert broken(problem, make_session(school=None)) == set()


def test_the_offers_own_position_counts_before_the_employers() -> None:
    problem = make_problem(employers=[make_employer(position=FAR)], offers=[make_offer(position=NEAR)])
    assert broken(problem, make_session()) == set()
