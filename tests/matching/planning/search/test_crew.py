"""The workers of a run end with it, whatever has happened to them."""

from __future__ import annotations

import subprocess
import sys

import psutil

from services.matching.planning.search.crew import Crew


def test_the_first_worker_starts_at_once_and_another_when_it_is_first_told_something() -> None:
    with Crew() as crew:
        assert len(crew.pids) == 1
        crew.tell(2, "starts the second as well")
        assert len(set(crew.pids)) == 3


def test_the_planning_process_loads_no_compiled_loops_before_its_workers_have_their_jobs() -> None:
    script = (
        "import sys, services.command.solving, services.matching.planning.search.run, services.matching.planning.search.outcome\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} & {'numba', 'ortools', 'scipy'}))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).split() == []


def test_a_crew_ends_though_a_worker_died_before_it_took_what_it_was_sent() -> None:
    with Crew() as crew:
        crew.tell(1, "starts it")
        workers = [psutil.Process(pid) for pid in crew.pids]
        workers[0].kill()
        workers[0].wait()
        crew.tell(0, "a message that stays unsent")
    assert not any(worker.is_running() for worker in workers)
