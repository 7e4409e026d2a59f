"""The tree tells the story: what lies at the top, services of one anatomy, tests beside what they test, no place to fetch from."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from shared.database import SERVICES

ROOT = Path(__file__).parents[1]
TOP = {"pyproject.toml", "services", "shared", "schemas", "deploy", "tests", "README.md", "Makefile", ".ci"}
LOCKS = {f"requirements{part}.lock" for part in ("", "-dev", "-matching", "-setup")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked() -> list[str]:
    """Give the project's files; what people have lying beside them is none of its business."""
    words = ["git", "ls-files"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [name for name in listed if name and (ROOT / name).exists()]


def test_the_top_level_is_what_it_should_be() -> None:
    assert {name.split("/")[0] for name in tracked()} == TOP | LOCKS | {".gitignore", ".dockerignore"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_anatomy_of_all(service: str) -> None:
    wiring = inspect.signature(import_module(f"services.{service}.app").running)
    assert next(iter(wiring.parameters)) == "settings"
    tables = import_module(f"services.{service}.tables")
    assert {"inbox", "outbox"} <= set(tables.metadata.tables)
    import_module(f"services.{service}.handlers")
    assert (ROOT / "services" / service / "migrations").is_dir()
    assert list((ROOT / "tests" / service).glob("test_*.py"))


def test_no_file_names_a_registry_and_uv_s_own_lock_is_ignored() -> None:
    hosts = re.compile(rb"pypi\.org|pythonhosted\.org|repo1?\.maven\.|registry\.npmjs|--(extra-)?index-url")
    mine = Path(__file__).relative_to(ROOT).as_posix()
    assert [name for name in tracked() if name != mine and hosts.search((ROOT / name).read_bytes())] == []
    assert subprocess.run(["git", "check-ignore", "-q", "uv.lock"], cwd=ROOT, check=False).returncode == 0


def test_types_are_strict_warnings_are_errors_and_contracts_hold() -> None:
    tools = PROJECT["tool"]
    assert tools["mypy"]["strict"]
    assert set(tools["mypy"]["files"]) == {"services", "shared", "tests"}
    assert tools["pytest"]["ini_options"]["filterwarnings"] == ["error"]
    (independence,) = [one for one in tools["importlinter"]["contracts"] if one["type"] == "independence"]
    assert independence["modules"] == [f"services.{service}" for service in SERVICES]
    linter = Path(sys.executable).parent / "lint-imports"
    checked = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
