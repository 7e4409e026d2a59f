"""The main journey, told once and run at every size: from submissions to encounters that each party was told of once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.command.coordinating import Coordinator, Told
from services.command.people import sign_ins
from services.command.submitting import Answers, import_postcodes_of, submissions_of, submit
from services.matching.planning.scenario import Area
from services.matching.reading import wait_until_read
from shared.database import SERVICES
from shared.events.encounters import EncounterConfirmed, EncounterTold
from shared.events.submissions import Submission
from shared.inbox import read
from shared.settings import Settings
from shared.topics import DECISIONS, ENCOUNTERS, MAX_EVENT_BYTES

Stage = Literal["submitting", "planning", "publishing"]
"""Where the journey is: some submissions are answered and others not yet sent; a planning run is under way; the portal
has taken the order to publish and no party has been told."""


async def undisturbed(stage: Stage) -> None:
    """Disturb nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a journey came to; `told` is all that lies in Kafka once everything is quiet, each event once."""

    submissions: int
    timetable: dict[str, Any]
    sessions: list[dict[str, Any]]
    told: list[EncounterTold]


async def journey(
    settings: Settings,
    portals: list[str],
    area: Area,
    seconds: float,
    disturb: Callable[[Stage], Awaitable[None]] = undisturbed,
) -> Outcome:
    """Submit an area, plan it, approve and publish it; `disturb` may break things on the way.

    `portals` are the addresses of the portal's copies: the first takes the decisions, the last is asked afterwards, so
    that the first may die.
    """
    hub = area.problem.hub.id
    _, token = await sign_ins(settings, area)
    await import_postcodes_of(settings, area)
    stages = submissions_of(area)
    for stage in stages[:-1]:
        _assert_all_taken(await submit(settings, "/journey", stage), stage)
    await _submit_disturbed(settings, stages[-1], disturb)
    async with Told(settings) as told, Coordinator(portals[0], hub, token) as first:
        timetable = await _plan_disturbed(first, seconds, disturb)
        await first.approve_all(timetable["version"])
        sessions = await first.sessions()
        await first.publish(timetable["version"])
        assert told.of(hub) == []
        await disturb("publishing")
        await told.wait_for(sum(1 + len(one["schools"]) for one in sessions), hub=hub)
    await _quiet(settings)
    async with Coordinator(portals[-1], hub, token) as last:
        timetable = await last.timetable()
    return Outcome(sum(len(stage) for stage in stages), timetable, sessions, await _all_told(settings, hub))


async def _submit_disturbed(
    settings: Settings, stage: list[Submission], disturb: Callable[[Stage], Awaitable[None]]
) -> None:
    """Disturb when the first answers have come; half of the submissions are sent only then."""
    half = len(stage) // 2
    begun = asyncio.Event()

    def answered(count: int) -> None:
        if count:
            begun.set()

    answering = asyncio.create_task(submit(settings, "/journey", stage[:half], answered))
    await _event_or_end(begun, answering)
    await disturb("submitting")
    _assert_all_taken(await submit(settings, "/journey", stage[half:]), stage[half:])
    _assert_all_taken(await answering, stage[:half])


async def _plan_disturbed(
    coordinator: Coordinator, seconds: float, disturb: Callable[[Stage], Awaitable[None]]
) -> dict[str, Any]:
    begun = asyncio.Event()

    def on_run(run: dict[str, Any]) -> None:
        if run["state"] == "running":
            begun.set()

    planning = asyncio.create_task(coordinator.plan(seconds, on_run))
    await _event_or_end(begun, planning)
    await disturb("planning")
    return await planning


async def _event_or_end(event: asyncio.Event, task: asyncio.Task[Any]) -> None:
    """Wait for the event; a task that fails before it fails here."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()


def _assert_all_taken(answers: Answers, stage: list[Submission]) -> None:
    assert answers.refused == [], answers.refused[:3]
    assert answers.taken == len(stage)


async def _quiet(settings: Settings, seconds: float = 60) -> None:
    """Wait until nothing is under way: decisions read by confirmations, every outbox empty, no mail due."""
    await wait_until_read(settings, "confirmations", [DECISIONS], seconds=seconds)
    waiting = [f"SELECT count(*) FROM {service}.outbox" for service in SERVICES]  # noqa: S608 - names of ours
    waiting.append("SELECT count(*) FROM confirmations.mails WHERE status = 'due'")
    engine = create_async_engine(settings.admin_database())
    try:
        async with asyncio.timeout(seconds), engine.connect() as connection:
            while sum([(await connection.execute(text(one))).scalar_one() for one in waiting]):
                await connection.rollback()
                await asyncio.sleep(0.1)
    finally:
        await engine.dispose()


async def _all_told(settings: Settings, hub: str) -> list[EncounterTold]:
    """Read the whole topic, from its beginning to its end; what a relay that died had sent twice is one event."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka(), max_partition_fetch_bytes=4 * MAX_EVENT_BYTES)
    await consumer.start()
    try:
        name = settings.topic_prefix + ENCOUNTERS.name
        partitions = [TopicPartition(name, number) for number in range(ENCOUNTERS.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        events = {}
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                events.update({(event.source, event.id): event.data for event in map(read, records)})
    finally:
        await consumer.stop()
    return [data for data in events.values() if isinstance(data, EncounterTold) and data.hub == hub]


def assert_everybody_was_told_once(outcome: Outcome) -> None:
    """Every encounter of the published timetable is confirmed once to its employer and once to each of its schools."""
    wanted = _wanted(outcome)
    assert all(isinstance(event, EncounterConfirmed) for event in outcome.told)
    assert Counter((event.encounter, event.party_kind, event.party) for event in outcome.told) == wanted
    seats = sum(event_students(event) for event in outcome.told if event.party_kind == "employer")
    assert seats == sum(one["students"] for one in outcome.sessions)
    assert outcome.timetable["published"] == len(outcome.sessions) > 0


def assert_everybody_was_invited_once(settings: Settings, outcome: Outcome) -> None:
    """Each party has one invitation for each of its encounters in the mailbox."""
    letters = [message_from_bytes(file.read_bytes()) for file in settings.mailbox().glob("*.eml")]
    calendars = [
        part.get_payload(decode=True)
        for letter in letters
        for part in letter.walk()
        if part.get_content_type() == "text/calendar"
    ]
    assert all(isinstance(one, bytes) and b"METHOD:REQUEST" in one and b"SEQUENCE:0" in one for one in calendars)
    assert len(calendars) == len(letters) == _wanted(outcome).total()
    assert len({letter["Message-ID"] for letter in letters}) == len(letters)


def assert_no_seat_was_given_twice(area: Area, outcome: Outcome) -> None:
    """No confirmed session is beyond its offer's seats, and no group sends more students than it has and needs."""
    seats = {offer.id: offer.seats for offer in area.problem.offers}
    most = {group.id: group.size * group.needed for group in area.problem.groups}
    sent: Counter[str] = Counter()
    for event in outcome.told:
        if event.party_kind == "employer":
            assert event_students(event) <= seats[event.offer]
            sent.update({one.group: one.students for one in event.attendances})
    assert [group for group, students in sent.items() if students > most[group]] == []


def _wanted(outcome: Outcome) -> Counter[tuple[str, str, str]]:
    return Counter(
        (one["encounter"], kind, party)
        for one in outcome.sessions
        for kind, party in [("employer", one["employer"]), *(("school", school) for school in one["schools"])]
    )


def event_students(event: EncounterTold) -> int:
    """Count the students of whom an event tells."""
    return sum(attendance.students for attendance in event.attendances)
