"""`encounters solve FOLDER`: hubs side by side, each in a process of its own, resumable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from services.command.solving_folder import FolderRun, Hub, solve_folder
from services.matching.planning.reading import read_problem, read_timetable
from services.matching.planning.writing import write_json
from tests.matching.planning.builders import ALL_WEEK, make_group, make_offer, make_tree


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.command.app", "solve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def hubs(tmp_path: Path) -> Path:
    """Give a folder of two problems, one of them packed, and something else beside them."""
    folder = tmp_path / "hubs"
    folder.mkdir()
    write_json(folder / "ashford.json", make_tree(groups=[make_group(size=20)]))
    write_json(folder / "bexley.json.gz", make_tree(groups=[make_group(size=25), make_group("G2", on=ALL_WEEK)]))
    (folder / "notes.txt").write_text("not a problem")
    return folder


def test_each_hub_gets_its_timetable_and_a_second_run_leaves_them_alone(hubs: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    done = run(hubs, "-o", out, "--seconds", "2", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == {"ashford.timetable.json", "bexley.timetable.json.gz"}
    covered = read_timetable(out / "ashford.timetable.json").proof.covered
    assert read_timetable(out / "ashford.timetable.json").problem_sha256 == read_problem(hubs / "ashford.json").sha256
    assert f"ashford: {covered} of 20 students covered, at most " in done.stdout
    assert "2/2  " in done.stdout
    assert "2 of 2 hubs planned" in done.stdout

    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    (hubs / "ashford.json").write_text((hubs / "ashford.json").read_text().replace('"size": 20', '"size": 21'))
    again = run(hubs, "-o", out, "--seconds", "2", "--progress-json")
    told = {line["hub"]: line for line in map(json.loads, again.stdout.splitlines())}
    assert (told["ashford"]["state"], told["ashford"]["students"]) == ("planned", 21)
    assert (told["bexley"]["state"], told["bexley"]["of"]) == ("kept", 2)
    changed = {path.name for path in out.iterdir() if path.stat().st_mtime_ns != before[path]}
    assert changed == {"ashford.timetable.json"}


def test_an_invalid_problem_is_named_and_the_rest_goes_on(hubs: Path, tmp_path: Path) -> None:
    write_json(hubs / "broken.json", make_tree(groups=[make_group(size=0)]))
    (hubs / "corby.json").write_text("{")
    done = run(hubs, "-o", tmp_path / "out", "--seconds", "1", "--quiet")
    assert (done.returncode, done.stdout) == (2, "")
    assert "/groups/0/size: `size` is 0" in done.stderr
    assert "corby.json is not a valid problem" in done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_process_that_dies_loses_its_own_hub_only(
    hubs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from services.command import solving_folder

    command = solving_folder._command
    dying = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    monkeypatch.setattr(
        solving_folder, "_command", lambda run, path, out: dying if "ash" in path.name else command(run, path, out)
    )
    folder = FolderRun(hubs, tmp_path / "out", 1.0, 1, 1, deterministic=False)
    assert solve_folder(folder, threading.Event(), quiet=False, as_json=False) == 1
    told = capsys.readouterr()
    assert "ashford: its process ended with signal 9." in told.err
    assert "1 of 2 hubs planned" in told.out
    assert "Failed (the same command tries again): ashford" in told.out
    assert read_timetable(tmp_path / "out" / "bexley.timetable.json.gz").proof.bound > 0


def test_once_asked_to_stop_no_hub_is_begun(hubs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()
    stop.set()
    folder = FolderRun(hubs, tmp_path / "out", 60.0, 2, 1, deterministic=False)
    assert solve_folder(folder, stop, quiet=False, as_json=False) == 1
    assert "Not begun (the same command goes on with them): ashford, bexley" in capsys.readouterr().out


def test_a_signal_ends_the_running_hub_with_its_best_plan_and_begins_no_other(hubs: Path, tmp_path: Path) -> None:
    offers = [
        make_offer(f"O{place}", presenter=f"P{place}", seats=40 + place % 7, mode="virtual") for place in range(40)
    ]
    groups = [make_group(f"G{place}", on=ALL_WEEK, size=11 + place % 13) for place in range(160)]
    write_json(hubs / "aldershot.json", make_tree(groups=groups, offers=offers))
    command = [sys.executable, "-m", "services.command.app", "solve", str(hubs), "-o", str(tmp_path / "out")]
    process = subprocess.Popen(
        [*command, "--seconds", "100", "--workers", "1"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while len(psutil.Process(process.pid).children(recursive=True)) < 2:  # the hub's own process, and its worker
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C does
    told, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "aldershot: " in told
    assert "ended early" in told
    assert "Not begun (the same command goes on with them): ashford, bexley" in told
    assert read_timetable(tmp_path / "out" / "aldershot.timetable.json").proof.bound > 0


def test_folders_that_cannot_be_used_are_refused(hubs: Path, tmp_path: Path) -> None:
    assert "go to another folder" in run(hubs, "-o", hubs).stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run(empty, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no problem in it" in done.stderr


def test_the_gap_is_a_part_of_the_bound() -> None:
    assert Hub("a", "planned", students=100, covered=60, bound=80).gap == 0.25
    assert Hub("a", "planned").gap == 0
