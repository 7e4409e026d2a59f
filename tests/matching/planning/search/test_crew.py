"""The workers of a run end with it, whatever has happened to them."""

from __future__ import annotations

import psutil

from services.matching.planning.search.crew import Crew


def test_a_crew_ends_though_a_worker_died_before_it_took_what_it_was_sent() -> None:
    with Crew(2) as crew:
        workers = [psutil.Process(pid) for pid in crew.pids]
        workers[0].kill()
        workers[0].wait()
        crew.tell(0, "a message that stays unsent")
    assert not any(worker.is_running() for worker in workers)
