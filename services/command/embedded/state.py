"""The state directory: who holds it, where its servers answer, and how a running product is told to stop."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from services.command.embedded.children import CannotStart

_LOCK = "lock"
_ADDRESSES = "addresses.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Kafka and PostgreSQL answer; the database URL is that of an owner who may create roles and databases."""

    kafka_bootstrap: str
    database_url: str


class AlreadyRunning(CannotStart):
    """Another process of this machine holds the state directory."""

    def __init__(self, state_dir: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{who} already runs on the state directory {state_dir}: stop it with `encounters down`, "
            "or name another directory with ENCOUNTERS_STATE_DIR"
        )
        self.state_dir = state_dir
        self.pid = pid


@contextmanager
def hold(state_dir: Path) -> Iterator[Path]:
    """Create the state directory, readable by its owner only, and hold it; yields its absolute path.

    The hold is a lock of the kernel, so it ends with the process however that ends. Raises AlreadyRunning.
    """
    state = state_dir.expanduser().absolute()
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    with (state / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(state, _pid_in(lock.name)) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        try:
            yield state
        finally:
            (state / _ADDRESSES).unlink(missing_ok=True)
            lock.truncate(0)


def publish(state: Path, addresses: Addresses) -> None:
    """Tell other commands on this machine where the servers answer, in a file that only the owner reads."""
    unfinished = state / f"{_ADDRESSES}.new"
    unfinished.write_text(json.dumps(asdict(addresses)))
    unfinished.chmod(0o600)
    unfinished.replace(state / _ADDRESSES)


def holder(state_dir: Path) -> int | None:
    """Process that holds the state directory, or None when nobody does."""
    path = state_dir.expanduser().absolute() / _LOCK
    if not path.exists():
        return None
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid_in(path)
    return None


def addresses_in_use(state_dir: Path) -> Addresses | None:
    """Addresses of the product that runs on the state directory, or None when none does or it is still starting."""
    path = state_dir.expanduser().absolute() / _ADDRESSES
    if holder(state_dir) is None or not path.exists():
        return None
    return Addresses(**json.loads(path.read_text()))


def stop_running(state_dir: Path, *, timeout_seconds: float = 60) -> int | None:
    """Ask the product on the state directory to stop and wait until it has; returns its process id, None when none ran.

    Raises TimeoutError when it still holds the directory after `timeout_seconds`.
    """
    pid = holder(state_dir)
    if pid is None:
        return None
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_seconds
    while holder(state_dir) == pid:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"process {pid} has not stopped within {timeout_seconds:g} s; see the logs in {state_dir}/logs"
            )
        time.sleep(0.05)
    return pid


def _pid_in(path: str | Path) -> int | None:
    text = Path(path).read_text().strip()
    return int(text) if text.isdigit() else None
