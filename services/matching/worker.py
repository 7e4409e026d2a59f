"""The planning worker: takes up runs one by one, keeps their leases, and publishes what the engine finds."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from services.matching import jobs
from services.matching.engine import PlanningFailed, ProgressLine, run_engine
from services.matching.exporting import UnknownHub, present_problem
from services.matching.handlers import SOURCE
from services.matching.jobs import LeasedJob, LeaseLost
from services.matching.planning.clock import RefusedTime
from services.matching.planning.model import Problem
from services.matching.planning.reading import read_timetable
from services.matching.planning.writing import problem_to_json, write_json
from services.matching.problem import Built
from services.matching.projection import Snapshot
from services.matching.proposing import DecidedMeanwhile, Plan, propose, sentences_of
from services.matching.reading import wait_until_read
from shared.database import Database
from shared.envelope import new_event
from shared.events.data import EventData
from shared.events.plans import PlanningEnded, PlanningProgressed, PlanningStarted
from shared.logging import get_logger, where
from shared.outbox import Relay, send
from shared.settings import Settings
from shared.topics import ENCOUNTERS, FACTS

_IDLE_SECONDS = 0.5
_READING_SECONDS = 120.0
_BEAT_SECONDS = 1.0
_AGAIN_SECONDS = 2.0
_TAKEN_OVER = "Another repair of this hub was waiting already, and does its work too."


@dataclass(slots=True)
class _Watched:
    """The newest progress of a run, until it has been told, and whether the run has found any plan."""

    line: ProgressLine | None = None
    found: bool = False


class Worker:
    """Carries out planning runs, one at a time, until it is cancelled; any number of copies may run."""

    def __init__(self, database: Database, relay: Relay, settings: Settings) -> None:
        self._database = database
        self._relay = relay
        self._settings = settings
        self._log = get_logger(service="matching")

    async def run(self) -> None:
        """Look for runs that are due, for ever."""
        while True:
            try:
                job = await jobs.lease(self._database, self._settings.planning_lease_seconds)
                if job is not None:
                    await self._carry_out(job)
                    continue
            except LeaseLost:
                self._log.warning("matching.lease.lost")
            except Exception as error:  # the lease runs out meanwhile, and the run is taken up again
                self._log.warning("matching.worker.waiting", error=type(error).__name__, where=where(error))
            await asyncio.sleep(_IDLE_SECONDS)

    async def _carry_out(self, job: LeasedJob) -> None:
        log = self._log.bind(job=job.id, hub=job.hub, attempt=job.attempts, correlation_id=job.correlation_id)
        if job.cancel_requested:
            return await self._end(job, "cancelled")
        if job.attempts > jobs.MOST_ATTEMPTS:
            return await self._end(job, "failed", _failure("its worker was lost each time that it was taken up"))
        watched = _Watched()
        planning = asyncio.create_task(self._plan(job, watched))
        try:
            if await self._keep_lease(job, planning, watched):
                log.info("matching.planning.cancelled")
                return await self._end(job, "cancelled")
            log.info("matching.planning.ended", outcome=await planning)
        except PlanningFailed as failure:
            log.warning("matching.planning.failed", lasting=failure.lasting, why=str(failure))
            await self._fail(job, failure)
        except DecidedMeanwhile:
            log.info("matching.planning.anew")
            await self._give_back(job, after_seconds=0, counts=False)
        except (LeaseLost, DBAPIError, OSError):
            raise
        except asyncio.CancelledError:
            await _stop(planning)
            await self._give_back(job, after_seconds=0, counts=False)
            raise
        except Exception as error:  # a fault of ours must not stop the worker: other hubs wait for it
            log.error("matching.planning.broke", error=type(error).__name__, where=where(error))
            await self._fail(job, PlanningFailed(f"an unexpected {type(error).__name__}"))
        finally:
            await _stop(planning)
        return None

    async def _keep_lease(self, job: LeasedJob, planning: asyncio.Task[str], watched: _Watched) -> bool:
        """Beat until the run is over; True where it was cancelled instead. Raises LeaseLost."""
        lease_seconds, clock = self._settings.planning_lease_seconds, asyncio.get_running_loop().time
        held_until = clock() + lease_seconds
        while True:
            await asyncio.wait({planning}, timeout=min(_BEAT_SECONDS, lease_seconds / 3))
            if planning.done():
                return False
            try:
                async with self._database.transaction() as session:
                    cancelled = await jobs.heartbeat(session, job, lease_seconds)
                    await self._tell_progress(session, job, watched)
                held_until = clock() + lease_seconds
            except (DBAPIError, OSError):  # a moment's absence of the database costs no work
                if clock() > held_until:
                    raise
                continue
            except LeaseLost:
                await asyncio.wait({planning}, timeout=_BEAT_SECONDS)
                if planning.done():  # it had ended the run itself, a moment ago
                    return False
                raise
            if cancelled:
                await _stop(planning)
                return True

    async def _tell_progress(self, session: AsyncSession, job: LeasedJob, watched: _Watched) -> None:
        line, watched.line = watched.line, None
        if line:
            progressed = PlanningProgressed(
                hub=job.hub, job=job.id, phase=line.phase, covered=line.covered, bound=line.bound, seconds=line.seconds
            )
            await send(session, [new_event(SOURCE, progressed, cause=job.cause())], self._settings.topic_prefix)
            self._relay.nudge()

    async def _plan(self, job: LeasedJob, watched: _Watched) -> str:
        """Build the problem, let the engine plan and check it, publish; returns the outcome."""
        await self._read_everything()
        try:
            snapshot, built = await present_problem(self._database, job.hub, job.not_before)
        except UnknownHub as unknown:
            raise PlanningFailed(str(unknown), lasting=True) from unknown
        except RefusedTime as refused:
            raise PlanningFailed(f"{refused.message}. {refused.remedy}", lasting=True) from refused
        await self._started(job, built.problem)
        with tempfile.TemporaryDirectory(prefix="planning-") as folder:
            problem, timetable = Path(folder, "problem.json.gz"), Path(folder, "timetable.json.gz")
            await asyncio.to_thread(write_json, problem, problem_to_json(built.problem))

            def note(line: ProgressLine) -> None:
                watched.line = line
                watched.found |= line.tells_of_a_plan

            await run_engine(problem, timetable, job.seconds, self._settings.planning_workers, note)
            plan = await asyncio.to_thread(_plan_of, snapshot, built, problem, timetable)
        if not watched.found and _says_nothing(plan):
            raise PlanningFailed(f"no plan was found within {job.seconds:g} seconds; give the run more of them")
        async with self._database.transaction() as session:
            outcome = await propose(session, job, plan, self._settings.topic_prefix)
        self._relay.nudge()
        return outcome

    async def _read_everything(self) -> None:
        """Wait for the facts and tellings that came before the run was asked for: they travel by other topics."""
        try:
            await wait_until_read(self._settings, "matching", [FACTS, ENCOUNTERS], seconds=_READING_SECONDS)
        except TimeoutError:
            raise PlanningFailed("what was submitted before is still being read") from None

    async def _started(self, job: LeasedJob, problem: Problem) -> None:
        started = PlanningStarted(
            hub=job.hub,
            job=job.id,
            why=job.why,
            students=sum(group.size for group in problem.groups),
            groups=len(problem.groups),
            offers=len(problem.offers),
            seconds=job.seconds,
        )
        async with self._database.transaction() as session:
            await jobs.heartbeat(session, job, self._settings.planning_lease_seconds)
            await self._send(session, job, [started])

    async def _fail(self, job: LeasedJob, failure: PlanningFailed) -> None:
        if failure.lasting or job.attempts >= jobs.MOST_ATTEMPTS:
            await self._end(job, "failed", _failure(f"{failure}: {failure.said}" if failure.said else str(failure)))
        else:
            await self._give_back(job, after_seconds=_AGAIN_SECONDS * job.attempts, counts=True)

    async def _give_back(self, job: LeasedJob, *, after_seconds: float, counts: bool) -> None:
        async with self._database.transaction() as session:
            if not await jobs.give_back(session, job, after_seconds=after_seconds, counts=counts):
                await self._send(
                    session, job, [PlanningEnded(hub=job.hub, job=job.id, outcome="cancelled", message=_TAKEN_OVER)]
                )

    async def _end(self, job: LeasedJob, outcome: str, message: str = "") -> None:
        async with self._database.transaction() as session:
            await jobs.end(session, job, outcome)
            await self._send(session, job, [PlanningEnded(hub=job.hub, job=job.id, outcome=outcome, message=message)])

    async def _send(self, session: AsyncSession, job: LeasedJob, parts: Sequence[EventData]) -> None:
        await send(session, [new_event(SOURCE, part, cause=job.cause()) for part in parts], self._settings.topic_prefix)
        self._relay.nudge()


def _plan_of(snapshot: Snapshot, built: Built, problem: Path, timetable: Path) -> Plan:
    hub = snapshot.projection.hub
    planned = read_timetable(timetable, time_zone=hub.time_zone)
    return Plan(
        hub=hub,
        problem=built.problem,
        timetable=planned,
        sentences=sentences_of(built.problem, planned),
        problem_file=problem.read_bytes(),
        timetable_file=timetable.read_bytes(),
        changes_seen=snapshot.changes,
        lost_pins=built.lost_pins,
        returned=snapshot.projection.returned,
    )


def _says_nothing(plan: Plan) -> bool:
    """Tell whether a plan has no more than the pins, though more may be possible."""
    attended = sum(len(one.attendances) for one in plan.timetable.sessions)
    proof = plan.timetable.proof
    return attended <= len(plan.problem.pinned) and proof.covered < proof.bound


def _failure(why: str) -> str:
    return f"The plan could not be made: {why}. Ask for it again; if that fails too, show this to who runs the product."


async def _stop(planning: asyncio.Task[str]) -> None:
    planning.cancel()
    await asyncio.gather(planning, return_exceptions=True)
