"""Dead letters: a message that can't be read is listed with its reason, shown, and sent once more when asked."""

from __future__ import annotations

import asyncio

import pytest
from typer.testing import CliRunner, Result

from services.command.app import build
from services.intake.app import running as intake
from shared.envelope import Message
from shared.settings import Settings
from shared.topics import SUBMISSIONS
from tests.ringside import dead_letters_of, write_messages


async def run(monkeypatch: pytest.MonkeyPatch, settings: Settings, *words: str) -> Result:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", settings.kafka())
    monkeypatch.setenv("TOPIC_PREFIX", settings.topic_prefix)
    return await asyncio.to_thread(CliRunner().invoke, build(["letters"]), ["letters", *words])


async def test_letters_are_listed_shown_and_replayed(ring_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/crm"),
        ("ce_type", b"encounters.wish.make.v1"),
    ]
    wish = Message(ring_settings.topic_prefix + SUBMISSIONS.name, b"employer:E1", headers, "ein Wunsch: ü".encode())
    async with intake(ring_settings):
        await write_messages(ring_settings, [wish])
        await dead_letters_of(ring_settings, SUBMISSIONS, 1)
        listed = await run(monkeypatch, ring_settings, "list")
        assert listed.exit_code == 0, listed.output
        assert "submissions 0  encounters.wish.make.v1  unknown event type 'encounters.wish.make.v1'" in listed.output
        assert "1 dead letters" in listed.output
        shown = await run(monkeypatch, ring_settings, "show", "submissions", "0")
        assert "ein Wunsch: ü" in shown.output
        assert "ce_source: /crm" in shown.output
        sent = await run(monkeypatch, ring_settings, "replay", "submissions", "0")
        assert sent.exit_code == 0, sent.output
        again = await dead_letters_of(ring_settings, SUBMISSIONS, 2)
    assert [name for name, _ in again[1].headers].count("dead_reason") == 1
    assert again[1].value == again[0].value
    missing = await run(monkeypatch, ring_settings, "show", "submissions", "7")
    assert missing.exit_code == 2
    assert "has no dead letter 7" in missing.output
