"""`encounters solve`, `check` and `explain`: what they print, write and exit with."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.matching.planning.model import Remedy, Unmet
from services.matching.planning.reading import read_problem, read_timetable
from services.matching.planning.writing import timetable_to_json, write_json
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    MONDAY,
    MONDAY_AM,
    make_employer,
    make_file,
    make_group,
    make_offer,
    make_session,
    make_tree,
    timetable_of,
)


def run(*arguments: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "services.command.app", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture
def tree() -> dict[str, Any]:
    """Give three groups: one is placed, one could be, one can only be seen on a day that nobody offers."""
    return make_tree(
        groups=[
            make_group(on=ALL_WEEK),
            make_group("G2", on=ALL_WEEK, size=30),
            make_group("G3", on=[["2026-10-08T09:00", "2026-10-08T10:00"]], size=10),
        ],
        employers=[make_employer()],
        offers=[make_offer(seats=30)],
    )


@pytest.fixture
def problem(tmp_path: Path, tree: dict[str, Any]) -> Path:
    """Give the path of that problem."""
    write_json(tmp_path / "problem.json", tree)
    return tmp_path / "problem.json"


@pytest.fixture
def timetable(tmp_path: Path, problem: Path) -> Path:
    """Give the path of an honest timetable of it, with a remedy."""
    file = read_problem(problem)
    remedy = Remedy(
        text="Offer O1 also on Thursday morning.",
        kind="window",
        cost_minutes=60,
        patch=[{"op": "add", "path": "/calendars/O1-0/-", "value": ["2026-10-08T09:00", "2026-10-08T10:00"]}],
        would_cover=10,
        sessions=(make_session("X2", at="2026-10-08T09:00", G3=10),),
    )
    write_json(
        tmp_path / "timetable.json",
        timetable_to_json(timetable_of(file, [make_session()], remedies=(remedy,))),
    )
    return tmp_path / "timetable.json"


def test_check_says_that_all_holds(problem: Path, timetable: Path) -> None:
    done = run("check", problem, timetable)
    assert (done.returncode, done.stderr) == (0, "")
    assert "25 of 65 students covered; certified: at most 65 can be." in done.stdout
    assert "All holds: 1 sessions, every rule, level and claim, 2 reasons, 1 remedies." in done.stdout


def test_check_tells_each_finding_and_exits_1(problem: Path, timetable: Path) -> None:
    tree = json.loads(timetable.read_text())
    tree["sessions"][0]["start"] = "2026-10-06T09:01"
    timetable.write_text(json.dumps(tree))
    done = run("check", problem, timetable)
    assert done.returncode == 1
    assert "step /sessions/0: Session X1 starts at 2026-10-06T09:01" in done.stdout


def test_checks_json_is_one_object(problem: Path, timetable: Path) -> None:
    report = json.loads(run("check", problem, timetable, "--json").stdout)
    assert report["holds"] is True
    assert (report["students"], report["covered"], report["certified_bound"]) == (65, 25, 65)
    assert [level["name"] for level in report["levels"]][:2] == ["floor_shortfall", "covered"]
    assert report["violations"] == []


def test_a_bad_problem_exits_2_with_pointers_and_remedies(problem: Path, timetable: Path, tree: dict[str, Any]) -> None:
    tree["groups"][0]["size"] = 0
    tree["offers"][0]["employer"] = "E9"
    write_json(problem, tree)
    done = run("check", problem, timetable, "--json")
    assert done.returncode == 2
    assert [fault["pointer"] for fault in json.loads(done.stdout)["faults"]] == ["/groups/0/size", "/offers/0/employer"]
    assert (
        "/groups/0/size: `size` is 0, outside what is allowed. Write a whole number from 1 to 1,000,000." in done.stderr
    )
    assert run("explain", problem, timetable).returncode == 2
    assert run("solve", problem, "-o", problem.with_name("out.json")).returncode == 2


def test_a_bad_timetable_exits_2(problem: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"format": "seven-encounters/timetable/1", "format": 1}')
    done = run("check", problem, tmp_path / "bad.json")
    assert done.returncode == 2
    assert "bad.json is not a valid timetable" in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_tells_coverage_reasons_and_remedies(problem: Path, timetable: Path) -> None:
    told = run("explain", problem, timetable).stdout
    assert "25 of 65 students (38.5%) have an encounter, in 1 sessions." in told
    assert "Below their guaranteed share: School S1 (25 of 33)." in told
    assert "no-common-window: 1 group, 10 students." in told
    assert (
        "Year 9 of School S1 (G3, 10 students) can only be seen on Thursdays; not even the one offer within reach"
        in told
    )
    assert "not-proven: 1 group, 30 students." in told
    assert "1. Offer O1 also on Thursday morning: 10 more students for 60 minutes" in told


def test_explain_tells_of_one_group(problem: Path, timetable: Path) -> None:
    assert (
        "Tuesday 6 October 2026 at 09:00: Employer E1 (O1) (sessions in school): all"
        in run("explain", problem, timetable, "--group", "G1").stdout
    )
    left_out = run("explain", problem, timetable, "--group", "G3").stdout
    assert "Year 9 of School S1 (G3, 10 students) can only be seen on Thursdays" in left_out
    assert "[no-common-window]" in left_out
    assert "What would help:\n  Offer O1 also on Thursday morning" in left_out
    missing = run("explain", problem, timetable, "--group", "G9")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "there is no group 'G9'" in missing.stderr


def test_explain_refuses_the_timetable_of_another_problem(problem: Path, timetable: Path, tree: dict[str, Any]) -> None:
    write_json(problem, {**tree, "note": "changed"})
    done = run("explain", problem, timetable)
    assert done.returncode == 2
    assert "/problem_sha256: the timetable is of another problem" in done.stderr


def test_explain_survives_codes_and_facts_of_others(tmp_path: Path) -> None:
    file = make_file(groups=[make_group(), make_group("G2", on=ALL_WEEK)])
    write_json(tmp_path / "p.json", file.raw)
    honest = timetable_of(file, [make_session()])
    odd = (Unmet("G2", 25, "bad luck", {"luck": None}, ("nobody",)), Unmet("gone", 3, "mode", {"nearest": 4}))
    write_json(tmp_path / "t.json", timetable_to_json(replace(honest, unmet=odd)))
    done = run("explain", tmp_path / "p.json", tmp_path / "t.json")
    assert done.returncode == 0
    assert "bad luck: 1 group, 25 students." in done.stdout
    assert "Group gone (3 students) is left out" in done.stdout
    assert run("explain", tmp_path / "p.json", tmp_path / "t.json", "--group", "G2").returncode == 0


def test_solve_writes_a_timetable_that_check_accepts(problem: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json.gz"
    done = run("solve", problem, "-o", out, "--seconds", "6", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r": 2 sessions, 55 students covered; at most [56]\d could be \(.+\), a gap of \d+\.\d\d%$",
        done.stdout,
        re.MULTILINE,
    )
    assert read_timetable(out).proof.covered == 55
    assert run("check", problem, out).returncode == 0


def test_solve_tells_its_progress_as_one_object_a_line(problem: Path, tmp_path: Path) -> None:
    done = run("solve", problem, "-o", tmp_path / "out.json", "--seconds", "3", "--progress-json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (lines[-1]["phase"], lines[-1]["covered"]) == ("done", read_timetable(tmp_path / "out.json").proof.covered)
    assert all(set(line) == {"phase", "covered", "bound", "seconds"} for line in lines)
    assert done.stderr == ""


def test_solve_is_quiet_when_asked(problem: Path, tmp_path: Path) -> None:
    done = run("solve", problem, "-o", tmp_path / "out.json", "--seconds", "2", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_solve_without_any_time_still_writes_a_valid_plan_with_its_pins(tree: dict[str, Any], tmp_path: Path) -> None:
    tree["pinned"] = [{"offer": "O1", "start": f"{MONDAY}T09:00", "school": "S1", "group": "G1", "students": 25}]
    write_json(tmp_path / "p.json", tree)
    assert run("solve", tmp_path / "p.json", "-o", tmp_path / "t.json", "--seconds", "0").returncode == 0
    assert run("check", tmp_path / "p.json", tmp_path / "t.json").returncode == 0
    assert read_timetable(tmp_path / "t.json").sessions


def test_solve_refuses_beforehand_what_cannot_be_written(problem: Path, tmp_path: Path) -> None:
    for output in (tmp_path, tmp_path / "none" / "t.json"):
        done = run("solve", problem, "-o", output, "--seconds", "60")
        assert done.returncode == 2
        assert "Name a file in a folder that exists" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_with_the_best_plan_so_far(number: signal.Signals, tmp_path: Path) -> None:
    offers = [
        make_offer(f"O{place}", presenter=f"P{place}", seats=40 + place % 7, mode="virtual") for place in range(40)
    ]
    groups = [make_group(f"G{place}", on=ALL_WEEK, size=11 + place % 13) for place in range(160)]
    write_json(tmp_path / "p.json", make_tree(groups=groups, offers=offers))
    command = [sys.executable, "-m", "services.command.app", "solve", tmp_path / "p.json", "-o", tmp_path / "t.json"]
    with subprocess.Popen(
        [*map(str, command), "--seconds", "600", "--progress-json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        os.kill(process.pid, number)
        try:
            told, _ = process.communicate(timeout=60)  # a tenth of what it may take where nobody ends it
        finally:
            process.kill()
    assert (process.returncode, json.loads(told.splitlines()[-1])["phase"]) == (0, "done")
    assert run("check", tmp_path / "p.json", tmp_path / "t.json").returncode == 0


def interrupted_at(module: str, number: signal.Signals, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command, and send it a signal as it begins to load a module."""
    script = (
        "import os, sys\n"
        "from services.command.app import main\n"
        "class Interrupting:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Interrupting)\n"
        "main()"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["typer", "services.command.solving", "services.matching.planning.model"])
def test_a_signal_while_it_loads_ends_it_without_a_trace(
    module: str, number: signal.Signals, problem: Path, tmp_path: Path
) -> None:
    done = interrupted_at(module, number, "solve", problem, "-o", tmp_path / "t.json")
    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")
    assert not (tmp_path / "t.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_it_reads_the_problem_ends_it_with_a_plan(
    number: signal.Signals, problem: Path, tmp_path: Path
) -> None:
    done = interrupted_at("services.matching.planning.solve", number, "solve", problem, "-o", tmp_path / "t.json")
    assert done.returncode == 0, done.stderr
    assert run("check", problem, tmp_path / "t.json").returncode == 0


@pytest.mark.parametrize("options", [["--progress-json"], []])
def test_a_plan_is_written_though_nobody_reads_how_it_gets_on(
    problem: Path, tmp_path: Path, options: list[str]
) -> None:
    command = [sys.executable, "-m", "services.command.app", "solve", problem, "-o", tmp_path / "t.json"]
    nobody, told = os.pipe()
    os.close(nobody)
    done = subprocess.run([*map(str, command), "--seconds", "2", *options], stdout=told, stderr=told, check=False)
    os.close(told)
    assert run("check", problem, tmp_path / "t.json").returncode == 0
    assert done.returncode == 0


def test_help_teaches_with_examples() -> None:
    for command in ("solve", "check", "explain"):
        told = run(command, "--help").stdout
        assert f"encounters {command} problem.json" in told
        assert "Exit code 0" in told


def test_check_and_explain_never_load_a_solver(problem: Path, timetable: Path) -> None:
    script = (
        "import sys; from services.command.app import main\n"
        f"sys.argv = ['encounters', sys.argv[1], {str(problem)!r}, {str(timetable)!r}]\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "sys.exit(any(name.split('.')[0] in ('ortools', 'highspy') for name in sys.modules))"
    )
    for command in ("check", "explain"):
        assert subprocess.run([sys.executable, "-c", script, command], capture_output=True, check=False).returncode == 0


def test_a_start_that_the_clocks_skip_is_refused_in_a_timetable_too(problem: Path, timetable: Path) -> None:
    timetable.write_text(timetable.read_text().replace(AT_9, "2027-03-28T01:30"))
    done = run("check", problem, timetable)
    assert done.returncode == 2
    assert "/sessions/0/start: 2027-03-28T01:30 does not exist in Europe/London" in done.stderr


def test_explain_tells_the_best_set_of_asks_within_a_budget(tmp_path: Path) -> None:
    file = make_file(groups=[make_group(on=ALL_WEEK), make_group("G2", on=ALL_WEEK)], offers=[make_offer(seats=25)])
    write_json(tmp_path / "p.json", file.raw)
    write_json(tmp_path / "t.json", timetable_to_json(timetable_of(file, [make_session(G1=25)])))
    paths = (tmp_path / "p.json", tmp_path / "t.json")
    assert "`--asks MINUTES` finds the asks" in run("explain", *paths).stdout
    done = run("explain", *paths, "--asks", "500")
    assert done.returncode == 0, done.stderr
    assert "With this 1 ask (" in done.stdout
    assert " minutes of people's time), 25 more students:\n   1. Ask " in done.stdout
    assert "--asks MINUTES" not in done.stdout
    assert "No ask within 1 minutes of people's time was found" in run("explain", *paths, "--asks", "1").stdout
    assert run("explain", *paths, "--asks", "5", "--group", "G1").returncode == 2


def test_explain_finds_what_would_help_a_group_that_no_remedy_of_the_timetable_helps(
    problem: Path, timetable: Path
) -> None:
    write_json(timetable, {**json.loads(timetable.read_text()), "remedies": []})
    assert (
        "What would help, by students gained for each minute asked:\n   1. Ask "
        in run("explain", problem, timetable).stdout
    )
    told = run("explain", problem, timetable, "--group", "G3").stdout
    assert "What would help:\n  Ask " in told
    assert ": 10 more students for " in told
    assert "help" not in run("explain", problem, timetable, "--group", "G1").stdout


def test_a_repair_says_whom_it_touches(tmp_path: Path) -> None:
    told = {"id": "X", "offer": "O1", "start": AT_9, "school": "S1", "attendances": [{"group": "G1", "students": 25}]}
    tree = make_tree(policy={"repair": True}, in_force={"sessions": [told]}, groups=[make_group(on=MONDAY_AM)])
    write_json(tmp_path / "p.json", tree)
    paths = (tmp_path / "p.json", tmp_path / "t.json")
    done = run("solve", paths[0], "-o", paths[1], "--seconds", "0")
    said = "Touched: 1 employer and 1 school; all others keep what they were told.\n  Employer E1: 25 students not as they were told"
    assert said in done.stdout
    assert said in run("explain", *paths).stdout
