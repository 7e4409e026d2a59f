"""The README stays true: its commands exist with these options, its make targets too, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from services.command.app import HOMES, build

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
    while hasattr(command, "commands"):
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
