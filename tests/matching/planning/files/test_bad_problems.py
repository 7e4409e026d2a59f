"""Every kind of bad input is refused with a JSON pointer and a remedy, all faults at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.matching.planning.faults import InvalidFile
from services.matching.planning.reading import problem_from_json, read_problem, read_timetable
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    AT_10,
    make_employer,
    make_group,
    make_offer,
    make_school,
    make_tree,
)


def pointers(tree: Any) -> list[str]:
    """Give the pointers of what is wrong with a problem; each fault must have words and a remedy."""
    with pytest.raises(InvalidFile) as refused:
        problem_from_json(tree)
    for fault in refused.value.faults:
        assert fault.message
        assert fault.remedy
    return [fault.pointer for fault in refused.value.faults]


def _with(tree: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """Set a value at a pointer; an Ellipsis takes it away."""
    *way, last = pointer.strip("/").split("/")
    node: Any = tree
    for step in way:
        node = node[int(step)] if isinstance(node, list) else node[step]
    if value is ...:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return tree


def _tree() -> dict[str, Any]:
    return make_tree(
        policy={"points": {}},
        pledges=[{"employer": "E1", "students": 10}],
        pinned=[{"offer": "O1", "start": AT_10, "school": "S1", "group": "G1", "students": 25}],
        forbidden=[{"offer": "O1", "school": "S2"}],
        schools=[make_school(), make_school("S2")],
        in_force={"sessions": [_told()]},
    )


def _told() -> dict[str, Any]:
    return {
        "id": "X",
        "offer": "gone",
        "start": AT_9,
        "school": None,
        "attendances": [{"group": "gone", "students": 3}],
    }


def test_the_whole_tree_is_valid_as_it_stands() -> None:
    assert problem_from_json(_tree()).pledges[0].students == 10


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/format", "seven-encounters/problem/2"),
        ("/format", ...),
        ("/hub", ...),
        ("/hub", "Kent"),
        ("/hub/id", 7),
        ("/hub/time_zone", "Europe/Atlantis"),
        ("/hub/time_zone", "../../etc/passwd"),
        ("/academic_year", "2026/28"),
        ("/academic_year", "2026"),
        ("/calendars", ...),
        ("/calendars", []),
        ("/schools", ...),
        ("/schools", {}),
        ("/schools/0", "S1"),
        ("/schools/0/id", ""),
        ("/schools/0/id", 1),
        ("/schools/0/position", [51]),
        ("/schools/0/position", ["51", "1"]),
        ("/schools/0/position", [91, 0]),
        ("/schools/0/position", [True, 0]),
        ("/schools/0/hosting_limit", -1),
        ("/schools/0/hosting_limit", 1.5),
        ("/schools/0/hosting_limit", "1"),
        ("/schools/0/hosting_limit", True),
        ("/schools/0/fsm_share", 1.01),
        ("/schools/0/fsm_share", None),
        ("/schools/0/special", "yes"),
        ("/schools/0/special", None),
        ("/groups/0/school", ...),
        ("/groups/0/school", "S9"),
        ("/groups/0/year", 6),
        ("/groups/0/year", 14),
        ("/groups/0/size", 0),
        ("/groups/0/size", -3),
        ("/groups/0/size", 1_000_001),
        ("/groups/0/size", None),
        ("/groups/0/calendars", "G1-0"),
        ("/groups/0/calendars/0", "nowhere"),
        ("/groups/0/calendars/0", 3),
        ("/groups/0/needed", 0),
        ("/groups/0/needed", 5),
        ("/groups/0/sectors_asked", ["V"]),
        ("/groups/0/sectors_asked", "C"),
        ("/groups/0/modes", ["online"]),
        ("/groups/0/modes", None),
        ("/groups/0/max_travel_km", -1),
        ("/groups/0/max_travel_km", None),
        ("/groups/0/may_split", 1),
        ("/employers/0/sectors", []),
        ("/employers/0/radius_km", ...),
        ("/employers/0/radius_km", None),
        ("/employers/0/max_sessions", -1),
        ("/employers/0/max_sessions_per_day", "two"),
        ("/offers/0/employer", "E9"),
        ("/offers/0/mode", "by post"),
        ("/offers/0/mode", 1),
        ("/offers/0/calendars", ...),
        ("/offers/0/duration_minutes", 0),
        ("/offers/0/max_sessions", 0),
        ("/offers/0/seats", 0),
        ("/offers/0/seats", -5),
        ("/offers/0/years", [9, 14]),
        ("/offers/0/years", [9.5]),
        ("/offers/0/max_schools", None),
        ("/offers/0/max_schools", 0),
        ("/offers/0/presenter", ""),
        ("/offers/0/presenter", None),
        ("/offers/0/meaningful", {"purpose": 1}),
        ("/offers/0/meaningful", None),
        ("/pledges/0/employer", "E9"),
        ("/pledges/0/students", 0),
        ("/pledges/0/schools_first", ["S9"]),
        ("/pledges", None),
        ("/pinned/0/offer", "O9"),
        ("/pinned/0/group", "G9"),
        ("/pinned/0/school", "S9"),
        ("/pinned/0/start", "2026-10-06 09:00"),
        ("/pinned/0/start", "2026-10-06T09:00:00"),
        ("/pinned/0/start", "2026-10-06T09:00Z"),
        ("/pinned/0/start", "2026-02-30T09:00"),
        ("/pinned/0/start", "２０２６-10-06T09:00"),
        ("/pinned/0/start", 20261006),
        ("/forbidden/0/offer", "O9"),
        ("/forbidden/0/school", None),
        ("/policy", None),
        ("/policy/start_step_minutes", 0),
        ("/policy/speed_kmh", 0),
        ("/policy/speed_kmh", 1e-9),
        ("/policy/floor_share", 2),
        ("/policy/stem_sectors", ["Z"]),
        ("/policy/points/asked", "3"),
        ("/policy/points/asked", -1),
        ("/policy/min_part", 0),
        ("/policy/repair", None),
        ("/in_force/sessions", ...),
        ("/in_force/sessions/0/start", "2027-03-28T01:30"),
        ("/in_force/sessions/0/attendances", []),
        ("/in_force/sessions/0/attendances/0/students", 0),
    ],
)
def test_a_bad_value_is_named_by_its_pointer(pointer: str, value: Any) -> None:
    found = pointers(_with(_tree(), pointer, value))
    assert any(each == pointer or each.startswith(pointer + "/") for each in found), found


@pytest.mark.parametrize(
    "pointer",
    [
        "/groups/0/sectors_asked",
        "/groups/0/sectors_met",
        "/groups/0/adjustments",
        "/employers/0/max_sessions",
        "/employers/0/max_sessions_per_day",
        "/offers/0/adjustments",
        "/pledges/0/schools_first",
        "/in_force",
    ],
)
def test_null_stands_for_absent_where_the_default_is_none(pointer: str) -> None:
    assert problem_from_json(_with(_tree(), pointer, None)).groups


@pytest.mark.parametrize(
    ("windows", "pointer"),
    [
        ([["2026-10-06T09:00"]], "/calendars/G1-0/0"),
        (["2026-10-06T09:00/10:00"], "/calendars/G1-0/0"),
        ([{"start": 1, "end": 2}], "/calendars/G1-0/0"),
        ([["2026-10-06T09:00", 10]], "/calendars/G1-0/0/1"),
        ([[None, "2026-10-06T09:00"]], "/calendars/G1-0/0/0"),
        ([["2026-10-06T10:00", "2026-10-06T09:00"]], "/calendars/G1-0/0"),
        ([["2026-10-06T09:00", "2026-10-06T09:00"]], "/calendars/G1-0/0"),
        ([["2026-10-06T22:00", "2026-10-07T00:30"]], "/calendars/G1-0/0"),
        ([["2026-10-06T09:00", "2026-10-06T10:00"], ["2026-10-06T09:55", "2026-10-06T11:00"]], "/calendars/G1-0/1"),
        ([["2026-10-06T09:00", "2026-10-06T10:00"], ["2026-10-05T09:00", "2026-10-05T10:00"]], "/calendars/G1-0/1"),
        ([["2026-10-25T00:00", "2026-10-25T01:30"]], "/calendars/G1-0/0/1"),
        ([["2027-03-28T01:00", "2027-03-28T09:30"]], "/calendars/G1-0/0/0"),
        ("2026-10-06T09:00", "/calendars/G1-0"),
    ],
)
def test_a_bad_window_is_named(windows: Any, pointer: str) -> None:
    tree = make_tree()
    tree["calendars"]["G1-0"] = windows
    assert pointers(tree) == [pointer]


def test_windows_that_touch_and_one_that_ends_at_midnight_are_valid() -> None:
    windows = [["2026-10-06T09:00", "2026-10-06T10:00"], ["2026-10-06T10:00", "2026-10-07T00:00"]]
    assert problem_from_json(make_tree(groups=[make_group(on=windows)])).calendars["G1-0"][1].end % 1440 == 0


def test_a_pointer_is_escaped() -> None:
    tree = make_tree()
    tree["calendars"]["a/b~c"] = [["x", "y"]]
    assert pointers(tree) == ["/calendars/a~1b~0c/0/0", "/calendars/a~1b~0c/0/1"]


@pytest.mark.parametrize("section", ["schools", "groups", "employers", "offers"])
def test_an_id_taken_twice_is_named(section: str) -> None:
    tree = make_tree()
    tree[section].append(dict(tree[section][0]))
    assert f"/{section}/1/id" in pointers(tree)


@pytest.mark.parametrize(
    ("pointer", "value", "remedy"),
    [
        ("/offers/0/seats", 0, "Write a whole number 1 or more"),
        ("/offers/0/seats", 10**30, "Write a whole number from 1 to 1,000,000,000,000,000"),
        ("/groups/0/size", 10**7, "Write a whole number from 1 to 1,000,000"),
        ("/groups/0/max_travel_km", -1, "Write a number at least 0"),
        ("/groups/0/max_travel_km", 1e300, "Write a number at least 0 and at most 1,000,000,000,000,000"),
        ("/schools/0/fsm_share", 1.5, "Write a number at least 0 and at most 1"),
    ],
)
def test_a_number_out_of_range_is_told_the_end_that_it_is_beyond(pointer: str, value: float, remedy: str) -> None:
    with pytest.raises(InvalidFile) as refused:
        problem_from_json(_with(_tree(), pointer, value))
    assert (refused.value.faults[0].pointer, refused.value.faults[0].remedy) == (pointer, remedy)


def test_a_ban_names_the_school_or_the_group() -> None:
    assert pointers(make_tree(forbidden=[{"offer": "O1"}])) == ["/forbidden/0"]
    assert pointers(make_tree(forbidden=[{"offer": "O1", "school": "S1", "group": "G1"}])) == ["/forbidden/0"]


def test_all_faults_are_told_at_once_up_to_fifty() -> None:
    few = make_tree(groups=[make_group(f"G{number}", size=0) for number in range(7)])
    assert pointers(few) == [f"/groups/{number}/size" for number in range(7)]
    many = make_tree(groups=[make_group(f"G{number}", size=0) for number in range(80)])
    assert len(pointers(many)) == 50


PIN = {"offer": "O1", "start": AT_10, "school": "S1", "group": "G1", "students": 25}


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("window", {"pinned": [{**PIN, "start": "2026-10-06T14:00"}]}),
        ("step", {"pinned": [{**PIN, "start": "2026-10-06T10:02"}]}),
        ("seats", {"pinned": [PIN], "offers": [make_offer(seats=24)]}),
        ("years", {"pinned": [PIN], "groups": [make_group(year=13)]}),
        ("schools", {"pinned": [{**PIN, "school": None}]}),
        ("schools", {"pinned": [PIN], "offers": [make_offer(mode="virtual")]}),
        ("presenter", {"pinned": [PIN, {**PIN, "start": "2026-10-06T10:30"}], "groups": [make_group(needed=2)]}),
        ("hosting", {"pinned": [PIN], "schools": [make_school(hosting_limit=0)]}),
        ("distance", {"pinned": [PIN], "employers": [make_employer(position=[53, 0])]}),
        ("mode", {"pinned": [PIN], "groups": [make_group(modes=["virtual"])]}),
        ("adjustments", {"pinned": [PIN], "groups": [make_group(adjustments=["signed"])]}),
        ("whole", {"pinned": [{**PIN, "students": 24}]}),
        ("needed", {"pinned": [PIN, {**PIN, "start": "2026-10-06T11:00"}]}),
        ("forbidden", {"pinned": [PIN], "forbidden": [{"offer": "O1", "group": "G1"}]}),
    ],
)
def test_pins_that_break_a_rule_by_themselves_are_named_with_it(rule: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidFile) as refused:
        problem_from_json(make_tree(**fields))
    assert refused.value.faults[0].pointer == "/pinned/0"
    assert any(f"`{rule}`" in fault.message for fault in refused.value.faults)


def test_contradictory_pins_are_all_named() -> None:
    pins = [PIN, {**PIN, "group": "G2", "start": "2026-10-06T11:00"}, {**PIN, "start": "2026-10-07T10:00"}]
    groups = [make_group("G1", on=ALL_WEEK), make_group("G2", on=ALL_WEEK)]
    with pytest.raises(InvalidFile) as refused:
        problem_from_json(make_tree(pinned=pins, groups=groups, offers=[make_offer(max_sessions=3)]))
    assert [str(fault) for fault in refused.value.faults] == [
        "/pinned/0: the pins /pinned/0, /pinned/2 together break the rule `needed`: group G1 (Year 9, School S1) needs "
        "1 encounter and has 2. Unpin one of them, or change what the rule is about."
    ]


def test_what_is_no_strict_json_is_told_with_all_else_that_is_wrong() -> None:
    text = json.dumps(_tree())
    text = text.replace('"year": 9', '"year": 6, "size": 25').replace('"radius_km": 20', '"radius_km": NaN')
    text = text.replace('"School S2"', '"\\ud800"').replace('"Hub"', "7").replace('"G1-0": ', '"\\udc00": 5, "G1-0": ')
    with pytest.raises(InvalidFile) as refused:
        read_problem(text.encode())
    assert sorted(fault.pointer for fault in refused.value.faults) == [
        "/calendars",
        "/employers/0/radius_km",
        "/groups/0/size",
        "/groups/0/year",
        "/hub/name",
        "/schools/1/name",
    ]
    assert all("object at" not in fault.message for fault in refused.value.faults)


@pytest.mark.parametrize(
    ("timetable", "pointer"),
    [
        ({"format": "x"}, "/format"),
        ({"sessions": [{"id": "X", "offer": "O", "start": AT_9, "attendances": []}]}, "/sessions/0/attendances"),
        ({"sessions": [_told(), _told()]}, "/sessions/1/id"),
        ({"sessions": [{**_told(), "start": "2026-10-25T01:00"}]}, "/sessions/0/start"),
        ({"levels": [{"name": "covered", "value": "many"}]}, "/levels/0/value"),
        ({"proof": {"covered": 1, "bound": 1, "gap": 0, "method": "x", "certificate": 5}}, "/proof/certificate"),
        ({"proof": {"covered": -1, "bound": 1, "gap": 0, "method": "x"}}, "/proof/covered"),
        ({"unmet": [{"group": "G1", "students": 1, "code": "mode", "facts": []}]}, "/unmet/0/facts"),
        ({"remedies": [{"patch": []}]}, "/remedies/0/patch"),
        ({"stats": []}, "/stats"),
        ({"problem_sha256": ...}, "/problem_sha256"),
    ],
)
def test_a_timetable_of_a_wrong_form_is_refused(timetable: dict[str, Any], pointer: str) -> None:
    whole: dict[str, Any] = {
        "format": "seven-encounters/timetable/1",
        "problem_sha256": "0" * 64,
        "sessions": [],
        "levels": [],
        "proof": {"covered": 0, "bound": 0, "gap": 0, "method": "students", "certificate": None},
        "unmet": [],
        "remedies": [],
        "stats": {},
        **timetable,
    }
    raw = json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()
    with pytest.raises(InvalidFile) as refused:
        read_timetable(raw, time_zone="Europe/London")
    assert pointer in [fault.pointer for fault in refused.value.faults]
