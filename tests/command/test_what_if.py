"""`encounters solve --what-if`: a change of the problem tried on the plan in force."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from services.command.what_if import RefusedChange, changed, effect, read_patch
from services.matching.planning.checker import check
from services.matching.planning.reading import InvalidFile, ProblemFile
from services.matching.planning.search.touched import touched_by
from tests.matching.planning.builders import AT_9, make_file, make_group, make_offer, make_session, timetable_of


@pytest.fixture
def file() -> ProblemFile:
    return make_file(groups=[make_group("G1"), make_group("G2")], offers=[make_offer(seats=50, max_sessions=1)])


def test_a_change_is_planned_as_a_repair_of_the_timetable_in_force(file: ProblemFile) -> None:
    told = timetable_of(file, [make_session(G1=25, G2=25)])
    after = changed(file, [{"op": "replace", "path": "/offers/0/seats", "value": 30}], told)
    assert after.problem.policy.repair
    assert after.problem.in_force == told.sessions
    assert after.problem.offers[0].seats == 30
    assert file.problem.offers[0].seats == 50  # the given problem stays as it is
    sessions = (make_session(G1=25),)
    repaired = timetable_of(after, list(sessions))
    repaired = replace(repaired, stats={"touched": touched_by(after.problem, sessions)})
    assert check(after, repaired).violations == ()
    assert effect(file.problem, after, repaired).splitlines() == [
        "What if: 25 students covered instead of 50 (-25); 25 students who have been told would be moved.",
        "Employers touched, with students gone and new: Employer E1 (-25 +0).",
        "Schools touched, with students gone and new: School S1 (-25 +0).",
    ]


def test_what_the_problem_has_in_force_is_taken_where_no_timetable_is_named(file: ProblemFile) -> None:
    session = {
        "id": "X1",
        "offer": "O1",
        "start": AT_9,
        "school": "S1",
        "attendances": [{"group": "G1", "students": 25}],
    }
    tree = {**file.raw, "in_force": {"sessions": [session]}}
    after = changed(replace(file, raw=tree), [], None)
    assert after.problem.in_force is not None
    assert after.problem.in_force[0].id == "X1"


def test_a_change_that_cannot_be_tried_is_refused(file: ProblemFile, tmp_path: Path) -> None:
    told = timetable_of(file, [make_session()])
    with pytest.raises(RefusedChange, match="--in-force"):
        changed(file, [], None)
    with pytest.raises(RefusedChange, match="does not apply"):
        changed(file, [{"op": "remove", "path": "/offers/7"}], told)
    with pytest.raises(InvalidFile, match="seats"):
        changed(file, [{"op": "replace", "path": "/offers/0/seats", "value": 0}], told)
    patch = tmp_path / "patch.json"
    for text in ("{", '{"op": "remove"}', "[3]"):
        patch.write_text(text)
        with pytest.raises(RefusedChange, match="JSON Patch"):
            read_patch(patch)
    patch.write_text(json.dumps([{"op": "remove", "path": "/offers/0"}]))
    assert read_patch(patch) == [{"op": "remove", "path": "/offers/0"}]
