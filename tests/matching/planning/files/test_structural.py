"""Why no offer can take a group: the first filter that leaves none, with what can be counted about it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.planning.model import Problem, Unmet
from services.matching.planning.rules import Known
from services.matching.planning.structural import StructuralReason, step_up, structural_reason, structural_reasons
from services.matching.planning.telling import reason_sentence
from tests.matching.planning.builders import (
    HOME,
    MONDAY_AM,
    NEAR,
    TUESDAY,
    TUESDAY_AM,
    TUESDAY_PM,
    WEDNESDAY_AM,
    between,
    make_employer,
    make_group,
    make_offer,
    make_problem,
)


def reason(problem: Problem) -> StructuralReason | None:
    """Give the structural reason of the one group."""
    return structural_reason(problem, "G1")


def test_a_group_that_some_offer_could_take_has_no_structural_reason() -> None:
    assert reason(make_problem()) is None
    assert structural_reasons(make_problem(), ["G1"]) == {}


def test_no_offer_for_the_year() -> None:
    offers = [make_offer(years=[7]), make_offer("O2", years=[11, 12]), make_offer("O3", years=[])]
    found = reason(make_problem(groups=[make_group(year=10)], offers=offers))
    facts = {"offers_left": 3, "year": 10, "nearest": {"offer": "O2", "years": [11, 12]}}
    assert found == StructuralReason("no-offer-for-year", facts)


def test_without_offers_there_is_no_nearest() -> None:
    found = reason(make_problem(offers=[]))
    assert found == StructuralReason("no-offer-for-year", {"offers_left": 0, "year": 9, "nearest": None})


def test_no_offer_of_a_mode_that_the_group_takes() -> None:
    offers = [
        make_offer(position=NEAR),
        make_offer("O2", mode="workplace"),
        make_offer("O3", years=[12], mode="virtual"),
    ]
    found = reason(make_problem(groups=[make_group(modes=["virtual"])], offers=offers))
    facts = {"offers_left": 2, "modes": ["virtual"], "nearest": {"offer": "O2", "mode": "workplace"}}
    assert found == StructuralReason("mode", facts)


def test_no_offer_meets_the_adjustments() -> None:
    offers = [make_offer(adjustments=["quiet"]), make_offer("O2", adjustments=["signed", "quiet"])]
    found = reason(make_problem(groups=[make_group(adjustments=["signed", "ramp", "quiet"])], offers=offers))
    facts = {
        "offers_left": 2,
        "adjustments": ["quiet", "ramp", "signed"],
        "nearest": {"offer": "O2", "missing": ["ramp"]},
    }
    assert found == StructuralReason("adjustments", facts)


def test_every_offer_is_out_of_reach() -> None:
    """NEAR is 11.12 km away: 6.12 too far for the visit, 3.12 for the employer's own journey."""
    employers = [make_employer(position=NEAR, radius_km=8)]
    offers = [make_offer("O1", mode="workplace"), make_offer("O2")]
    found = reason(make_problem(employers=employers, offers=offers, groups=[make_group(max_travel_km=5)]))
    facts = {"offers_left": 2, "nearest": {"offer": "O2", "km": 11.12, "limit_km": 8.0}}
    assert found == StructuralReason("out-of-reach", facts)


def test_a_virtual_offer_is_never_out_of_reach() -> None:
    assert (
        reason(make_problem(employers=[make_employer(position=[58, -5])], offers=[make_offer(mode="virtual")])) is None
    )


@pytest.mark.parametrize(
    ("offers", "nearest"),
    [
        ([make_offer(on=TUESDAY_PM), make_offer("O2", on=MONDAY_AM)], {"offer": "O1", "minutes_short": 120}),
        ([make_offer(on=between("11:30", "13:00", TUESDAY))], {"offer": "O1", "minutes_short": 30}),
        ([make_offer(on=between("11:03", "13:00", TUESDAY))], {"offer": "O1", "minutes_short": 5}),
        ([make_offer(duration_minutes=185), make_offer("O2", on=TUESDAY_PM)], {"offer": "O1", "minutes_short": 5}),
        ([make_offer(on=WEDNESDAY_AM), make_offer("O2", on=MONDAY_AM)], {"offer": "O1", "days_apart": 1}),
    ],
)
def test_no_window_in_common(offers: list[dict[str, Any]], nearest: dict[str, Any]) -> None:
    found = reason(make_problem(groups=[make_group(on=TUESDAY_AM)], offers=offers))
    assert found == StructuralReason("no-common-window", {"offers_left": len(offers), "nearest": nearest})


def test_windows_that_touch_are_not_joined_in_the_search_for_a_common_one() -> None:
    halves = between("09:00", "09:50", TUESDAY) + between("09:50", "10:40", TUESDAY)
    found = reason(make_problem(groups=[make_group(on=halves)]))
    assert found == StructuralReason(
        "no-common-window", {"offers_left": 1, "nearest": {"offer": "O1", "minutes_short": 10}}
    )


def test_a_visits_journeys_belong_to_the_common_window() -> None:
    """The hour and twice 32 minutes on the road are 124 minutes, and starts are on multiples of five."""
    employers, offers = [make_employer(position=NEAR)], [make_offer(mode="workplace")]

    def in_window(end: str) -> StructuralReason | None:
        groups = [make_group(on=between("09:00", end, TUESDAY))]
        return reason(make_problem(employers=employers, offers=offers, groups=groups))

    assert in_window("11:07") is None
    found = in_window("11:06")
    assert found == StructuralReason(
        "no-common-window", {"offers_left": 1, "nearest": {"offer": "O1", "minutes_short": 1}}
    )


def test_a_calendar_without_windows_has_no_nearest() -> None:
    found = reason(make_problem(groups=[make_group(calendars=[])]))
    assert found == StructuralReason("no-common-window", {"offers_left": 1, "nearest": None})


def test_every_offer_is_too_small() -> None:
    offers = [make_offer(seats=20), make_offer("O2", seats=24), make_offer("O3", seats=99, on=MONDAY_AM)]
    found = reason(make_problem(offers=offers))
    facts = {"offers_left": 2, "size": 25, "nearest": {"offer": "O2", "seats": 24}}
    assert found == StructuralReason("too-large", facts)
    assert reason(make_problem(offers=offers, groups=[make_group(may_split=True)])) is None


def test_the_first_filter_that_leaves_none_is_the_reason() -> None:
    """This group fails every filter; taking the first away shows the next."""
    group = make_group(year=13, modes=["workplace"], adjustments=["ramp"], max_travel_km=1, on=MONDAY_AM, size=90)
    offer = make_offer(years=[7], on=TUESDAY_AM, position=NEAR)
    changes: list[dict[str, Any]] = [
        {"years": [13]},
        {"mode": "workplace"},
        {"adjustments": ["ramp"]},
        {"position": HOME},
        {"calendars": [MONDAY_AM]},
        {"seats": 90},
    ]
    codes = []
    for change in [{}, *changes]:
        offer.update(change)
        found = reason(make_problem(groups=[group], offers=[offer]))
        codes.append(found.code if found else None)
    assert codes == ["no-offer-for-year", "mode", "adjustments", "out-of-reach", "no-common-window", "too-large", None]


def test_beyond_the_first_tries_every_offer_still_counts() -> None:
    """Only the fortieth offer, the smallest, has a window in common."""
    offers = [make_offer(f"O{number}", seats=100 - number, on=MONDAY_AM) for number in range(40)]
    assert reason(make_problem(offers=offers)) is not None
    assert reason(make_problem(offers=[*offers, make_offer("last", seats=25)])) is None


@given(minute=st.integers(0, 3000), step=st.integers(1, 90))
def test_step_up_is_the_next_start_on_the_step(minute: int, step: int) -> None:
    starts = (later for later in range(minute, minute + 61) if later % 60 % step == 0)
    assert step_up(minute, step) == next(starts)


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (
            {"year": 13},
            "not even the one offer is for Year 13; the nearest, Employer E1 (O1), is for Years 8, 9 and 10.",
        ),
        ({"modes": ["virtual"]}, "can take virtual sessions"),
        ({"adjustments": ["ramp"]}, "needs ramp"),
        ({"size": 90}, "may not be split and has 90 students"),
        ({"calendars": [between("13:00", "13:30", TUESDAY)]}, "30 minutes short on a day that both have"),
    ],
)
def test_each_reason_is_one_plain_sentence_with_its_numbers(group: dict[str, Any], words: str) -> None:
    problem = make_problem(groups=[make_group(**group)])
    found = reason(problem)
    assert found is not None
    known = Known(problem)
    assert words in reason_sentence(known, Unmet("G1", 25, found.code, found.facts))
    assert reason_sentence(known, Unmet("G1", 25, found.code, {"nearest": 7})).endswith(".")
