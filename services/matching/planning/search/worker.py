"""A worker process: takes one job, reports every better plan at once, and may be killed at any time.

Started as `python -m services.matching.planning.search.worker`; messages go over its standard input and output. When the
planning process goes, its input ends, and so does the worker.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from typing import IO, TYPE_CHECKING, Any

from services.matching.planning.model import Problem
from services.matching.planning.search.frames import receive, send
from services.matching.planning.search.messages import Done, Failed, Found, Job

if TYPE_CHECKING:
    from services.matching.planning.search.rows import Rows


def _listen(stream: IO[bytes], inbox: queue.Queue[Any]) -> None:
    try:
        while True:
            inbox.put(receive(stream))
    except (EOFError, OSError):
        os._exit(0)


def main() -> None:
    """Serve one job."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not fall between the messages
    inbox: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, inbox), daemon=True).start()
    from services.matching.planning.search.phases import PHASES, Desk, load_loops

    load_loops()  # while the problem is on its way

    def report(rows: Rows, values: tuple[int, ...], phase: str) -> None:
        send(out, Found(rows, values, phase))

    job, problem = inbox.get(), inbox.get()
    if not (isinstance(job, Job) and isinstance(problem, Problem)):
        raise TypeError("the first messages of a worker are its job and the problem")
    desk = Desk(problem, job, report, lambda message: send(out, message), inbox)
    for name in job.phases:
        try:
            PHASES[name](desk)
        except Exception as error:  # a phase that fails loses its own work only
            traceback.print_exc()
            send(out, Failed(name, f"{type(error).__name__}: {error}"))
    send(out, Done(desk.log))
    inbox.get()  # until the planning process closes our input


if __name__ == "__main__":
    main()
