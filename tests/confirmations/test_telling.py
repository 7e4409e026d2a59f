"""Each party is told once, told again only of what concerns it, and told when it is off."""

from __future__ import annotations

from typing import Any

import pytest

from services.confirmations.telling import Names, Telling, TellingKey, what_to_tell
from shared.events.decisions import SessionPublished
from shared.events.encounters import EncounterTold

NAMES = Names(
    {"E0001": "Harbour Foods"},
    {"900001": "Northgate", "900002": "Südpark"},
    {"E0001": "ZZ1 1AA"},
    {"900001": "ZZ2 2BB"},
    {"E0001-A9": "ZZ3 3CC"},
)


def make_session(encounter: str = "e1", **changed: Any) -> SessionPublished:
    base: dict[str, Any] = {
        "hub": "demo",
        "academic_year": "2026/27",
        "version": 1,
        "encounter": encounter,
        "session": "s1",
        "offer": "E0001-A1",
        "employer": "E0001",
        "mode": "in_school",
        "start": "2027-03-02T09:00",
        "end": "2027-03-02T10:00",
        "time_zone": "Europe/London",
        "school": "900001",
        "position": (51.0, 0.5),
        "attendances": [{"group": "900001-Y9-01", "school": "900001", "year": 9, "students": 28}],
    }
    return SessionPublished.model_validate(base | changed)


def told_after(news: list[tuple[str, EncounterTold]]) -> dict[TellingKey, Telling]:
    return {
        (data.encounter, data.party_kind, data.party): Telling(
            data.sequence, what == "cancelled", data.model_dump(mode="json")
        )
        for what, data in news
    }


def summary(news: list[tuple[str, EncounterTold]]) -> set[tuple[str, str, int]]:
    return {(what, data.party, data.sequence) for what, data in news}


def test_a_new_encounter_is_confirmed_to_employer_and_school() -> None:
    news = what_to_tell([make_session()], {}, NAMES)
    assert summary(news) == {("confirmed", "E0001", 0), ("confirmed", "900001", 0)}
    assert {data.place for _, data in news} == {"Northgate, ZZ2 2BB"}


def test_the_same_timetable_again_tells_nobody() -> None:
    first = what_to_tell([make_session()], {}, NAMES)
    assert what_to_tell([make_session(version=2)], told_after(first), NAMES) == []


def test_a_new_time_is_an_update_with_a_higher_sequence() -> None:
    first = what_to_tell([make_session()], {}, NAMES)
    later = make_session(start="2027-03-09T09:00", end="2027-03-09T10:00")
    assert summary(what_to_tell([later], told_after(first), NAMES)) == {("moved", "E0001", 1), ("moved", "900001", 1)}


@pytest.mark.parametrize(
    "changed",
    [{"end": "2027-03-02T10:30"}, {"mode": "virtual", "school": None, "position": None}, {"position": (51.0, 0.6)}],
    ids=["longer", "another kind", "another place"],
)
def test_a_longer_session_another_kind_or_another_place_is_an_update(changed: dict[str, Any]) -> None:
    first = what_to_tell([make_session()], {}, NAMES)
    news = what_to_tell([make_session(**changed)], told_after(first), NAMES)
    assert summary(news) == {("moved", "E0001", 1), ("moved", "900001", 1)}


def test_a_visit_goes_to_the_offers_own_place_where_it_has_one() -> None:
    visit: dict[str, Any] = {"mode": "workplace", "school": None}
    for offer, postcode in (("E0001-A1", "ZZ1 1AA"), ("E0001-A9", "ZZ3 3CC")):
        news = what_to_tell([make_session(**visit, offer=offer)], {}, NAMES)
        assert {data.place for _, data in news} == {f"Harbour Foods, {postcode}"}


def test_a_lost_encounter_is_cancelled_and_may_come_back_with_a_higher_sequence() -> None:
    told = told_after(what_to_tell([make_session()], {}, NAMES))
    gone = what_to_tell([], told, NAMES)
    assert summary(gone) == {("cancelled", "E0001", 1), ("cancelled", "900001", 1)}
    told |= told_after(gone)
    assert what_to_tell([], told, NAMES) == []
    back = what_to_tell([make_session()], told, NAMES)
    assert summary(back) == {("confirmed", "E0001", 2), ("confirmed", "900001", 2)}


def test_a_school_hears_only_of_its_own_students() -> None:
    both = [
        {"group": "900001-Y9-01", "school": "900001", "year": 9, "students": 28},
        {"group": "900002-Y9-01", "school": "900002", "year": 9, "students": 12},
    ]
    shared = make_session(mode="virtual", school=None, position=None, attendances=both)
    news = what_to_tell([shared], {}, NAMES)
    seats = {data.party: sum(one.students for one in data.attendances) for _, data in news}
    assert seats == {"E0001": 40, "900001": 28, "900002": 12}

    smaller = make_session(mode="virtual", school=None, position=None, attendances=both[:1])
    after = what_to_tell([smaller], told_after(news), NAMES)
    assert summary(after) == {("moved", "E0001", 1), ("cancelled", "900002", 1)}
