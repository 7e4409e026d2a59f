"""The service on a real Kafka and a real PostgreSQL: published sessions become encounters and mail, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as KeepsMessages
from sqlmodel import select

from services.confirmations.app import running
from services.confirmations.tables import Mail, Party, Published
from shared.envelope import Event, new_event
from shared.events.data import EventData
from shared.events.decisions import SessionPublished, TimetablePublished
from shared.events.facts import AvailabilityRegistered, EmployerRegistered, SchoolDescribed, SchoolRegistered
from shared.events.fields import Meaningful
from shared.service import Wiring
from shared.settings import Settings
from shared.topics import ENCOUNTERS
from tests.confirmations.test_telling import make_session
from tests.ports import free_port
from tests.ringside import events_until, write

EMPLOYER = EmployerRegistered(
    version=1, employer="E0001", name="Harbour Foods", postcode="ZZ1 1AA", position=(51, 0.5), sectors=("C",), stem=True,
    company_number=None, radius_km=25, max_sessions_per_day=None, max_sessions=None, contact_email="work@example.org",
)  # fmt: skip
SCHOOL = SchoolRegistered(
    version=1, hub="demo", school="900001", name="Northgate", local_authority="990", postcode="ZZ2 2BB",
    position=(51, 0.6), special=False, fsm_share=0.2, pupils=900,
)  # fmt: skip
PROFILE = SchoolDescribed(
    version=1,
    hub="demo",
    school="900001",
    hosting_limit=1,
    calendars={},
    absences=(),
    contact_email="careers@example.org",
)


def publish(version: int, *sessions: SessionPublished) -> list[Event[Any]]:
    published = [one.model_copy(update={"version": version}) for one in sessions]
    header = TimetablePublished(
        hub="demo", decided_by="a1", academic_year="2026/27", version=version, sessions=len(sessions)
    )
    return [new_event("/portal", data) for data in (*published, header)]


async def know_the_parties(settings: Settings, wiring: Wiring, *parties: EventData) -> None:
    """Send the parties' facts and wait until the service has them."""
    await write(settings, [new_event("/intake", data) for data in parties or (EMPLOYER, SCHOOL, PROFILE)])
    await until(wiring, select(Party), lambda found: len(found) >= len(parties or (EMPLOYER, SCHOOL, PROFILE)))


async def until(wiring: Wiring, query: Any, enough: Callable[[Sequence[Any]], bool]) -> None:
    """Wait until the service's tables hold what is asked for."""
    async with asyncio.timeout(60):
        while True:
            async with wiring.database.transaction() as session:
                if enough((await session.exec(query)).all()):
                    return
            await asyncio.sleep(0.1)


def news(events: list[Event[Any]]) -> set[tuple[str, str, int]]:
    return {(event.type.split(".")[-2], event.data.party, event.data.sequence) for event in events}


async def mails(folder: Path, count: int) -> list[Any]:
    async with asyncio.timeout(60):
        while len(list(folder.glob("*.eml"))) < count:
            await asyncio.sleep(0.1)
    return [message_from_bytes(path.read_bytes(), policy=default) for path in sorted(folder.glob("*.eml"))]


async def test_published_encounters_are_told_once_and_cancelled_when_lost(ring_settings: Settings) -> None:
    first = publish(1, make_session("e1"), make_session("e2", start="2027-03-09T09:00", end="2027-03-09T10:00"))
    async with running(ring_settings) as wiring:
        await know_the_parties(ring_settings, wiring)
        await write(ring_settings, first)
        told = await events_until(ring_settings, [ENCOUNTERS], lambda events: len(events) >= 4)
        assert news(told) == {("confirmed", "E0001", 0), ("confirmed", "900001", 0)}
        await write(ring_settings, first)  # the same events once more, as after a crash
        await write(ring_settings, publish(2, make_session("e1")))
        told = await events_until(ring_settings, [ENCOUNTERS], lambda events: len(events) >= 6)
        assert len(told) == 6
        assert news(told[-2:]) == {("cancelled", "E0001", 1), ("cancelled", "900001", 1)}
        messages = await mails(ring_settings.mailbox(), 6)
    assert {message["To"] for message in messages} == {"work@example.org", "careers@example.org"}
    assert sum(message["Subject"].startswith("Cancelled") for message in messages) == 2


class _Inbox(KeepsMessages):
    """Keeps what an SMTP server was given."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    def handle_message(self, message: Any) -> None:
        self.subjects.append(message["Subject"])


async def test_an_older_version_that_comes_late_tells_nobody(ring_settings: Settings) -> None:
    late = publish(1, make_session("e1"), make_session("e2", start="2027-03-09T09:00", end="2027-03-09T10:00"))
    async with running(ring_settings) as wiring:
        await know_the_parties(ring_settings, wiring)
        await write(ring_settings, publish(2, make_session("e1")))
        await write(ring_settings, late)
        await write(ring_settings, publish(3))
        told = await events_until(ring_settings, [ENCOUNTERS], lambda events: len(events) >= 4)
        await until(wiring, select(Published), lambda found: not found)
    assert [(event.type.split(".")[-2], event.data.encounter) for event in told] == [
        ("confirmed", "e1"), ("confirmed", "e1"), ("cancelled", "e1"), ("cancelled", "e1"),
    ]  # fmt: skip


async def test_a_visit_is_told_with_the_place_that_its_offer_has(ring_settings: Settings) -> None:
    offer = AvailabilityRegistered(
        version=1, availability="E0001-A1", employer="E0001", hub="demo", mode="workplace", windows=(),
        duration_minutes=60, max_sessions=1, seats=30, years=(9,), max_schools=2, position=(51, 0.7), presenter=None,
        adjustments=(), meaningful=Meaningful(), postcode="ZZ3 3CC",
    )  # fmt: skip
    visit = make_session("e1", mode="workplace", school=None, position=(51, 0.7))
    async with running(ring_settings) as wiring:
        await know_the_parties(ring_settings, wiring, EMPLOYER, SCHOOL, PROFILE, offer)
        await write(ring_settings, publish(1, visit))
        told = await events_until(ring_settings, [ENCOUNTERS], lambda events: len(events) >= 2)
    assert {event.data.place for event in told} == {"Harbour Foods, ZZ3 3CC"}


async def test_mail_waits_for_an_address(ring_settings: Settings) -> None:
    async with running(ring_settings) as wiring:
        await know_the_parties(ring_settings, wiring, EMPLOYER, SCHOOL)
        past = make_session("e2", start="2026-01-05T09:00", end="2026-01-05T10:00")
        ahead = make_session("e1", start="2099-03-02T09:00", end="2099-03-02T10:00")
        await write(ring_settings, publish(1, ahead, past))
        waiting = select(Mail).where(Mail.status == "no-address")
        await until(wiring, waiting, lambda found: len(found) == 2)
        await write(ring_settings, [new_event("/intake", PROFILE)])
        messages = await mails(ring_settings.mailbox(), 3)
        await until(wiring, waiting, lambda found: [one.data["encounter"] for one in found] == ["e2"])
    assert [message["To"] for message in messages].count("careers@example.org") == 1


async def test_a_message_that_can_not_be_written_holds_up_no_other(ring_settings: Settings) -> None:
    broken = EMPLOYER.model_copy(update={"contact_email": "work@[1.2", "name": "Harbour\nFoods"})
    async with running(ring_settings) as wiring:
        await know_the_parties(ring_settings, wiring, broken, SCHOOL, PROFILE)
        await write(ring_settings, publish(1, make_session("e1")))
        (message,) = await mails(ring_settings.mailbox(), 1)
        await until(wiring, select(Mail).where(Mail.status == "given-up"), lambda found: len(found) == 1)
    assert message["To"] == "careers@example.org"
    assert message["Subject"] == "Confirmed: Harbour Foods, 2 March 2027, 09:00"


async def test_mail_goes_over_smtp_and_waits_for_a_server_that_is_away(
    ring_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.confirmations.sending._FIRST_PAUSE", timedelta(seconds=1))
    port = free_port()
    settings = ring_settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{port}"})
    inbox = _Inbox()
    async with running(settings) as wiring:
        await know_the_parties(settings, wiring)
        await write(settings, publish(1, make_session("e1")))
        await until(wiring, select(Mail).where(Mail.attempts > 0), lambda found: len(found) == 2)
        moved = make_session("e1", start="2027-03-09T09:00", end="2027-03-09T10:00")
        await write(settings, publish(2, moved))
        await events_until(settings, [ENCOUNTERS], lambda events: len(events) >= 4)
        server = Controller(inbox, hostname="127.0.0.1", port=port)
        server.start()
        try:
            async with asyncio.timeout(60):
                while len(inbox.subjects) < 2:
                    await asyncio.sleep(0.1)
            await until(wiring, select(Mail), lambda found: {one.status for one in found} == {"sent", "superseded"})
        finally:
            server.stop()
    assert inbox.subjects == ["Changed: Harbour Foods, 9 March 2027, 09:00"] * 2
