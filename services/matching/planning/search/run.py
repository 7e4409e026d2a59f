"""One planning run, seen from the planning process: workers are started and heard, the best plan is kept and written."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from services.matching.planning.bound.outline import Outline
from services.matching.planning.model import Proof, Remedy, Session, Timetable, Unmet
from services.matching.planning.reading import ProblemFile
from services.matching.planning.search.crew import Crew, Lost, Used
from services.matching.planning.search.frames import packed
from services.matching.planning.search.messages import Bounded, Done, Failed, Found, Job, Prices, Proven, Shared
from services.matching.planning.search.touched import touched_by
from services.matching.planning.solve import workers_of

if TYPE_CHECKING:
    from services.matching.planning.explanation.explain import Explainer
    from services.matching.planning.search.outcome import Outcome
    from services.matching.planning.solve import Budget, Progress, StopFlag

TICK_SECONDS = 0.05
LEAST_RESERVE_SECONDS = 0.3
SHARE_SECONDS = 1.0
WORK_SHARE, STARTING_SECONDS, LEAST_WORK_SECONDS = 0.6, 1.5, 0.5
GRACE_SECONDS = 1.0
EXPLAINING_SHARE, MOST_EXPLAINING_SECONDS, STOPPED_SECONDS = 0.1, 8.0, 0.3


def phases_of(workers: int) -> list[tuple[str, ...]]:
    """Return the phases of each worker: one certifies the bound before it joins the search, as the only one after its first plan."""
    search: tuple[str, ...] = ("first plan", "cover", "neighbourhoods", "polish")
    if workers == 1:
        return [("first plan", "cover", "bound", "exact", "whole hub", "neighbourhoods", "polish")]
    return [search, ("bound", "exact", "whole hub", "neighbourhoods", "polish"), *[search] * (workers - 2)]


class Run:
    """A planning run; `timetable` carries it out, once."""

    def __init__(
        self, problem_file: ProblemFile, budget: Budget, on_progress: Callable[[Progress], None], stop: StopFlag
    ) -> None:
        self.problem_file, self.problem = problem_file, problem_file.problem
        self.budget, self.on_progress, self.stop = budget, on_progress, stop
        self._writing = self._reserve = LEAST_RESERVE_SECONDS
        self._workers = workers_of(budget.workers, deterministic=budget.deterministic)
        self._working: set[int] = set()
        self._told: dict[int, tuple[int, ...]] = {}
        self._shared_at = 0.0
        self._hints: dict[type, tuple[int, Prices | Outline]] = {}
        self._used = Used()

    @cached_property
    def outcome(self) -> Outcome:
        """What the run has come to; loaded while the workers already have their jobs."""
        from services.matching.planning.search.outcome import Outcome

        return Outcome(self.problem)

    @cached_property
    def _explainer(self) -> Explainer:
        from services.matching.planning.explanation.explain import Explainer

        return Explainer(self.problem)

    def timetable(self, crew: Crew | None = None) -> Timetable:
        """Search until the budget, the stop flag or a proof ends it; then write the best plan.

        Without a crew that was started before, one is started here.
        """
        if self.problem.groups and self.problem.offers and self._has_time():
            with crew or Crew() as crew:
                self._start(crew)
                self._follow(crew)
                crew.measure()
                self._used = crew.used
        return self._written()

    def _start(self, crew: Crew) -> None:
        problem = packed(self.problem)
        for number, phases in enumerate(phases_of(self._workers)):
            job = Job(
                self.budget.started,
                self._search_end(),
                self.budget.seed + number,
                self.budget.deterministic,
                phases,
            )
            self._working.add(number)
            crew.tell(number, job)
            crew.send(number, problem)
            _ = self.outcome  # loaded while the first sets out, before others take its time

    def _search_end(self) -> float:
        """Return when workers should be done, in seconds since the start.

        Amounts of work leave the clock a wide margin (starting, a busy machine), as it must not cut in.
        """
        if self.budget.deterministic:
            return max(LEAST_WORK_SECONDS, WORK_SHARE * self.budget.seconds - STARTING_SECONDS)
        return self.budget.seconds - self._reserve

    def _has_time(self) -> bool:
        """Tell whether any time is left to search, so that workers are worth their start."""
        return self.budget.deterministic or (self._gone() < self._search_end() and not self.stop.is_set())

    def _gone(self) -> float:
        return time.monotonic() - self.budget.started

    def _follow(self, crew: Crew) -> None:
        grace = GRACE_SECONDS if self.budget.deterministic else 0.0
        while self._working and not self.stop.is_set() and not self.outcome.settled:
            left = self.budget.seconds + grace - self._reserve - self._gone()
            if left <= 0:
                return
            crew.measure_now_and_then()
            try:
                number, message = crew.inbox.get(timeout=min(TICK_SECONDS, left))
            except queue.Empty:
                continue
            self._hear(number, message)
            self._share(crew)

    def _hear(self, number: int, message: Any) -> None:
        if isinstance(message, Found):
            self._told[number] = message.values
            if self.outcome.offer(message):
                self._tell(message.phase)
                if self.outcome.plans == 1:
                    self._measure_reserve()
        elif isinstance(message, Bounded):
            self._hear_bound(number, message)
        elif isinstance(message, Outline):
            self._hints[Outline] = number, message
        elif isinstance(message, Proven):
            self.outcome.proven(message)
            self._tell("proof")
        elif isinstance(message, Failed):
            self.outcome.failures.append({"phase": message.phase, "reason": message.reason})
        elif isinstance(message, Done):
            self.outcome.phases.extend(message.phases)
            self._working.discard(number)
        elif isinstance(message, Lost):
            if number in self._working:
                self.outcome.failures.append({"phase": "worker", "reason": "a worker process ended before its work"})
            self._working.discard(number)

    def _hear_bound(self, number: int, message: Bounded) -> None:
        if self.outcome.bounded(message):
            self._tell("bound")
            if message.certificate is not None:
                self._hints[Prices] = number, Prices(message.certificate)

    def _share(self, crew: Crew) -> None:
        """Send the best plan to workers that hold a worse one, and a better bound's prices and outline to all others, now and then."""
        best, now = self.outcome.best, time.monotonic()
        if best is None or self.budget.deterministic or now - self._shared_at < SHARE_SECONDS:
            return
        self._shared_at = now
        while self._hints:
            _, (finder, hint) = self._hints.popitem()
            for number in self._working - {finder}:
                crew.tell(number, hint)
        for number in self._working:
            if self._told.get(number) != best.values:
                self._told[number] = best.values
                crew.tell(number, Shared(best.rows, best.values))

    def _tell(self, phase: str) -> None:
        from services.matching.planning.solve import Progress

        self.on_progress(Progress(phase, self.outcome.covered, self.outcome.bound, self._gone()))

    def _measure_reserve(self) -> None:
        """Check the first plan now: it is the one to fall back on, and tells how long writing the last one will take."""
        _ = self.problem_file.sha256  # reckoned once
        begun = time.monotonic()
        self.outcome.check_first()
        self._writing = LEAST_RESERVE_SECONDS + 2.0 * (time.monotonic() - begun)
        self._reserve = self._writing + min(MOST_EXPLAINING_SECONDS, EXPLAINING_SHARE * self.budget.seconds)
        self._explainer.prepare()

    def _written(self) -> Timetable:
        if self.stop.is_set() and not self.budget.deterministic:
            self._explainer.give_up()
        from services.matching.planning.explanation_check import NOT_PROVEN
        from services.matching.planning.search.outcome import levels_with_bounds, proof_of

        begun = time.monotonic()
        sessions = self.outcome.checked_sessions()
        levels = levels_with_bounds(self.problem, sessions, self.outcome)
        # both are done once more before the file is written: what they take now, on this machine as busy as it is, is kept for that
        self._writing = max(self._writing, LEAST_RESERVE_SECONDS + time.monotonic() - begun)
        proof = proof_of(self.outcome, levels, self._to_run_again())
        optimal = self.outcome.settled or proof.covered == proof.bound
        unmet = self._explained(sessions, proof.bound, optimal=optimal)
        if sum(entry.students for entry in unmet if entry.code == NOT_PROVEN) > max(0, proof.bound - proof.covered):
            # hardly anybody has a place yet who could be named as crowding others out: only the plainest bound fits
            proof = Proof(proof.covered, students := self.outcome.students, 1 - proof.covered / students, "students")
            unmet = self._explained(sessions, proof.bound, optimal=False)
        return Timetable(
            self.problem_file.sha256, sessions, levels, proof, unmet, self._remedies(sessions), self._stats(sessions)
        )

    def _explained(self, sessions: tuple[Session, ...], bound: int, *, optimal: bool) -> tuple[Unmet, ...]:
        return self._explainer.explain(sessions, bound, seconds=self._seconds_to_explain(), optimal=optimal)

    def _remedies(self, sessions: tuple[Session, ...]) -> tuple[Remedy, ...]:
        """Find remedies in what is left of the time for explaining; none where that is too little to look at all."""
        seconds, looking = self._seconds_to_explain(), self._explainer.prepared_seconds
        if seconds is not None:
            seconds -= looking  # about as long as looking at the problem anew, which no clock cuts short
            if seconds < STOPPED_SECONDS + looking / 2:
                return ()
        from services.matching.planning.remedies import find_remedies

        try:
            return find_remedies(self.problem_file, sessions, seconds=seconds)
        except Exception as error:  # what would help is an extra: it never costs the plan
            self.outcome.failures.append({"phase": "remedies", "reason": f"{type(error).__name__}: {error}"})
            return ()

    def _seconds_to_explain(self) -> float | None:
        """Give what may be spent on reasons: some seconds of what is left; little when asked to stop; no clock where it is deterministic."""
        if self.budget.deterministic:
            return None
        if self.stop.is_set():
            return STOPPED_SECONDS
        return max(STOPPED_SECONDS, min(MOST_EXPLAINING_SECONDS, self.budget.seconds - self._gone() - self._writing))

    def _to_run_again(self) -> dict[str, Any]:
        """Say what a search needs to show its bound again."""
        budget = self.budget
        return {
            "seconds": budget.seconds,
            "workers": self._workers,
            "seed": budget.seed,
            "deterministic": budget.deterministic,
        }

    def _stats(self, sessions: Sequence[Session]) -> dict[str, Any]:
        still = self.budget.deterministic
        return {
            "seconds": 0 if still else round(self._gone(), 3),
            "cpu_seconds": 0 if still else round(self._used.cpu_seconds + time.process_time(), 3),
            "workers": self._workers,
            "seed": self.budget.seed,
            "peak_memory_mb": 0 if still else self._used.peak_memory_mb,
            "phases": [] if still else self.outcome.phases,
            **({"touched": touched_by(self.problem, sessions)} if self.problem.in_force is not None else {}),
            **({"failures": self.outcome.failures} if self.outcome.failures else {}),
        }
