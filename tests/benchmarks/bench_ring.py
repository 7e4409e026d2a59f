"""How fast the ring is beside the floor under it: `make bench`, or `python -m tests.benchmarks.bench_ring`.

Two figures on a real Kafka and PostgreSQL: from submission to accepted fact, and from approval to confirmation. The floor
is measured in the same run on the same machine: as many messages produced and consumed raw, and as many rows inserted
in batches. Machines differ and are noisy, so the ratio is the figure. Also each service's memory, at rest and at its peak.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.command import embedded
from services.command.coordinating import Coordinator, Told
from services.command.migrate import migrate
from services.command.people import sign_ins
from services.command.reaching import local_portal
from services.command.ring import ServiceCopy, running_copies, wait_until_healthy
from services.command.submitting import import_postcodes_of, submissions_of, submit
from services.matching.planning.scenario import Area, fictional_area
from services.matching.reading import wait_until_read
from shared.database import SERVICES
from shared.envelope import new_event, new_id, to_message
from shared.events.data import EventData
from shared.events.fields import AttendanceOf
from shared.events.plans import SessionProposed, TimetableProposed
from shared.events.submissions import Submission, SubmitRequest
from shared.logging import configure_logging
from shared.settings import Settings
from shared.topics import FACTS, MAX_EVENT_BYTES
from tests.ports import free_port

BATCH = 1000
ROWS_OF_SUBMISSION = 3  # inbox, register, outbox
MESSAGES_OF_SUBMISSION = 2  # the submission and its fact
READERS = ("matching", "confirmations")
ROWS_OF_READERS = 3  # each has an inbox, and matching keeps the request; the portal reads too, which is not counted
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and of processor time of this process and all below it: Kafka, PostgreSQL, the services."""

    seconds: float
    cpu_seconds: float


class Watch:
    """Counts from when it is made; processor time tells more than the clock on a machine that others use too."""

    def __init__(self) -> None:
        self._began = Took(time.monotonic(), _cpu_seconds())

    def took(self) -> Took:
        """Tell what was taken since."""
        return Took(time.monotonic() - self._began.seconds, _cpu_seconds() - self._began.cpu_seconds)


@dataclass(frozen=True, slots=True)
class Measured:
    """What so many events took through the ring, and what the same work takes without it."""

    what: str
    events: int
    ring: Took
    floor: Took


def _cpu_seconds() -> float:
    own = psutil.Process()
    seconds = 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def main() -> None:
    """Measure and print; nothing is judged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=20_000)
    parser.add_argument("--sessions", type=int, default=1_500)
    parser.add_argument("--planning-seconds", type=float, default=20.0, help="how long a plan is made for its memory")
    arguments = parser.parse_args()
    configure_logging("ERROR", "console")
    asyncio.run(_measure(arguments.submissions, arguments.sessions, arguments.planning_seconds))


async def _measure(submissions: int, sessions: int, planning_seconds: float) -> None:
    console = Console(width=130)
    area = fictional_area(60, 1, Decimal("1.05"))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = await stack.enter_async_context(embedded.start(folder))
        settings = Settings(
            kafka_bootstrap_servers=addresses.kafka_bootstrap,
            database_url=addresses.database_url,
            state_dir=folder,
            session_secret=SecretStr("bench"),
            portal_port=free_port(),
        )
        await migrate(settings)
        copies = await stack.enter_async_context(running_copies([(service, settings) for service in SERVICES]))
        await wait_until_healthy(settings)
        at_rest = _memory(copies)
        measured = await _submissions(settings, area, submissions)
        _, token = await sign_ins(settings, area)
        async with Coordinator(local_portal(settings), area.problem.hub.id, token) as coordinator:
            planning = await _memory_of_planning(coordinator, copies, planning_seconds)
            measured.append(await _confirmations(settings, coordinator, area, sessions))
        _print(console, measured)
        _print_memory(console, copies, at_rest, planning)


async def _submissions(settings: Settings, area: Area, count: int) -> list[Measured]:
    """Submit requests and their amendments, and wait until every one is a fact."""
    await import_postcodes_of(settings, area)
    hub, parties, rest = submissions_of(area)
    await submit(settings, "/bench", hub)
    await submit(settings, "/bench", parties)
    await submit(settings, "/bench", [one for one in rest if not isinstance(one, SubmitRequest)])
    requests = [one for one in rest if isinstance(one, SubmitRequest)]
    many: list[Submission] = []
    version = 1
    while len(many) < count:
        many += [one.model_copy(update={"version": version, "needed": 1 + version % 2}) for one in requests]
        version += 1
    many = many[:count]
    watch = Watch()
    answers = await submit(settings, "/bench", many)
    accepted = watch.took()
    for reader in READERS:
        await wait_until_read(settings, reader, [FACTS], seconds=120)
    read = watch.took()
    if answers.taken != count:
        raise RuntimeError(f"{len(answers.refused)} submissions were refused: {answers.refused[0].reasons}")
    bodies = [to_message(new_event("/bench", one), settings.topic_prefix).value for one in many]
    messages = bodies * MESSAGES_OF_SUBMISSION
    floor = await _floor(settings, messages, bodies * ROWS_OF_SUBMISSION)
    floor_of_all = await _floor(
        settings, messages, bodies * (ROWS_OF_SUBMISSION + ROWS_OF_READERS), readings=bodies * len(READERS)
    )
    return [
        Measured("from submission to accepted fact", count, accepted, floor),
        Measured("the same, and read by matching and confirmations", count, read, floor_of_all),
    ]


async def _memory_of_planning(coordinator: Coordinator, copies: Sequence[ServiceCopy], seconds: float) -> float:
    """Plan the hub, and tell how many MiB the planning processes below matching had at most."""
    matching = psutil.Process(next(copy.child.pid for copy in copies if copy.service == "matching"))
    peak = 0.0
    planning = asyncio.create_task(coordinator.plan(seconds))
    while not planning.done():
        peak = max(peak, sum(_resident(child) for child in matching.children(recursive=True)))
        await asyncio.wait([planning], timeout=0.2)
    planning.result()
    return peak


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / MEGABYTE
    except psutil.NoSuchProcess:
        return 0.0


async def _confirmations(settings: Settings, coordinator: Coordinator, area: Area, count: int) -> Measured:
    """Approve and publish a timetable of so many sessions, and wait until every party was told."""
    hub = area.problem.hub.id
    version = (await coordinator.timetable())["version"] + 1
    proposed = _proposed(area, count, version)
    await _write(settings, proposed)
    async with Told(settings) as told:
        while (timetable := await coordinator.timetable())["version"] < version:
            await asyncio.sleep(0.2)
        watch = Watch()
        await coordinator.approve_all(timetable["version"])
        await coordinator.publish(timetable["version"])
        heard = await told.wait_for(2 * count, hub=hub)
        took = watch.took()
    bodies = [one.model_dump_json().encode() for one in proposed[1:]]
    events = [one.model_dump_json().encode() for one in heard]
    # messages: approved and published of each session, and what each party is told; rows: the inbox and outbox of each
    # message, the session as the portal and confirmations keep it, what each party was told, its mail
    messages = bodies * 2 + events
    floor = await _floor(settings, messages, messages * 2 + bodies * 2 + events * 3)
    return Measured("from approval to confirmation", len(heard), took, floor)


def _proposed(area: Area, count: int, number_of_version: int) -> list[EventData]:
    problem = area.problem
    version = {"hub": problem.hub.id, "academic_year": problem.academic_year, "version": number_of_version}
    header = TimetableProposed(
        **version, job="bench", problem_sha256="0" * 64, repair=False, sessions=count, shortfalls=0, remedies=0,
        students=count, covered=count, bound=count, gap=0, method="trivial", changes=0, levels=(), seconds=0,
    )  # fmt: skip
    sessions: list[EventData] = []
    for number in range(count):
        group, offer = problem.groups[number % len(problem.groups)], problem.offers[number % len(problem.offers)]
        attendance = AttendanceOf(group=group.id, school=group.school, year=group.year, students=group.size)
        sessions.append(
            SessionProposed(
                **version, encounter=new_id(), session=f"s{number}", offer=offer.id, employer=offer.employer,
                mode="virtual", start="2027-03-02T09:00", end="2027-03-02T10:00", time_zone="Europe/London",
                school=None, position=None, attendances=(attendance,), compared="new",
            )
        )  # fmt: skip
    return [header, *sessions]


async def _write(settings: Settings, events: Sequence[EventData]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka(), linger_ms=5)
    await producer.start()
    for data in events:
        message = to_message(new_event("/matching", data), settings.topic_prefix)
        await producer.send(message.topic, message.value, key=message.key, headers=message.headers)
    await producer.stop()


async def _floor(
    settings: Settings, messages: Sequence[bytes], rows: Sequence[bytes], readings: Sequence[bytes] = ()
) -> Took:
    """Produce and consume the messages raw, one topic of as many partitions, and insert the rows in batches.

    So many of the messages as there are `readings` are consumed once more.
    """
    topic = f"floor-{new_id()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka())
    await admin.start()
    await admin.create_topics([NewTopic(topic, 6, 1)])
    await admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka(), linger_ms=5, max_batch_size=262_144, enable_idempotence=True
    )
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=settings.kafka(), auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * MAX_EVENT_BYTES,
    )  # fmt: skip
    await producer.start()
    await consumer.start()
    engine = create_async_engine(settings.admin_database())
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS public.floor (id bigint PRIMARY KEY, body jsonb)"))
        await connection.execute(text("TRUNCATE public.floor"))
    watch = Watch()
    for first in range(0, len(messages), BATCH):
        sent = [
            await producer.send(topic, body, key=str(n).encode())
            for n, body in enumerate(messages[first : first + BATCH])
        ]
        await asyncio.gather(*sent)
    read = 0
    while read < len(messages):
        read += sum(len(some) for some in (await consumer.getmany(timeout_ms=100, max_records=BATCH)).values())
    again = 0
    while again < len(readings):
        await consumer.seek_to_beginning()
        left = min(len(messages), len(readings) - again)
        while left > 0:
            polled = sum(len(some) for some in (await consumer.getmany(timeout_ms=100, max_records=BATCH)).values())
            left, again = left - polled, again + polled
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO public.floor SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(CAST(:bodies AS text[]) AS jsonb[]))"
                ),
                {"ids": list(range(first, first + len(some))), "bodies": [body.decode() for body in some]},
            )
    took = watch.took()
    await producer.stop()
    await consumer.stop()
    await engine.dispose()
    return took


def _memory(copies: Sequence[ServiceCopy]) -> dict[str, tuple[float, float]]:
    """Tell each service's memory in MiB, now and at its peak so far (Linux: VmRSS and VmHWM)."""
    memory = {}
    for copy in copies:
        status = Path(f"/proc/{copy.child.pid}/status")
        if status.exists():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            memory[copy.service] = tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
        else:
            now = psutil.Process(copy.child.pid).memory_info().rss / MEGABYTE
            memory[copy.service] = (now, now)
    return {service: (now, peak) for service, (now, peak) in memory.items()}


def _print(console: Console, measured: Sequence[Measured]) -> None:
    table = Table(
        "", "events", "seconds", "events a second", "floor, seconds", "times the floor", "in processor time",
        title="The ring",
    )  # fmt: skip
    for one in measured:
        ring, floor = one.ring, one.floor
        table.add_row(
            one.what, f"{one.events:,}", f"{ring.seconds:.1f}", f"{one.events / ring.seconds:,.0f}",
            f"{floor.seconds:.1f}", f"{ring.seconds / floor.seconds:.1f}",
            f"{ring.cpu_seconds:.1f} / {floor.cpu_seconds:.1f} = {ring.cpu_seconds / floor.cpu_seconds:.1f}",
        )  # fmt: skip
    console.print(table)


def _print_memory(
    console: Console, copies: Sequence[ServiceCopy], at_rest: dict[str, tuple[float, float]], planning: float
) -> None:
    table = Table("service", "MiB at rest", "MiB at its peak", title="Memory")
    for service, (_, peak) in _memory(copies).items():
        table.add_row(service, f"{at_rest[service][0]:.0f}", f"{peak:.0f}")
    table.add_row("planning this hub, below matching", "0", f"{planning:.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
