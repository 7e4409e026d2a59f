"""Outbox and inbox on a real Kafka and a real PostgreSQL: nothing lost, nothing doubled, order kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from services.command.embedded import Addresses
from services.command.migrate import migrate
from shared import outbox
from shared.broker import make_broker, subscribe
from shared.database import Database, service_database
from shared.envelope import Event, Message, new_event, to_message
from shared.events.submissions import RegisterEmployer
from shared.inbox import Dead, Inbox
from shared.outbox import EventTooLarge, Relay, deliver, send
from shared.settings import Settings
from shared.topics import MAX_EVENT_BYTES, SUBMISSIONS, dead_letters
from tests.infrastructure import fresh_database, fresh_topics
from tests.ringside import events_until, write, write_messages


@dataclass
class Came:
    """A record as Kafka would hand it over."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Crash(Exception):
    """The process dies at the worst moment."""


@dataclass(frozen=True)
class DiesBeforeCommit(Database):
    """A database whose transactions are never committed."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with super().transaction() as session:
            yield session
            raise Crash


@dataclass
class Desk:
    """A service with a handler that notes each event by an event of its own; `faults` come before it does so."""

    settings: Settings
    database: Database
    faults: list[Exception] = field(default_factory=list)
    poison: str = "poison"
    batches: list[int] = field(default_factory=list)

    async def handle(self, session: AsyncSession, events: Sequence[Event[Any]]) -> None:
        if any(event.data.name == self.poison for event in events):
            raise ValueError("a fault of ours")
        noted = [replace(event, id=f"noted-{event.id}", source="/desk") for event in events]
        await send(session, noted, self.settings.topic_prefix)
        if self.faults:
            raise self.faults.pop(0)
        self.batches.append(len(events))

    def inbox(self) -> Inbox:
        return Inbox(self.database, Relay(self.database, self.settings.kafka(), "desk"), "desk", self.handle)

    async def noted(self) -> list[str]:
        async with self.database.transaction() as session:
            connection = await session.connection()
            rows = await connection.execute(text("SELECT value FROM outbox WHERE topic NOT LIKE '%.dead' ORDER BY id"))
            return [RegisterEmployer.model_validate_json(row.value).name for row in rows]

    async def until(self, enough: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(60):
            while not enough(await self.noted()):
                await asyncio.sleep(0.05)

    async def dead(self) -> int:
        async with self.database.transaction() as session:
            connection = await session.connection()
            return int(await connection.scalar(text("SELECT count(*) FROM outbox WHERE topic LIKE '%.dead'")) or 0)


@pytest.fixture(scope="module")
async def ring(infrastructure: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """One database and one set of topics for this file; each test empties the tables that it reads."""
    async with fresh_database(infrastructure) as url, fresh_topics(infrastructure) as prefix:
        settings = Settings(
            kafka_bootstrap_servers=infrastructure.kafka_bootstrap,
            database_url=url,
            database_roles_password=SecretStr("only-for-tests"),
            topic_prefix=prefix,
            state_dir=tmp_path_factory.mktemp("ring"),
        )
        await migrate(settings)
        yield settings


@pytest.fixture
async def desk(ring: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr("shared.inbox._FIRST_PAUSE_SECONDS", 0.02)
    database = service_database(ring, "intake")
    async with database.transaction() as session:
        connection = await session.connection()
        await connection.execute(text("DELETE FROM outbox"))
        await connection.execute(text("DELETE FROM inbox"))
    yield Desk(ring, database)
    await database.close()


def employer(name: str, number: str = "E1") -> Event[RegisterEmployer]:
    return new_event("/test", RegisterEmployer(employer=number, name=name, postcode="ZZ1 1AA", sectors=frozenset("C")))


def came(event: Event[Any], settings: Settings) -> Came:
    message = to_message(event, settings.topic_prefix)
    return Came(message.topic, message.key, message.value, message.headers)


async def put(desk: Desk, events: Sequence[Event[Any]]) -> None:
    async with desk.database.transaction() as session:
        await send(session, events, desk.settings.topic_prefix)


async def test_an_event_has_its_effect_once_however_often_it_comes(desk: Desk) -> None:
    one, two, three = (came(employer(name), desk.settings) for name in ("one", "two", "three"))
    inbox = desk.inbox()
    await inbox.take([one, two, one])
    await inbox.take([two, three, two])
    await inbox.take([one])
    assert await desk.noted() == ["one", "two", "three"]
    assert desk.batches == [2, 1]


async def test_a_poisonous_message_falls_alone_and_order_is_kept(desk: Desk) -> None:
    records = [came(employer(name), desk.settings) for name in ("one", "poison", "two")]
    await desk.inbox().take(records)
    assert await desk.noted() == ["one", "two"]
    assert await desk.dead() == 1


async def test_what_cannot_be_read_falls_alone(desk: Desk) -> None:
    good = came(employer("one"), desk.settings)
    nothing = replace(good, key=None, value=None, headers=[])
    empty = replace(good, headers=[("ce_id", None), ("x", None)])
    await desk.inbox().take([nothing, good, empty])
    assert await desk.noted() == ["one"]
    assert await desk.dead() == 2


async def test_what_was_refused_for_its_shape_can_be_replayed_once_it_can_be_read(desk: Desk) -> None:
    good = came(employer("one"), desk.settings)
    wrong = replace(good, value=b'{"employer": 7}')
    await desk.inbox().take([wrong])
    assert (await desk.noted(), await desk.dead()) == ([], 1)
    await desk.inbox().take([good, good])
    assert await desk.noted() == ["one"]


async def test_a_database_that_is_away_loses_nothing(desk: Desk) -> None:
    desk.faults = [ConnectionRefusedError("away"), ConnectionResetError("away again")]
    await desk.inbox().take([came(employer("one"), desk.settings)])
    assert await desk.noted() == ["one"]
    assert await desk.dead() == 0


@pytest.mark.parametrize(("code", "dead"), [("57P03", 0), ("53300", 0), ("40P01", 0), ("22003", 1)])
async def test_only_an_error_that_will_not_pass_is_a_fault_of_the_message(desk: Desk, code: str, dead: int) -> None:
    class Said(Exception):
        sqlstate = code

    desk.faults = [DBAPIError("UPDATE", None, Said()) for _ in range(5)]
    await desk.inbox().take([came(employer("one"), desk.settings)])
    assert (len(await desk.noted()), await desk.dead()) == (1 - dead, dead)


async def test_a_connection_cut_in_the_middle_loses_nothing(desk: Desk) -> None:
    """The owner ends the service's connections while its handler is at work."""
    owner = create_async_engine(desk.settings.admin_database(), isolation_level="AUTOCOMMIT")
    cut = False
    handle = desk.handle

    async def cut_off(session: AsyncSession, events: Sequence[Event[Any]]) -> None:
        nonlocal cut
        if not cut:
            cut = True
            mine = await (await session.connection()).scalar(text("SELECT pg_backend_pid()"))
            async with owner.connect() as connection:
                await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
        await handle(session, events)

    desk.handle = cut_off  # type: ignore[method-assign] # the desk's own handler, once interrupted
    await desk.inbox().take([came(employer("one"), desk.settings)])
    await owner.dispose()
    assert cut
    assert await desk.noted() == ["one"]
    assert await desk.dead() == 0


async def test_a_crash_between_sending_and_deleting_sends_twice_and_takes_once(desk: Desk) -> None:
    await put(desk, [employer(f"{number}", "C1") for number in range(20)])
    dying = Relay(DiesBeforeCommit(desk.database.engine, desk.database.sessions), desk.settings.kafka(), "desk")
    await dying.start()
    await events_until(desk.settings, [SUBMISSIONS], lambda all_: len(of("C1", all_)) >= 20)
    await dying.stop()
    assert len(await desk.noted()) == 20, "nothing of what was sent is deleted"
    relay = Relay(desk.database, desk.settings.kafka(), "desk")
    await relay.start()
    sent = await events_until(desk.settings, [SUBMISSIONS], lambda all_: len(of("C1", all_)) >= 40)
    await desk.until(lambda noted: not noted)
    await relay.stop()
    twice = of("C1", sent)
    assert len({event.id for event in twice}) == 20
    await desk.inbox().take([came(event, desk.settings) for event in twice])
    assert await desk.noted() == [f"{number}" for number in range(20)]


async def test_a_relay_goes_on_whatever_happens(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    relay, faults = Relay(desk.database, desk.settings.kafka(), "desk"), [Crash()]
    relay_batch = relay.relay_batch

    async def fails_once() -> int:
        if faults:
            raise faults.pop()
        return await relay_batch()

    monkeypatch.setattr(relay, "relay_batch", fails_once)
    await put(desk, [employer("one", "W1")])
    await relay.start()
    await events_until(desk.settings, [SUBMISSIONS], lambda all_: len(of("W1", all_)) == 1)
    await relay.stop()


async def test_a_relay_stops_though_its_cancellation_is_swallowed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    relay, begun = Relay(desk.database, desk.settings.kafka(), "desk"), asyncio.Event()

    async def swallows_once() -> int:
        if not begun.is_set():
            begun.set()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        return 0

    monkeypatch.setattr(relay, "relay_batch", swallows_once)
    await relay.start()
    await begun.wait()
    async with asyncio.timeout(20):
        await relay.stop()


def of(number: str, events: Sequence[Event[Any]]) -> list[Event[Any]]:
    return [event for event in events if event.data.employer == number]


async def test_two_relays_keep_the_order_and_double_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "RELAY_BATCH", 50)
    relays = [Relay(desk.database, desk.settings.kafka(), "desk") for _ in range(2)]
    for relay in relays:
        await relay.start()
    for start in range(0, 1000, 100):
        await put(desk, [employer(f"{number}", f"R{number % 3}") for number in range(start, start + 100)])
        relays[start // 100 % 2].nudge()
    sent = await events_until(
        desk.settings, [SUBMISSIONS], lambda all_: len([e for e in all_ if e.data.employer[0] == "R"]) >= 1000
    )
    await desk.until(lambda noted: not noted)
    for relay in relays:
        await relay.stop()
    for key in range(3):
        assert [int(event.data.name) for event in of(f"R{key}", sent)] == list(range(key, 1000, 3))


async def test_a_batch_that_cannot_even_be_buried_comes_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, tries = desk.inbox(), 0
    take = inbox.take

    async def fails_once(records: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RuntimeError("nothing works")
        await take(records)

    monkeypatch.setattr(inbox, "take", fails_once)
    monkeypatch.setattr("shared.broker._AGAIN_SECONDS", 0.1)
    broker = make_broker(desk.settings, "again")
    subscribe(broker, desk.settings, "again", [SUBMISSIONS], inbox)
    await write(desk.settings, [employer("first", "A1"), employer("second", "A1")])
    await broker.start()
    await desk.until(lambda noted: {"first", "second"} <= set(noted))
    await broker.stop()
    assert tries > 1


async def test_a_header_that_is_no_text_does_not_take_its_batch_along(desk: Desk) -> None:
    messages = [to_message(employer(name, "H1"), desk.settings.topic_prefix) for name in ("above", "between", "below")]
    messages[1] = replace(messages[1], headers=[*messages[1].headers, ("ce_subject", b"\xff\xfe"), ("x", b"\xff")])
    await write_messages(desk.settings, messages)
    broker = make_broker(desk.settings, "desk")
    subscribe(broker, desk.settings, "desk", [SUBMISSIONS], desk.inbox())
    await broker.start()
    await desk.until(lambda noted: "below" in noted)
    await broker.stop()
    noted = await desk.noted()
    assert noted.index("above") < noted.index("below")
    assert "between" not in noted
    assert await desk.dead() == 1


def test_the_original_bytes_survive_in_a_dead_letter() -> None:
    record = Came("t", b"\x00k", b"\xff{", [("ce_id", b"\xfe"), ("none", None)])
    letter: Message = Dead(record, "because").message()
    assert (letter.topic, letter.key, letter.value) == ("t.dead", b"\x00k", b"\xff{")
    assert letter.headers == [("ce_id", b"\xfe"), ("none", b""), ("dead_reason", b"because"), ("dead_topic", b"t")]
    assert outbox._load(outbox._dump(letter.headers)) == letter.headers


async def test_an_event_that_kafka_would_refuse_is_refused_to_its_writer(desk: Desk) -> None:
    large = Message("test.facts", b"k", [("ce_id", b"1")], b"x" * (MAX_EVENT_BYTES + 100_000))
    with pytest.raises(EventTooLarge, match=r"test\.facts"):
        async with desk.database.transaction() as session:
            await outbox.put(session, [large])
    letter = Message(dead_letters("test.facts"), b"k", [("ce_id", b"1")], large.value)
    async with desk.database.transaction() as session:
        await outbox.put(session, [letter])


async def test_whole_batches_keep_each_key_s_order_and_lose_none_however_large(ring: Settings) -> None:
    topic = ring.topic_prefix + SUBMISSIONS.name
    names = [f"{number:03}" for number in range(60)]
    sizes = [900_000 if number == 30 else 60_000 for number in range(60)]
    keys = [b"batches-a", b"batches-b", b"batches-c"]
    producer = AIOKafkaProducer(
        bootstrap_servers=ring.kafka(), max_batch_size=262_144, max_request_size=2 * MAX_EVENT_BYTES
    )
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=ring.kafka(), auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    alone = [await producer.send_and_wait(topic, b"alone", key=key) for key in keys]
    await deliver(
        producer,
        (
            Message(topic, keys[number % 3], [("name", name.encode())], b"x" * sizes[number])
            for number, name in enumerate(names)
        ),
    )
    came: dict[bytes, list[tuple[str, int, int]]] = {key: [] for key in keys}
    async with asyncio.timeout(60):
        while sum(map(len, came.values())) < len(names):
            record = await consumer.getone()
            if record.key in came and record.value != b"alone":
                came[record.key].append((dict(record.headers)["name"].decode(), len(record.value), record.partition))
    await producer.stop()
    await consumer.stop()
    for place, key in enumerate(keys):
        assert came[key] == [
            (name, size, alone[place].partition) for name, size in zip(names[place::3], sizes[place::3], strict=True)
        ]
