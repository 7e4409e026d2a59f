"""How many students, of how many schools, a session takes, and whom it is for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.matching.planning.builders import broken, make_group, make_offer, make_problem, make_school, make_session


def test_a_session_has_no_more_students_than_seats() -> None:
    groups = [make_group(), make_group("G2")]
    problem = make_problem(groups=groups, offers=[make_offer(seats=50)])
    assert broken(problem, make_session(G1=25, G2=25)) == set()
    tight = make_problem(groups=groups, offers=[make_offer(seats=49)])
    assert broken(tight, make_session(G1=25, G2=25)) == {"seats"}


def test_a_groups_year_is_among_the_offers() -> None:
    assert broken(make_problem(groups=[make_group(year=10)]), make_session()) == set()
    assert broken(make_problem(groups=[make_group(year=11)]), make_session()) == {"years"}


def test_a_session_in_school_is_for_that_schools_groups_whatever_max_schools_says() -> None:
    problem = make_problem(
        schools=[make_school(), make_school("S2")],
        groups=[make_group(), make_group("G2", school="S2")],
        offers=[make_offer(max_schools=5)],
    )
    assert broken(problem, make_session(G1=25)) == set()
    assert broken(problem, make_session(G1=25, G2=25)) == {"schools"}
    assert broken(problem, make_session(school="S2", G1=25)) == {"schools"}


@pytest.mark.parametrize(
    ("offer", "codes"),
    [
        ({"mode": "workplace"}, set()),
        ({"mode": "workplace", "max_schools": 1}, {"schools"}),
        ({"mode": "virtual"}, set()),
        ({"mode": "virtual", "max_schools": None}, set()),
        ({"mode": "virtual", "max_schools": 1}, {"schools"}),
    ],
)
def test_other_sessions_take_at_most_max_schools(offer: dict[str, Any], codes: set[str]) -> None:
    problem = make_problem(
        schools=[make_school(), make_school("S2")],
        groups=[make_group(), make_group("G2", school="S2")],
        offers=[make_offer(**offer)],
    )
    assert broken(problem, make_session(school=None, G1=25, G2=25)) == codes


def test_only_a_session_in_school_names_a_school() -> None:
    assert broken(make_problem(), make_session(school=None)) == {"schools"}
    assert broken(make_problem(), make_session(school="elsewhere")) == {"schools"}
    assert broken(make_problem(offers=[make_offer(mode="virtual")]), make_session(school="S1")) == {"schools"}


def test_the_offers_mode_is_among_the_groups() -> None:
    assert broken(make_problem(groups=[make_group(modes=["in_school"])]), make_session()) == set()
    assert broken(make_problem(groups=[make_group(modes=["virtual", "workplace"])]), make_session()) == {"mode"}


def test_the_offer_meets_all_that_the_group_needs() -> None:
    groups = [make_group(adjustments=["step-free", "signed"])]
    met = make_problem(groups=groups, offers=[make_offer(adjustments=["signed", "quiet", "step-free"])])
    assert broken(met, make_session()) == set()
    unmet = make_problem(groups=groups, offers=[make_offer(adjustments=["signed"])])
    assert broken(unmet, make_session()) == {"adjustments"}


def test_what_a_plan_names_must_be_there() -> None:
    assert broken(make_problem(), make_session(offer="nobody's")) == {"reference"}
    assert broken(make_problem(), make_session(G1=25, G9=5)) == {"reference"}
    twice = [make_session(), make_session(at="2026-10-06T10:00")]
    assert broken(make_problem(groups=[make_group(needed=2)]), *twice) >= {"reference"}
