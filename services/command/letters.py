"""`encounters letters`: the dead letters of the ring: what could not be read, why, and sending it once more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.command.reaching import reachable_settings
from shared.settings import MissingAddress, Settings
from shared.topics import MAX_EVENT_BYTES, TOPICS, dead_letters

_HELP = """See what could not be read, and why; send it once more when its cause is gone.

\b
Examples:
  encounters letters list
  encounters letters show submissions 3
  encounters letters replay submissions 3
"""

TopicName = Annotated[str, typer.Argument(help="The topic it was sent to, such as submissions.")]
Offset = Annotated[int, typer.Argument(min=0, help="Its number, as `list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the dead letters to the product's one command."""
    letters = typer.Typer(no_args_is_help=True, help=_HELP)
    letters.command("list", help="List the dead letters of every topic, with their reasons.")(list_letters)
    letters.command(help="Show one dead letter: reason, headers, body.")(show)
    letters.command(help="Send one dead letter to its topic once more, as it was.")(replay)
    app.add_typer(letters, name="letters")


def list_letters() -> None:
    """List all dead letters."""
    settings = _settings()
    found = 0
    for topic in TOPICS:
        for record in asyncio.run(read_letters(settings, topic.name)):
            found += 1
            headers = dict(record.headers)
            said = headers.get("dead_reason", b"").decode("utf-8", "replace")
            kind = headers.get("ce_type", b"?").decode("utf-8", "replace")
            typer.echo(f"{topic.name} {record.offset}  {kind}  {said}")
    typer.echo(f"{found} dead letters")


def show(topic: TopicName, offset: Offset) -> None:
    """Show one dead letter."""
    record = _one(_settings(), topic, offset)
    for name, value in record.headers:
        typer.echo(f"{name}: {value.decode('utf-8', 'backslashreplace')}")
    typer.echo("")
    typer.echo(record.value.decode("utf-8", "backslashreplace"))


def replay(topic: TopicName, offset: Offset) -> None:
    """Send one dead letter once more."""
    settings = _settings()
    record = _one(settings, topic, offset)
    asyncio.run(_send(settings, topic, record))
    typer.echo(f"sent to {topic} once more; if it fails again it comes back as a new dead letter")


async def read_letters(settings: Settings, topic: str) -> Sequence[Any]:
    """Read all dead letters of one topic, the oldest first."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka(), max_partition_fetch_bytes=4 * MAX_EVENT_BYTES)
    try:
        await consumer.start()
        partition = TopicPartition(dead_letters(settings.topic_prefix + topic), 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        records: list[Any] = []
        while await consumer.position(partition) < end:
            records += (await consumer.getmany(partition, timeout_ms=500)).get(partition, [])
        return records
    finally:
        await consumer.stop()


async def _send(settings: Settings, topic: str, record: Any) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka(), max_request_size=2 * MAX_EVENT_BYTES)
    try:
        await producer.start()
        headers = [(name, value) for name, value in record.headers if not name.startswith("dead_")]
        await producer.send_and_wait(settings.topic_prefix + topic, record.value, key=record.key, headers=headers)
    finally:
        await producer.stop()


def _one(settings: Settings, topic: str, offset: int) -> Any:
    if topic not in {known.name for known in TOPICS}:
        _refuse(f"there is no topic {topic!r}; there are {', '.join(known.name for known in TOPICS)}")
    for record in asyncio.run(read_letters(settings, topic)):
        if record.offset == offset:
            return record
    return _refuse(f"{topic} has no dead letter {offset}: `encounters letters list` shows them")


def _settings() -> Settings:
    settings = reachable_settings()
    try:
        settings.kafka()
    except MissingAddress as fault:
        _refuse(str(fault))
    return settings


def _refuse(why: str) -> None:
    typer.echo(f"encounters letters: {why}", err=True)
    raise typer.Exit(2)
