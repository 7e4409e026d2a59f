"""Kafka's jars: fetched once into the user's cache, each by its coordinates, and trusted by its checksum only.

`python -m services.command.embedded` fetches them ahead of time; `make lock` writes the lock anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.command.embedded.children import CannotStart

KAFKA_FILES = Path(__file__).parents[3] / "deploy" / "kafka"
"""Kafka's coordinates, lock and properties; they lie in the repository, beside the packages."""
_LOCK_FILE = KAFKA_FILES / "jgo.lock.toml"
_TRIES = 4
_FETCHED_AT_A_TIME = 12


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar of the lock file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinates(self) -> str:
        """Maven coordinates, group:artifact:version."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def path(self, cache: Path) -> Path:
        """Where the jar lies in a Maven repository rooted at `cache`."""
        return cache.joinpath(
            *self.group.split("."), self.artifact, self.version, f"{self.artifact}-{self.version}.jar"
        )

    def is_intact(self, cache: Path) -> bool:
        """Whether the jar is in the cache with the bytes that the lock names."""
        path = self.path(cache)
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


class JarsUnavailable(CannotStart):
    """Kafka's jars could not be fetched, or what came was not what the lock names."""


def locked_jars(lock_file: Path = _LOCK_FILE) -> list[Jar]:
    """Jars named by the lock file, in class path order. Raises JarsUnavailable outside of a checkout of the project."""
    if not lock_file.exists():
        raise JarsUnavailable(
            f"{lock_file} is missing: the embedded Kafka needs a checkout of the project; else set KAFKA_BOOTSTRAP_SERVERS"
        )
    lock = tomllib.loads(lock_file.read_text())
    return [Jar(d["groupId"], d["artifactId"], d["version"], d["sha256"]) for d in lock["dependencies"]]


def jar_cache() -> Path:
    """Folder of the user's cache that holds the jars, shared by all checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seven-encounters" / "jars"


def kafka_class_path(cache: Path | None = None) -> str:
    """Java class path of Kafka; fetches the jars that the cache lacks or holds damaged. Raises JarsUnavailable."""
    cache = cache or jar_cache()
    jars = locked_jars()
    if missing := _missing(jars, cache):
        with _alone(cache):
            _fetch(_missing(missing, cache), cache)
    return os.pathsep.join(str(jar.path(cache)) for jar in jars)


def _missing(jars: list[Jar], cache: Path) -> list[Jar]:
    return [jar for jar in jars if not jar.is_intact(cache)]


def _fetch(jars: list[Jar], cache: Path) -> None:
    from jgo.maven import MavenContext
    from requests import RequestException

    context = MavenContext(repo_cache=cache, local_repos=[], timeout=60)
    faults: dict[str, str] = {}

    def fetch(jar: Jar) -> None:
        jar.path(cache).unlink(missing_ok=True)
        try:
            context.create_dependency(jar.coordinates).artifact.resolve()
        except (RequestException, RuntimeError, OSError) as error:
            faults[jar.coordinates] = str(error)
            return
        if not jar.is_intact(cache):
            faults[jar.coordinates] = "its SHA-256 is not the one in the lock file"
            jar.path(cache).unlink(missing_ok=True)

    for _ in range(_TRIES):
        faults.clear()
        with ThreadPoolExecutor(_FETCHED_AT_A_TIME) as pool:
            list(pool.map(fetch, jars))
        jars = [jar for jar in jars if jar.coordinates in faults]
        if not jars:
            return
    coordinates, fault = next(iter(faults.items()))
    raise JarsUnavailable(
        f"{len(faults)} of Kafka's jars could not be fetched after {_TRIES} tries, {coordinates} among them: {fault}. "
        "Check the network and run `make setup` again, or set KAFKA_BOOTSTRAP_SERVERS to a Kafka of yours"
    )


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Keep a second process from writing the same files; it waits here and then finds them."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
