"""A planning run as a process of its own: a problem file in, a timetable file out, progress as JSON lines.

`python -m services.matching.plan_process PROBLEM -o TIMETABLE --seconds S --workers N --seed K`

Exit code 0: the timetable is written, and the checker found nothing wrong with it. 1: the checker did; 2: the problem is
invalid; standard error tells what. It ends with all its processes as soon as its standard input is closed: whoever
started it is gone; with `--forget` the files' folder goes too, for nobody else would remove it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

_STARTED = time.monotonic()


def main() -> int:
    """Plan, check, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--forget", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.problem.parent if arguments.forget else None
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    return _plan(arguments.problem, arguments.output, arguments.seconds, arguments.workers, arguments.seed)


def _plan(problem: Path, output: Path, seconds: float, workers: int, seed: int) -> int:
    from services.matching.planning.checker import check
    from services.matching.planning.faults import InvalidFile
    from services.matching.planning.reading import read_problem
    from services.matching.planning.solve import Budget, Progress, solve, start_crew
    from services.matching.planning.writing import timetable_to_json, write_json

    def tell(progress: Progress) -> None:
        line = {
            "phase": progress.phase,
            "covered": progress.covered,
            "bound": progress.bound,
            "seconds": round(progress.seconds, 1),
        }
        print(json.dumps(line), flush=True)

    with start_crew() as crew:
        try:
            problem_file = read_problem(problem)
        except InvalidFile as error:
            print(error, file=sys.stderr)
            return 2
        budget = Budget(seconds=seconds, workers=workers, seed=seed, deterministic=False, started=_STARTED)
        timetable = solve(problem_file, budget, tell, crew=crew)
    report = check(problem_file, timetable)
    if not report.holds:
        for violation in report.violations[:20]:
            print(f"{violation.pointer} {violation.code}: {violation.message}", file=sys.stderr)
        return 1
    write_json(output, timetable_to_json(timetable))
    return 0


def _end_with_parent(folder: Path | None) -> None:
    """Wait until standard input is closed, then remove the folder and kill the process group."""
    while os.read(0, 1024):
        pass
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
