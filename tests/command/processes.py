"""The product's command as people run it: in a process of its own, with what it says, until it is told to stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

COMMAND = (sys.executable, "-m", "services.command.app")
_REAL = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "DATABASE_ADMIN_URL", "DATABASE_ROLES_PASSWORD", "PORTAL_URL")


def environment(**variables: str) -> dict[str, str]:
    """Give this process's environment without the addresses of a real product, and with `variables`."""
    return {name: value for name, value in os.environ.items() if name not in _REAL} | variables


class Program:
    """A command that runs, and all that it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def said(self) -> str:
        """Give all that it has said."""
        return self._log.read_text()

    def wait_for(self, pattern: str, seconds: float = 180) -> re.Match[str]:
        """Wait until it says something that fits."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.said(), re.MULTILINE):
                return found
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.said()}"
            time.sleep(0.1)
        raise AssertionError(f"it did not say {pattern!r} within {seconds} s:\n{self.said()}")

    def family(self) -> list[psutil.Process]:
        """Give its process and all below it."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def stop(self, sent: signal.Signals = signal.SIGINT, seconds: float = 60) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(sent)
        return self.process.wait(seconds)


@contextmanager
def program(log: Path, variables: Mapping[str, str], *words: str) -> Iterator[Program]:
    """Run a command until the block ends; whatever happens, nothing of it is left running."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, *words], stdout=output, stderr=subprocess.STDOUT, env=environment(**variables), cwd=log.parent
        )
    running = Program(process, log)
    try:
        yield running
    finally:
        if process.poll() is None:
            family = running.family()
            process.terminate()
            _, alive = psutil.wait_procs(family, timeout=60)
            for one in alive:
                one.kill()
            process.wait()


def listening(family: list[psutil.Process]) -> set[tuple[str, int]]:
    """Give the addresses and ports on which processes listen."""
    return {
        (one.laddr.ip.removeprefix("::ffff:"), one.laddr.port)
        for process in family
        for one in process.net_connections()
        if one.status == psutil.CONN_LISTEN
    }
