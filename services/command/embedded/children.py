"""Child processes that never outlive the product: started, watched, stopped, and found again after a crash."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

_LOG_LINES_SHOWN = 15


class CannotStart(RuntimeError):
    """The embedded form can't run here; the message says why and what to do."""


class ChildFailed(CannotStart):
    """A server of the embedded form did not start, or ended by itself."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        super().__init__(f"{name} {what}. The end of {log}:\n{_last_lines(log)}")
        self.name = name
        self.log = log


class Child:
    """One server process. It has a session of its own, so that Ctrl-C reaches the product, which then stops it in order."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, None before the start."""
        return self._process.pid if self._process else None

    def spawn(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        on_parent_death: signal.Signals,
        unprivileged: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `command` in `folder`, its output appended to the log; `environment` adds to the product's own.

        On Linux the kernel sends `on_parent_death` when the thread that calls this ends, so call it from the main thread.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".previous.log"))
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*launcher(on_parent_death, unprivileged=unprivileged), *command],
                cwd=folder,
                env={**os.environ, **environment} if environment else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def has_ended(self) -> bool:
        """Whether the process is over, or was never started."""
        return self._process is None or self._process.poll() is not None

    def check(self) -> None:
        """Raise ChildFailed when the process has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise ChildFailed(self.name, f"ended with code {self._process.returncode}", self.log)

    async def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal in turn and wait its seconds, then kill; returns when the process is gone."""
        for sent, seconds in (*steps, (signal.SIGKILL, 30.0)):
            if self._process is None or self._process.poll() is not None:
                return
            self._process.send_signal(sent)
            deadline = time.monotonic() + seconds
            while self._process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - a process has no asyncio.Event
                await asyncio.sleep(0.02)


def launcher(on_parent_death: signal.Signals, *, unprivileged: bool = False) -> list[str]:
    """Words before a command that tie it to its parent's life and, for root and `unprivileged`, run it as `nobody`.

    PostgreSQL refuses to run as root. As `nobody` it keeps the one capability that lets it pass folders of root.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if unprivileged and os.geteuid() == 0:
            raise CannotStart(
                "PostgreSQL does not run as root and `setpriv` (package util-linux), which would change its user, is missing: "
                "run as another user, or set DATABASE_URL"
            )
        return []
    words = [setpriv, f"--pdeathsig={on_parent_death.name.removeprefix('SIG')}"]
    if unprivileged and os.geteuid() == 0:
        words += [
            "--reuid=nobody",
            "--regid=nogroup",
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
        ]
    return [*words, "--"]


def end_orphans(mark: str, ask: signal.Signals) -> list[int]:
    """End what a killed product left behind: processes with `mark` as a word of their command; returns their ids.

    Only for the holder of the state directory, so that nobody's living children are met.
    """
    orphans = [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or ())]
    alive = orphans
    for sent in (ask, signal.SIGKILL):
        for orphan in alive:
            with suppress(psutil.NoSuchProcess):
                orphan.send_signal(sent)
        _, alive = psutil.wait_procs(alive, timeout=10)
    return [orphan.pid for orphan in orphans]


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-_LOG_LINES_SHOWN:]) or "(empty)"
