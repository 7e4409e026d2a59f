"""Compile the search ahead of time: `python -m services.matching.planning.warm`, which `make setup` runs.

The loops are compiled when they are first called, and kept beside their modules. Without this a first plan would spend its
budget on the compiler.
"""

from __future__ import annotations

import queue
import sys
import time

from services.matching.planning.scenario import fictional_area
from services.matching.planning.search.messages import Job
from services.matching.planning.search.phases import PHASES, Desk

_PHASES = ("first plan", "cover", "neighbourhoods", "polish")
_WORK_SECONDS = 4.0
"""Amount of searching, not of compiling: the job's work is counted instead of the clock."""


def warm() -> None:
    """Go through the phases that run compiled loops, on an invented hub of a few schools, in this process."""
    job = Job(
        fictional_area(schools=2).problem, time.monotonic(), _WORK_SECONDS, seed=1, deterministic=True, phases=_PHASES
    )
    desk = Desk(job, lambda *_: None, lambda _: None, queue.Queue())
    for phase in _PHASES:
        PHASES[phase](desk)


if __name__ == "__main__":
    sys.stdout.write("compiling the search, once (about a minute)\n")
    sys.stdout.flush()
    warm()
