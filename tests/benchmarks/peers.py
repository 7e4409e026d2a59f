"""The engine's peers, by name, and the process that each runs in.

`python -m tests.benchmarks.peers NAME PROBLEM UNTIL FILE` plans with one peer until a Unix time and writes its timetable:
starting Python and reading the problem count, as they do for the engine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from services.matching.planning.model import Problem, Proof, Session, Timetable
from services.matching.planning.reading import read_problem
from services.matching.planning.writing import timetable_to_json, write_json
from tests.benchmarks.greedy_peers import best_fit, first_come_first_served
from tests.benchmarks.whole_model import cp_sat, highs

Peer = Callable[[Problem, float], tuple[Session, ...]]

PEERS: dict[str, Peer] = {
    "first come first served": first_come_first_served,
    "best fit": best_fit,
    "whole model, CP-SAT": cp_sat,
    "whole model, HiGHS": highs,
}
SECONDS_TO_WRITE = 0.5


def main() -> None:
    """Plan with one peer until the time given, and write the timetable, without levels and reasons."""
    name, problem_path, until, output = sys.argv[1:]
    file = read_problem(Path(problem_path))
    sessions = PEERS[name](file.problem, float(until) - time.time() - SECONDS_TO_WRITE)
    students = sum(group.size for group in file.problem.groups)
    covered = sum(attendance.students for session in sessions for attendance in session.attendances)
    proof = Proof(covered, students, (students - covered) / max(1, students), method="students")
    write_json(Path(output), timetable_to_json(Timetable(file.sha256, sessions, (), proof)))


if __name__ == "__main__":
    main()
