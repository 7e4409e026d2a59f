"""Runs the planning engine in a process of its own, so that a run out of memory or out of mind takes nothing with it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_KILL_AFTER_SECONDS = 3.0
_MOST_ERROR_BYTES = 20_000
_OVERTIME_SECONDS = 120.0
"""How long past its budget a run may still check and write before it counts as hanging."""


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """What a run says of itself: students covered, proven bound, seconds since it began."""

    phase: str
    covered: int
    bound: int
    seconds: float

    @property
    def tells_of_a_plan(self) -> bool:
        """Whether it tells of a plan that was found, and not of a tighter bound."""
        return self.phase not in ("bound", "proof")


class PlanningFailed(Exception):
    """The engine ended without a checked timetable; `lasting` where trying again would not help.

    `said` are the engine's own words: they may name people, and are for the coordinator, never for logs.
    """

    def __init__(self, message: str, *, said: str = "", lasting: bool = False) -> None:
        super().__init__(message)
        self.said = said
        self.lasting = lasting


async def run_engine(
    problem: Path, timetable: Path, seconds: float, workers: int, on_progress: Callable[[ProgressLine], None]
) -> None:
    """Plan the problem file into the timetable file; their folder is for this run alone. Raises PlanningFailed.

    When the caller is cancelled, the process and all that it started are gone before this returns; when the caller's
    process is killed, they end by themselves, because their standard input closes.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.matching.plan_process", str(problem), "-o", str(timetable)),
        *("--seconds", str(seconds), "--workers", str(workers), "--forget"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds + _OVERTIME_SECONDS):
            _, errors = await asyncio.gather(_follow(process, on_progress), _last_words(process))
            code = await process.wait()
    except TimeoutError:
        raise PlanningFailed(f"the run was not over {_OVERTIME_SECONDS:.0f} s after its budget") from None
    finally:
        await _end(process)
    if code == 2:
        raise PlanningFailed("the problem is invalid", said=errors, lasting=True)
    if code == 1:
        raise PlanningFailed("the plan broke rules and was thrown away", said=errors)
    if code != 0:
        raise PlanningFailed(f"the engine ended with code {code}", said=errors)


async def _follow(process: asyncio.subprocess.Process, on_progress: Callable[[ProgressLine], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    async for line in process.stdout:
        with suppress(ValueError, TypeError):  # a library's print is no progress
            on_progress(ProgressLine(**json.loads(line)))


async def _last_words(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None  # noqa: S101 - it was asked for
    said = b""
    while some := await process.stderr.read(65_536):
        said = (said + some)[-_MOST_ERROR_BYTES:]
    return said.decode("utf-8", "replace").strip()[-2000:]


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process group: asked first, made to after a while."""
    with suppress(ProcessLookupError):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _KILL_AFTER_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()
