"""Compile search, bound and reasons ahead of time: `python -m services.matching.planning.warm`, which `make setup` runs.

The loops are compiled when they are first called, and kept beside their modules. Without this a first plan would spend its
budget on the compiler.
"""

from __future__ import annotations

import multiprocessing
import queue
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from services.matching.planning.bound.certify import certify
from services.matching.planning.certificate import verify_certificate
from services.matching.planning.compiled import forget_others
from services.matching.planning.reading import problem_file_from_json
from services.matching.planning.scenario import fictional_area
from services.matching.planning.search.messages import Job
from services.matching.planning.search.phases import PHASES, Desk
from services.matching.planning.solve import Budget, solve
from services.matching.planning.writing import problem_to_json

_WORK_SECONDS = 4.0
"""Amount of searching, not of compiling: the job's work is counted instead of the clock."""
_TOGETHER = (("first plan", "bound", "exact", "whole hub", "neighbourhoods"), ("cover", "polish"))
"""Which phases share a process: two compile at once, each about as much. Annealing, a large part of all, is compiled by the second only."""


def warm() -> None:
    """Go through all that runs compiled loops, on an invented hub of a few schools.

    A planning run ends its workers when its time is over, and what they were compiling would be lost; here nothing is.
    """
    if {phase for phases in _TOGETHER for phase in phases} != set(PHASES):
        raise AssertionError("each phase is to be warmed by one process")
    forget_others()
    with ProcessPoolExecutor(len(_TOGETHER), multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_go_through, _TOGETHER))
    problem = fictional_area(schools=2).problem
    result = certify(problem, seconds=_WORK_SECONDS, deterministic=True)
    verify_certificate(problem, result.certificate)
    solve(problem_file_from_json(problem_to_json(problem)), Budget(_WORK_SECONDS, 1, 1, True, time.monotonic()))  # noqa: FBT003 - as the command gives it


def _go_through(phases: tuple[str, ...]) -> None:
    job = Job(time.monotonic(), _WORK_SECONDS, seed=1, deterministic=True, phases=phases)
    desk = Desk(fictional_area(schools=2).problem, job, lambda *_: None, lambda _: None, queue.Queue())
    for phase in phases:
        PHASES[phase](desk)
    if "bound" in phases:  # an outline, which small hubs do without
        certify(desk.problem, seconds=_WORK_SECONDS, deterministic=True, on_outline=desk.outlined)
        desk.searcher.begin_as_outlined()


if __name__ == "__main__":
    sys.stdout.write("compiling the search, once (about a minute)\n")
    sys.stdout.flush()
    warm()
