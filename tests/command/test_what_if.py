"""`encounters solve --what-if`: a change of the problem tried on the plan in force."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.command.what_if import DoesNotApply, effect, patched_problem, read_patch
from services.matching.planning.checker import check
from services.matching.planning.reading import InvalidFile, ProblemFile, read_problem, read_timetable
from services.matching.planning.writing import timetable_to_json, write_json
from tests.matching.planning.builders import make_file, make_group, make_offer, make_session, timetable_of

TOLD = (make_session(G1=25, G2=25),)
FEWER_SEATS = [{"op": "replace", "path": "/offers/0/seats", "value": 30}]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.command.app", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def file() -> ProblemFile:
    return make_file(groups=[make_group("G1"), make_group("G2")], offers=[make_offer(seats=50, max_sessions=1)])


@pytest.fixture
def paths(file: ProblemFile, tmp_path: Path) -> dict[str, Path]:
    """Give a problem, its timetable and a patch as files."""
    named = {name: tmp_path / f"{name}.json" for name in ("problem", "timetable", "patch", "new", "changed")}
    write_json(named["problem"], file.raw)
    write_json(named["timetable"], timetable_to_json(timetable_of(file, list(TOLD))))
    write_json(named["patch"], FEWER_SEATS)
    return named


def test_a_change_is_a_repair_of_the_plan_in_force(file: ProblemFile) -> None:
    after = patched_problem(file, FEWER_SEATS, TOLD)
    assert after.problem.policy.repair
    assert after.problem.in_force == TOLD
    assert after.problem.offers[0].seats == 30
    assert file.problem.offers[0].seats == 50
    assert "in_force" not in file.raw or file.raw["in_force"] is None


def test_the_effect_names_who_gains_who_loses_and_whom_it_touches(file: ProblemFile) -> None:
    after = patched_problem(file, FEWER_SEATS, (make_session(G2=25),))
    sessions = (make_session(G1=25),)
    repaired = replace(timetable_of(after, list(sessions)), stats={"seconds": 1.25})
    assert check(after, repaired).violations == ()
    assert list(effect(file.problem, after.problem, repaired)) == [
        "Students covered: 25 before, 25 after (as many).",
        "Gain: 1 group of 25 students: Year 9 of School S1 (G1) 25.",
        "Lose: 1 group of 25 students: Year 9 of School S1 (G2) 25.",
        "Touched: 1 employer and 1 school; all others keep what they were told.",
        "  Employer E1: 25 students not as they were told, 25 students new",
        "  School S1: 25 students not as they were told, 25 students new",
        "No plan of the changed problem can cover more than 50 (that is everybody).",
        "Answered in 1.2 s.",
    ]


def test_a_group_that_is_gone_loses_and_it_its_school_and_its_employer_are_touched(file: ProblemFile) -> None:
    after = patched_problem(file, [{"op": "remove", "path": "/groups/1"}], TOLD)
    repaired = replace(timetable_of(after, [make_session(G1=25)]), stats={"seconds": 0})
    told = list(effect(file.problem, after.problem, repaired))
    assert told[0] == "Students covered: 50 before, 25 after (25 fewer)."
    assert told[1:7] == [
        "Gain: no group.",
        "Lose: 1 group of 25 students: Year 9 of School S1 (G2) 25.",
        "Touched: 1 employer and 1 school, and 1 group no longer there; all others keep what they were told.",
        "  Employer E1: 25 students not as they were told",
        "  School S1: 25 students not as they were told",
        "  group G2, no longer there: 25 students not as they were told",
    ]


def test_an_offer_that_is_gone_and_a_school_that_closed_are_named_by_their_ids(file: ProblemFile) -> None:
    told = (make_session(school="S9", G9=25), make_session("X2", G1=25))
    after = patched_problem(file, [{"op": "replace", "path": "/offers/0/id", "value": "O2"}], told)
    repaired = replace(timetable_of(after, []), stats={"seconds": 0})
    assert list(effect(file.problem, after.problem, repaired))[3:8] == [
        "Touched: 0 employers and 2 schools, and 1 offer and 1 group no longer there; all others keep what they were told.",
        "  School S1: 25 students not as they were told",
        "  school S9, no longer there: 25 students not as they were told",
        "  offer O1, no longer there: 50 students not as they were told",
        "  group G9, no longer there: 25 students not as they were told",
    ]


def test_nobody_touched_is_said(file: ProblemFile) -> None:
    after = patched_problem(file, [{"op": "replace", "path": "/offers/0/seats", "value": 60}], TOLD)
    repaired = replace(timetable_of(after, list(TOLD)), stats={"seconds": 0})
    assert "Touched: nobody. All that people have been told stands." in list(
        effect(file.problem, after.problem, repaired)
    )


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ([*FEWER_SEATS, {"op": "remove", "path": "/offers/7"}], "/1"),
        ([{"op": "test", "path": "/offers/0/seats", "value": 3}], "/0"),
        ([{"op": "add", "path": "/nowhere/deep", "value": 1}], "/0"),
        ([{"op": "shake", "path": "/offers"}], "/0"),
        ([{"path": "/offers"}], "/0"),
        ([{"op": "remove", "path": 5}], "/0"),
        ([{"op": ["add"], "path": "/offers/0", "value": 1}], "/0"),
        ([{"op": "add", "path": "/hub/name/x", "value": 1}], "/0"),
    ],
)
def test_the_operation_that_does_not_apply_is_named(file: ProblemFile, patch: list[Any], pointer: str) -> None:
    with pytest.raises(DoesNotApply) as refused:
        patched_problem(file, patch, TOLD)
    assert refused.value.fault.pointer == pointer


@pytest.mark.parametrize("patch", [[{"op": "replace", "path": "", "value": 3}], [{"op": "remove", "path": "/offers"}]])
def test_a_patch_that_leaves_no_problem_is_refused(file: ProblemFile, patch: list[Any]) -> None:
    with pytest.raises(InvalidFile):
        patched_problem(file, patch, TOLD)


@pytest.mark.parametrize(("text", "pointer"), [('{"op": "remove"}', ""), ("[{}, 3]", "/1")])
def test_what_is_no_patch_is_refused(tmp_path: Path, text: str, pointer: str) -> None:
    (tmp_path / "patch.json").write_text(text)
    with pytest.raises(DoesNotApply) as refused:
        read_patch(tmp_path / "patch.json")
    assert refused.value.fault.pointer == pointer


def test_the_command_tells_the_effect_and_what_it_writes_can_be_checked(paths: dict[str, Path]) -> None:
    options = ("--what-if", paths["patch"], "--from", paths["timetable"], "--problem-out", paths["changed"])
    done = run("solve", paths["problem"], *options, "-o", paths["new"], "--seconds", "20")
    assert done.returncode == 0, done.stderr
    assert "Students covered: 50 before, 25 after (25 fewer)." in done.stdout
    assert "Employer E1: 25 students not as they were told" in done.stdout
    assert read_timetable(paths["new"]).problem_sha256 == read_problem(paths["changed"]).sha256
    assert run("check", paths["changed"], paths["new"]).returncode == 0


def test_what_cannot_be_tried_is_refused_with_pointers(paths: dict[str, Path], file: ProblemFile) -> None:
    what_if = ("solve", paths["problem"], "-o", paths["new"], "--what-if", paths["patch"])
    assert "name the timetable that is, with --from" in run(*what_if).stderr
    write_json(paths["patch"], [{"op": "replace", "path": "/offers/0/seats", "value": 0}])
    done = run(*what_if, "--from", paths["timetable"])
    assert done.returncode == 2
    assert "/offers/0/seats: `seats` is 0, outside what is allowed." in done.stderr
    tree = timetable_to_json(timetable_of(file, list(TOLD)))
    tree["sessions"][0]["start"] = "2026-10-06T09:01"
    write_json(paths["timetable"], json.loads(json.dumps(tree)))
    done = run(*what_if, "--from", paths["timetable"])
    assert done.returncode == 2
    assert "/sessions/0: the plan breaks a rule" in done.stderr
    assert not paths["new"].exists()


def test_a_timetable_of_another_problem_is_not_the_one_in_force(paths: dict[str, Path], file: ProblemFile) -> None:
    write_json(paths["problem"], {**file.raw, "note": "changed"})
    options = ("--what-if", paths["patch"], "--from", paths["timetable"])
    done = run("solve", paths["problem"], *options, "-o", paths["new"])
    assert done.returncode == 2
    assert "/problem_sha256: the timetable is of another problem" in done.stderr


def test_what_the_problem_has_in_force_is_taken_where_no_timetable_is_named(
    paths: dict[str, Path], file: ProblemFile
) -> None:
    sessions = timetable_to_json(timetable_of(file, list(TOLD)))["sessions"]
    write_json(paths["problem"], {**file.raw, "in_force": {"sessions": sessions}})
    done = run("solve", paths["problem"], "--what-if", paths["patch"], "-o", paths["new"], "--seconds", "0")
    assert done.returncode == 0, done.stderr
    assert "Students covered: 50 before, " in done.stdout
    assert read_timetable(paths["new"]).stats["touched"]
