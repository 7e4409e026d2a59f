"""What is written is read back the same, and equal content has one hash and one sequence of bytes."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.planning.model import MODES, Level, Proof, Remedy, Timetable, Unmet
from services.matching.planning.reading import (
    problem_file_from_json,
    problem_from_json,
    read_problem,
    read_timetable,
    timetable_from_json,
)
from services.matching.planning.strict_json import WrittenNumber, canonical_bytes, load_json
from services.matching.planning.writing import problem_to_json, timetable_to_json, write_json
from tests.matching.planning.builders import AT_9, make_file, make_session, make_tree

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
SHARES = st.integers(0, 1000).map(lambda thousandth: thousandth / 1000)
SECTORS = st.lists(st.sampled_from("ABCDEFGHIJKLMNOPQRSTU"), max_size=3)
POSITIONS = st.tuples(st.floats(50, 52), st.floats(0, 2)).map(list)
YEARS = st.lists(st.integers(7, 13), max_size=3)


def _optional(**fields: st.SearchStrategy[Any]) -> dict[str, Any]:
    return fields


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a valid problem as JSON: any ids, any subset of the optional fields, unknown fields too."""

    def unique(most: int, least: int = 0) -> list[str]:
        return draw(st.lists(IDS, min_size=least, max_size=most, unique=True))

    calendars, schools, employers = unique(3), unique(3, 1), unique(3, 1)

    def record(required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
        return draw(st.fixed_dictionaries(required, optional=optional))

    def some(ids: list[str]) -> Any:
        return st.lists(st.sampled_from(ids), max_size=2) if ids else st.just([])

    days = draw(st.lists(st.integers(1, 28), max_size=3, unique=True))
    windows = [[f"2026-11-{day:02}T09:00", f"2026-11-{day:02}T{draw(st.integers(10, 23))}:30"] for day in sorted(days)]
    offers = [
        record(
            {
                "id": st.just(id_),
                "employer": st.sampled_from(employers),
                "mode": st.just(mode := draw(st.sampled_from(MODES))),
                "calendars": some(calendars),
                "duration_minutes": st.integers(1, 120),
                "max_sessions": st.integers(1, 5),
                "seats": st.integers(1, 90),
                "years": YEARS,
            },
            _optional(
                max_schools=st.integers(1, 5) if mode != "virtual" else st.none() | st.integers(1, 5),
                position=POSITIONS,
                presenter=IDS,
                adjustments=st.none() | st.lists(IDS, max_size=2),
                meaningful=st.fixed_dictionaries({}, optional={"purpose": st.booleans(), "reflection": st.booleans()}),
            ),
        )
        for id_ in unique(3)
    ]
    groups = [
        record(
            {
                "id": st.just(id_),
                "school": st.sampled_from(schools),
                "year": st.integers(7, 13),
                "size": st.integers(1, 40),
                "calendars": some(calendars),
            },
            _optional(
                needed=st.integers(1, 4),
                sectors_asked=SECTORS,
                sectors_met=st.none() | SECTORS,
                stem_needed=st.booleans(),
                modes=st.lists(st.sampled_from(MODES), max_size=3),
                adjustments=st.lists(IDS, max_size=2),
                max_travel_km=st.integers(0, 50) | SHARES,
                may_split=st.booleans(),
                note=st.just({"unknown": [1.5, None]}),
            ),
        )
        for id_ in unique(4)
    ]
    optional = record(
        {},
        _optional(
            policy=st.fixed_dictionaries(
                {},
                optional={
                    "floor_share": SHARES,
                    "points": st.fixed_dictionaries({"stem": SHARES}),
                    "repair": st.booleans(),
                },
            ),
            pledges=st.lists(
                st.fixed_dictionaries(
                    {"employer": st.sampled_from(employers), "students": st.integers(1, 500)},
                    optional={"schools_first": some(schools)},
                ),
                max_size=2,
            ),
            in_force=st.none() | st.just({"sessions": [_told()]}),
            unknown=st.just("kept in the hash"),
        ),
    )
    return {
        **make_tree(schools=[], groups=[], employers=[], offers=[]),
        "calendars": dict.fromkeys(calendars, windows),
        "schools": [
            record(
                {"id": st.just(id_), "name": IDS, "position": POSITIONS, "hosting_limit": st.integers(0, 3)},
                _optional(fsm_share=SHARES, special=st.booleans()),
            )
            for id_ in schools
        ],
        "groups": groups,
        "employers": [
            record(
                {
                    "id": st.just(id_),
                    "name": IDS,
                    "position": POSITIONS,
                    "sectors": SECTORS.filter(bool),
                    "radius_km": SHARES,
                },
                _optional(stem=st.booleans(), max_sessions=st.none() | st.integers(0, 9)),
            )
            for id_ in employers
        ],
        "offers": offers,
        **optional,
    }


def _told() -> dict[str, Any]:
    return {
        "id": "X",
        "offer": "gone",
        "start": AT_9,
        "school": None,
        "attendances": [{"group": "gone", "students": 3}],
    }


@settings(max_examples=150, deadline=None)
@given(tree=problems())
def test_a_problem_written_and_read_again_is_the_same(tree: dict[str, Any]) -> None:
    problem = problem_file_from_json(load_json(json.dumps(tree).encode())).problem
    written = problem_to_json(problem)
    again = problem_from_json(load_json(json.dumps(written).encode()))
    assert again == problem
    assert problem_to_json(again) == written


def test_defaults_are_as_the_format_says() -> None:
    problem = problem_from_json(make_tree())
    written = problem_to_json(problem)
    assert written["policy"] == {
        "start_step_minutes": 5,
        "transfer_minutes": 10,
        "road_factor": 1.3,
        "speed_kmh": 40,
        "max_travel_km": 25,
        "floor_share": 0.5,
        "floor_weight_special": 2,
        "floor_weight_disadvantaged": 2,
        "disadvantaged_from": 0.35,
        "stem_sectors": ["C", "D", "F", "J", "M"],
        "points": {"asked": 3, "new_sector": 2, "stem": 3, "in_person": 2, "meaningful": 4},
        "min_part": 5,
        "repair": False,
        "move_price": 0.25,
    }
    group, offer = written["groups"][0], written["offers"][0]
    assert (group["needed"], group["modes"], group["max_travel_km"]) == (1, list(MODES), 25)
    assert (offer["max_schools"], offer["presenter"], offer["position"]) == (1, "E1", [51.0, 0.5])
    assert written["employers"][0]["stem"] is True
    assert (written["pledges"], written["pinned"], written["forbidden"], written["in_force"]) == ([], [], [], None)


@pytest.mark.parametrize(("mode", "most"), [("in_school", 1), ("workplace", 2), ("virtual", None)])
def test_max_schools_defaults_by_mode(mode: str, most: int | None) -> None:
    tree = make_tree()
    tree["offers"][0]["mode"] = mode
    assert problem_from_json(tree).offers[0].max_schools == most


def test_a_groups_travel_defaults_to_the_policys() -> None:
    assert problem_from_json(make_tree(policy={"max_travel_km": 12.5})).groups[0].max_travel_km == Decimal("12.5")


def test_decimals_are_taken_as_written() -> None:
    tree = json.dumps(make_tree()).replace(
        '"academic_year"', '"policy": {"floor_share": 0.12345678901234567890}, "academic_year"'
    )
    assert read_problem(tree.encode()).problem.policy.floor_share == Decimal("0.12345678901234567890")
    assert isinstance(load_json(b"0.12345678901234567890"), WrittenNumber)
    assert load_json(b"3.0") == 3
    assert isinstance(load_json(b"3.0"), int)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('{"b": 1.0, "a": [1e2, 0.50, -0.0, -0]}', '{"a":[100,0.5,0,0],"b":1}'),
        (
            "[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]",
            "[333333333.3333333,1e+30,4.5,0.002,1e-27]",
        ),
        ("[9007199254740993, 123456789012345678901234]", "[9007199254740992,1.2345678901234569e+23]"),
        ('"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/"', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ('{"\\u20ac": 1, "\\r": 2, "1": 4, "\\u00f6": 6, "\\ud83d\\ude00": 5}', '{"\\r":2,"1":4,"ö":6,"€":1,"😀":5}'),
    ],
)
def test_canonical_json_is_that_of_rfc_8785(text: str, canonical: str) -> None:
    assert canonical_bytes(load_json(text.encode())).decode() == canonical


def test_the_hash_sees_unknown_fields_and_not_the_layout() -> None:
    tree = make_tree()
    loose = json.dumps(tree, indent=3, sort_keys=True).encode()
    assert read_problem(loose).sha256 == read_problem(json.dumps(tree).encode()).sha256
    assert problem_file_from_json({**tree, "note": 1}).sha256 != problem_file_from_json(tree).sha256


def _timetable() -> Timetable:
    return Timetable(
        problem_sha256="0" * 64,
        sessions=(make_session(),),
        levels=(Level("floor_shortfall", Decimal("0.5"), None), Level("covered", Decimal(25), Decimal(30))),
        proof=Proof(25, 30, 1 / 6, "relaxation", {"bound": 30, "prices": [[1, 2]]}),
        unmet=(Unmet("G2", 5, "mode", {"modes": []}, ("G1",)),),
        remedies=(
            Remedy(
                "One more",
                "sessions",
                60,
                [{"op": "add", "path": "/offers/0/seats", "value": 9}],
                5,
                (make_session("N"),),
            ),
        ),
        stats={"seconds": 1.5, "phases": []},
    )


def test_a_timetable_written_and_read_again_is_the_same(tmp_path: Path) -> None:
    assert timetable_from_json(timetable_to_json(_timetable())) == _timetable()
    write_json(tmp_path / "timetable.json", timetable_to_json(_timetable()))
    assert read_timetable(tmp_path / "timetable.json") == _timetable()


def test_packed_files_are_the_same_bytes_each_time_and_read_by_content(tmp_path: Path) -> None:
    tree = problem_to_json(make_file().problem)
    first, second = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    write_json(first, tree)
    write_json(second, tree)
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(gzip.decompress(first.read_bytes())) == tree
    assert read_problem(first) == read_problem(first.read_bytes())


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_json(path, {"old": True})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"new": float("nan")})
    assert json.loads(path.read_text()) == {"old": True}
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]
