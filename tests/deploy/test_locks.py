"""What is installed is what was locked: every package and jar by checksum, every lock in step with its source."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from services.command.embedded.jars import KAFKA_FILES, JarsUnavailable, jar_cache, kafka_class_path, locked_jars

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
WANTED = {
    "requirements.lock": RUNTIME,
    "requirements-matching.lock": [*RUNTIME, *EXTRAS["matching"]],
    "requirements-setup.lock": GROUPS["setup"],
    "requirements-dev.lock": [*RUNTIME, *EXTRAS["matching"], *EXTRAS["embedded"], *GROUPS["dev"], *GROUPS["setup"]],
}


def locked(name: str) -> dict[str, set[str]]:
    """Give the versions of each package in a lock; several where platforms or Pythons differ."""
    versions: dict[str, set[str]] = {}
    for entry in re.findall(r"^(\S+==.+(?:\n +--hash=.+)*)", (ROOT / name).read_text(), re.MULTILINE):
        pinned = Requirement(entry.split("\\")[0].strip())
        assert "--hash=sha256:" in entry, f"{name}: {pinned} has no checksum"
        versions.setdefault(canonicalize_name(pinned.name), set()).add(str(pinned.specifier).removeprefix("=="))
    return versions


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_holds_all_that_the_project_asks_for(name: str) -> None:
    versions = locked(name)
    for wanted in map(Requirement, WANTED[name]):
        found = versions.get(canonicalize_name(wanted.name), set())
        assert found, f"{wanted} is not in {name}: run `make lock`"
        assert all(wanted.specifier.contains(version) for version in found), f"{wanted} in {name}: run `make lock`"


@pytest.mark.parametrize("name", WANTED)
def test_the_locks_agree(name: str) -> None:
    everything = locked("requirements-dev.lock")
    assert all(versions <= everything[package] for package, versions in locked(name).items())


def test_no_committed_lock_names_a_place_to_fetch_from() -> None:
    for lock in [*(ROOT / name for name in WANTED), KAFKA_FILES / "jgo.lock.toml"]:
        assert "://" not in lock.read_text()


def test_every_jar_of_kafka_is_locked_by_checksum() -> None:
    jars = locked_jars()
    asked = tomllib.loads((KAFKA_FILES / "jgo.toml").read_text())["dependencies"]["coordinates"]
    assert set(asked) <= {jar.coordinates for jar in jars}
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in jars)


def test_a_damaged_jar_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kafka_class_path()  # what set-up leaves in the cache
    jars = locked_jars()
    for jar in jars:
        jar.path(tmp_path).parent.mkdir(parents=True, exist_ok=True)
        jar.path(tmp_path).symlink_to(jar.path(jar_cache()))
    assert kafka_class_path(tmp_path).count(str(tmp_path)) == len(jars)

    damaged = jars[0].path(tmp_path)
    damaged.unlink()
    damaged.write_bytes(b"not the jar")

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("jgo.maven.Artifact.resolve", no_network)
    with pytest.raises(JarsUnavailable, match=rf"1 of Kafka's jars .*{re.escape(jars[0].coordinates)}.*make setup"):
        kafka_class_path(tmp_path)
    assert not damaged.exists()


def test_make_lists_its_commands() -> None:
    listed = subprocess.run(["make", "-s", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    for command in ("setup", "demo", "test", "lint", "bench", "bench-engine", "lock", "clean"):
        assert re.search(rf"^  make {command} +\w", listed, re.MULTILINE)
