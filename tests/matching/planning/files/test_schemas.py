"""The published schemas say what the reader takes and the writer writes."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.matching.planning import reading_problem
from services.matching.planning.explanation_check import CODES
from services.matching.planning.levels import LEVELS, SENSES
from services.matching.planning.model import Policy
from services.matching.planning.reading import problem_file_from_json, problem_from_json
from services.matching.planning.rules import RULES
from services.matching.planning.search.touched import touched_by
from services.matching.planning.writing import json_number, problem_to_json, timetable_to_json
from tests.matching.planning.builders import AT_10, make_offer, make_school, make_session, make_tree, timetable_of

SCHEMAS = Path(__file__).parents[4] / "schemas"
PROBLEM = json.loads((SCHEMAS / "problem.v1.json").read_text())
TIMETABLE = json.loads((SCHEMAS / "timetable.v1.json").read_text())
PAGE = (SCHEMAS / "planning-files.md").read_text()


def _full_tree() -> dict[str, Any]:
    return problem_to_json(
        problem_from_json(
            make_tree(
                schools=[make_school(), make_school("S2")],
                offers=[make_offer(), make_offer("O2", mode="virtual")],
                pledges=[{"employer": "E1", "students": 3, "schools_first": ["S1"]}],
                pinned=[{"offer": "O1", "start": AT_10, "school": "S1", "group": "G1", "students": 25}],
                forbidden=[{"offer": "O1", "school": "S2"}, {"offer": "O2", "group": "G1"}],
                in_force={"sessions": []},
            )
        )
    )


def test_the_schemas_are_schemas() -> None:
    for schema in (PROBLEM, TIMETABLE):
        Draft202012Validator.check_schema(schema)


def test_what_is_written_fits_the_schemas() -> None:
    tree = _full_tree()
    Draft202012Validator(PROBLEM).validate(tree)
    file = problem_file_from_json(tree)
    timetable = timetable_of(file, [make_session(at=AT_10)])
    Draft202012Validator(TIMETABLE).validate(json.loads(json.dumps(timetable_to_json(timetable))))


def test_whom_a_repair_touches_fits_the_schema() -> None:
    file = problem_file_from_json(_full_tree())
    told = (make_session("X1", at=AT_10), make_session("X2", "O2", school=None))
    touched = touched_by(replace(file.problem, in_force=told), told[:1])
    assert touched["employers"] == {"E1": {"gone": 25, "new": 0}}
    tree = timetable_to_json(timetable_of(file, [make_session(at=AT_10)], stats={"touched": touched}))
    Draft202012Validator(TIMETABLE).validate(json.loads(json.dumps(tree)))
    tree["stats"]["touched"]["schools"]["S1"].pop("new")
    assert not Draft202012Validator(TIMETABLE).is_valid(json.loads(json.dumps(tree)))


def test_the_schema_lists_exactly_the_fields_that_are_written() -> None:
    tree, defs = _full_tree(), PROBLEM["$defs"]
    assert set(PROBLEM["properties"]) == set(tree)
    for section, record in (
        ("schools", "school"),
        ("groups", "group"),
        ("employers", "employer"),
        ("offers", "offer"),
        ("pledges", "pledge"),
        ("pinned", "pin"),
    ):
        assert set(defs[record]["properties"]) == set(tree[section][0]), record
    assert set(defs["policy"]["properties"]) == set(tree["policy"])
    assert set(defs["policy"]["properties"]["points"]["properties"]) == set(tree["policy"]["points"])


def test_the_schemas_defaults_are_the_readers() -> None:
    described, policy = PROBLEM["$defs"]["policy"]["properties"], Policy()
    for field in fields(Policy):
        default = getattr(policy, field.name)
        if field.name == "points":
            for point, how in described["points"]["properties"].items():
                assert how["default"] == json_number(getattr(default, point))
        elif isinstance(default, tuple):
            assert described[field.name]["default"] == list(default)
        else:
            assert described[field.name]["default"] == (
                default if isinstance(default, int) else json_number(default)
            ), field.name


def test_the_schemas_limits_are_the_readers() -> None:
    for section in ("schools", "groups", "employers", "offers"):
        most = getattr(reading_problem, f"MOST_{section.upper()}")
        assert PROBLEM["properties"][section]["maxItems"] == most
        assert f"{most:,}" in PAGE
    assert f"{reading_problem.MOST_WINDOWS:,}" in PAGE


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("groups", "year", 14),
        ("groups", "size", 0),
        ("groups", "needed", 5),
        ("groups", "modes", None),
        ("groups", "sectors_asked", ["V"]),
        ("schools", "position", [91, 0]),
        ("schools", "hosting_limit", "1"),
        ("employers", "sectors", []),
        ("employers", "radius_km", -1),
        ("offers", "mode", "by post"),
        ("offers", "max_schools", None),
        ("offers", "seats", 0),
        ("pinned", "start", "2026-10-06T24:00"),
        ("forbidden", "group", "G1"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(section: str, field: str, value: Any) -> None:
    tree = _full_tree()
    tree[section][0][field] = value
    assert not Draft202012Validator(PROBLEM).is_valid(tree)


def test_the_timetables_codes_and_levels_are_those_of_the_program() -> None:
    assert TIMETABLE["$defs"]["unmet"]["properties"]["code"]["enum"] == list(CODES)
    assert set(TIMETABLE["$defs"]["level"]["properties"]["name"]["enum"]) == set(SENSES)


def test_the_page_tells_of_every_rule_level_and_reason() -> None:
    for code in (*(rule.code for rule in RULES), *LEVELS, *CODES):
        assert f"| `{code}` |" in PAGE, code
    for name in PROBLEM["$defs"]["policy"]["properties"]:
        assert f"`{name}`" in PAGE
