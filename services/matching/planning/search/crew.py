"""The workers of one planning run, seen from the planning process: started, told, listened to, ended."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil

from services.matching.planning.search.frames import packed, receive, send_packed

_WORKER = "services.matching.planning.search.worker"


MEASURE_SECONDS = 3.0


def _memory_bytes(process: psutil.Process) -> int:
    """Read the proportional set size where the system tells it, else the resident size."""
    memory = process.memory_full_info()
    return int(getattr(memory, "pss", memory.rss))


@dataclass(frozen=True)
class Lost:
    """A worker has gone without having finished."""


@dataclass
class Used:
    """What a run's processes have used: CPU seconds of the workers, and the largest memory of all (proportional, MB)."""

    cpu_seconds: float = 0.0
    peak_memory_mb: int = 0


class Crew:
    """Worker processes; what they send arrives in `inbox` as (worker, message). A context manager that ends them all.

    The first is there at once, to load while the problem is read; any other starts when it is first told something, so
    that they do not take the first one's time.
    """

    def __init__(self) -> None:
        self.inbox: queue.Queue[tuple[int, Any]] = queue.Queue()
        self.used = Used()
        self._measured_at = 0.0
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start()

    def _start(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the planning process, which still needs what they have found
        )
        self._processes.append(process)
        threading.Thread(target=self._listen, args=(len(self._processes) - 1,), daemon=True).start()

    def _listen(self, number: int) -> None:
        stream = self._processes[number].stdout
        if stream is None:
            return
        try:
            while True:
                self.inbox.put((number, receive(stream)))
        except (EOFError, OSError):
            self.inbox.put((number, Lost()))

    @property
    def pids(self) -> list[int]:
        """Return the process ids of all workers that are started."""
        return [process.pid for process in self._processes]

    def tell(self, number: int, message: Any) -> None:
        """Send a worker a message, once it is started; one that has gone is left alone."""
        while number >= len(self._processes):
            self._start()
        self.send(number, packed(message))

    def send(self, number: int, body: bytes) -> None:
        """Send a worker that is started a message that is packed already."""
        stream = self._processes[number].stdin
        with contextlib.suppress(OSError):  # it has gone
            if stream is not None:
                send_packed(stream, body)

    def measure_now_and_then(self) -> None:
        """Measure at most every few seconds: reading proportional memory is not free."""
        if time.monotonic() - self._measured_at > MEASURE_SECONDS:
            self.measure()

    def measure(self) -> None:
        """Measure what this process and its workers use."""
        self._measured_at = time.monotonic()
        cpu, memory = 0.0, _memory_bytes(psutil.Process())
        for process in self._processes:
            with contextlib.suppress(psutil.Error):
                worker = psutil.Process(process.pid)
                cpu += sum(worker.cpu_times()[:2])
                memory += _memory_bytes(worker)
        self.used.cpu_seconds = max(self.used.cpu_seconds, cpu)
        self.used.peak_memory_mb = max(self.used.peak_memory_mb, memory // 1_000_000)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what one that died has not taken is still to be written
                        stream.close()
