"""The README stays true: its commands exist and work, its make targets too, and its links lead somewhere.

What it says of operating is done by `tests/journeys/test_operating.py`.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from services.command.app import HOMES, build
from tests.command.processes import COMMAND

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
INLINE = re.findall(r"`(encounters [a-z-]+[^`]*|make [a-z-]+[^`]*)`", README)
COMMANDS = [line.removeprefix(".venv/bin/") for line in [*LINES, *INLINE] if line and "..." not in line]
PROGRAM = typer.main.get_command(build(HOMES.values()))


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("encounters ")])
def test_its_commands_exist_with_these_options(line: str) -> None:
    words = shlex.split(line.split("|", maxsplit=1)[0])[1:]
    command: Any = PROGRAM
    while hasattr(command, "commands") and words:
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    given = {word.split("=")[0] for word in words if word.startswith("-")}
    assert given <= known | {"--help"}, line


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_its_make_targets_exist(line: str) -> None:
    subprocess.run(["make", "--dry-run", *shlex.split(line)[1:]], cwd=ROOT, check=True, capture_output=True)


def test_every_command_is_one_of_the_two_kinds_above() -> None:
    strange = [line for line in LINES if line and not re.match(r"(\.venv/bin/encounters|make) ", line)]
    assert strange == []


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_its_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("path", re.findall(r"`((?:services|shared|schemas|deploy|tests)/[^` ]*)`", README))
def test_its_code_map_is_of_this_tree(path: str) -> None:
    assert (ROOT / path).exists()


def test_its_planning_commands_do_what_they_say_one_after_the_other(tmp_path: Path) -> None:
    """Run the block on planning with files as it stands; only the budgets are shorter."""
    (block,) = [block for block in BLOCKS if "encounters scenario" in block]
    lines = [line.split("#")[0].strip() for line in block.splitlines()]
    small = [*COMMAND, "scenario", "--schools", "2", "-o", "hubs/small.json"]
    (tmp_path / "hubs").mkdir()
    subprocess.run(small, cwd=tmp_path, check=True, capture_output=True)
    patch = [{"op": "replace", "path": "/schools/0/hosting_limit", "value": 2}]
    (tmp_path / "patch.json").write_text(json.dumps(patch))
    for line in lines:
        words = shlex.split(re.sub(r"--seconds \d+", "", line))[1:]
        budget = ["--seconds", "6"] if words[0] == "solve" else []
        done = subprocess.run(
            [*COMMAND, *words, *budget], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    for written in ("problem.json", "timetable.json", "new.json", "timetables/small.timetable.json"):
        assert (tmp_path / written).exists(), written
