"""Intake on a real Kafka and a real PostgreSQL: every message gets its answer, and the next good one is still taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from services.command.embedded import Addresses
from services.command.migrate import migrate
from services.intake import deciding
from services.intake.app import running
from services.intake.deciding.employers import build_employer
from services.intake.deciding.outcome import Accepted
from services.intake.postcodes import put_postcodes
from services.intake.register import Entry, Register
from services.intake.store import RegisterChanged, load, save
from shared.envelope import Event, Message, new_event, new_id, to_message
from shared.events.facts import SubmissionChangedNothing, SubmissionRefused
from shared.events.submissions import Batch, RegisterEmployer, Submission, SubmitRequest, WithdrawAvailability
from shared.service import Wiring
from shared.settings import Settings
from shared.topics import ANSWERS, FACTS, MAX_SUBMISSION_BYTES, SUBMISSIONS
from tests.infrastructure import fresh_database, fresh_topics
from tests.intake.parties import (
    POSTCODES,
    TERMS,
    make_availability,
    make_employer,
    make_hub,
    make_pledge,
    make_profile,
    make_request,
    make_school,
)
from tests.ringside import dead_letters_of, events_until, write, write_messages

Running = tuple[Settings, Wiring]


@pytest.fixture(scope="module")
async def intake(infrastructure: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Run one intake with postcodes and a hub; each test brings parties of its own."""
    async with fresh_database(infrastructure) as url, fresh_topics(infrastructure) as prefix:
        settings = Settings(
            kafka_bootstrap_servers=infrastructure.kafka_bootstrap,
            database_url=url,
            database_roles_password=SecretStr("only-for-tests"),
            topic_prefix=prefix,
            state_dir=tmp_path_factory.mktemp("intake"),
        )
        await migrate(settings)
        async with running(settings) as wiring:
            await put_postcodes(wiring.database, [(code, *at) for code, at in POSTCODES.items()])
            await asked(settings, make_hub())
            yield settings, wiring


def events(*submissions: Submission) -> list[Event[Submission]]:
    return [new_event("/test", said) for said in submissions]


async def answers_to(settings: Settings, asked: Iterable[Event[Any]]) -> dict[str, list[Event[Any]]]:
    """Wait until each of these submissions has an answer; returns all answers by the id of the submission."""
    wanted = {event.id for event in asked}
    found = await events_until(
        settings, [FACTS, ANSWERS], lambda came: wanted <= {event.correlation_id for event in came}
    )
    return {one: [event for event in found if event.correlation_id == one] for one in wanted}


async def asked(settings: Settings, *submissions: Submission) -> list[Any]:
    """Submit, and return the first answer to each."""
    sent = events(*submissions)
    await write(settings, sent)
    answers = await answers_to(settings, sent)
    return [answers[event.id][0].data for event in sent]


async def taken_still(settings: Settings) -> None:
    """See that a good submission is accepted behind all that came before it."""
    employer = f"last-{new_id()}"
    (answer,) = await asked(settings, make_employer(employer=employer))
    assert answer.employer == employer


async def with_school(settings: Settings, urn: str) -> None:
    """Register a school and its profile."""
    await asked(settings, make_school(school=urn), make_profile(school=urn))


def damaged(changes: dict[str, bytes | None] | None = None, value: bytes | None = None) -> Message:
    """Make a good submission's message with other headers (None: left out) or another body."""
    message = to_message(new_event("/test", make_employer(employer="last")), "")
    headers = dict(message.headers) | (changes or {})
    kept = [(name, text) for name, text in headers.items() if text is not None]
    return replace(message, headers=kept, value=message.value if value is None else value)


async def test_one_of_each_kind_becomes_a_fact(intake: Running) -> None:
    settings, wiring = intake
    urn = "100001"
    await with_school(settings, urn)
    await asked(settings, make_employer(employer="F1"))
    facts = await asked(
        settings,
        make_request(school=urn, group=f"{urn}-7A"),
        make_availability(employer="F1", availability="F1-A1"),
        make_pledge(employer="F1", schools_first={urn}),
        WithdrawAvailability(version=2, employer="F1", availability="F1-A1"),
    )
    assert [fact.event_type() for fact in facts] == [
        "encounters.request.registered.v1", "encounters.availability.registered.v1",
        "encounters.pledge.registered.v1", "encounters.availability.withdrawn.v1",
    ]  # fmt: skip
    owned = text("SELECT subject, hub, withdrawn FROM register WHERE organisation = ANY(:owners) ORDER BY subject")
    async with wiring.database.transaction() as session:
        rows = await (await session.connection()).execute(owned, {"owners": ["employer:F1", f"school:{urn}"]})
        assert [tuple(row) for row in rows] == [
            ("availability:F1-A1", "kent", True), ("employer:F1", None, False), ("pledge:F1/kent", "kent", False),
            (f"profile:{urn}", "kent", False), (f"request:{urn}-7A", "kent", False), (f"school:{urn}", "kent", False),
        ]  # fmt: skip


async def test_what_is_stored_decides_as_what_was_said(intake: Running) -> None:
    settings, _ = intake
    urn = "100002"
    group = {"school": urn, "group": f"{urn}-7A"}
    await with_school(settings, urn)
    await asked(settings, make_request(**group, sectors_asked={"M", "C"}))
    said = await asked(
        settings,
        make_request(**group, sectors_asked={"C", "M"}),
        make_request(**group, size=31),
        make_request(**group, version=2, size=31),
        make_profile(school=urn, version=2, calendars={}),
        make_school(school=urn, version=2, pupils=20),
        make_request(**group, version=3, size=29),
    )
    assert isinstance(said[0], SubmissionChangedNothing)
    assert said[2].version == 2
    assert said[4].pupils == 20
    assert [[reason.field for reason in said[place].reasons] for place in (1, 3, 5)] == [
        ["/version"], ["/calendars"], ["/size"],
    ]  # fmt: skip


async def test_new_terms_reach_what_is_stored(intake: Running) -> None:
    settings, _ = intake
    other = {"hub": "medway", "local_authorities": ("887",)}
    await asked(settings, make_hub(**other))
    await asked(settings, make_employer(employer="G1"))
    place = {"employer": "G1", "availability": "G1-A1", "hub": "medway", "postcode": "ZZ1 1AA"}
    (before,) = await asked(settings, make_availability(**place))
    hub = new_event("/test", make_hub(**other, version=2, terms=TERMS[:1]))
    await write(settings, [hub])
    facts = await events_until(
        settings, [FACTS], lambda came: sum(event.correlation_id == hub.id for event in came) == 2
    )
    (after,) = [event.data for event in facts if event.correlation_id == hub.id and event.subject.startswith("av")]
    assert after == before.model_copy(update={"version": 2, "windows": (), "left_out": ("2027-03-02T09:00",)})


UNREADABLE = [
    (damaged(value=b"{not json"), "not JSON"),
    (damaged(value=b""), "not JSON"),
    (damaged(value=b"\xff\xfe\x00"), "not JSON"),
    (damaged({"ce_type": b"encounters.employer.register.v9"}), "known versions: encounters.employer.register.v1"),
    (damaged({"ce_type": b"weather.report.v1"}), "unknown event type"),
    (damaged({"ce_type": None}), "ce_type missing"),
    (damaged({"ce_id": None}), "ce_id missing"),
    (damaged({"ce_source": None}), "ce_source missing"),
    (damaged({"ce_specversion": None}), "ce_specversion missing"),
    (damaged({"ce_specversion": b"0.3"}), "specversion"),
    (damaged({"ce_time": b"yesterday"}), "ce_"),
    (damaged({"ce_id": b"x" * 201}), "ce_id is longer"),
    (damaged({"ce_subject": b"\xff"}), "ce_"),
]


async def test_what_cannot_be_read_is_a_dead_letter_with_its_reason(intake: Running) -> None:
    settings, _ = intake
    topic = settings.topic_prefix + SUBMISSIONS.name
    sent = [
        replace(message, topic=topic, headers=[*message.headers, ("mark", b"%d" % mark)])
        for mark, (message, _) in enumerate(UNREADABLE)
    ]
    await write_messages(settings, sent)
    await taken_still(settings)
    letters = await dead_letters_of(settings, SUBMISSIONS, len(sent))
    by_mark = {dict(letter.headers)["mark"]: letter for letter in letters if "mark" in dict(letter.headers)}
    for message, (_, why) in zip(sent, UNREADABLE, strict=True):
        letter = by_mark[dict(message.headers)["mark"]]
        headers = dict(letter.headers)
        assert why in headers["dead_reason"].decode(), why
        assert headers["dead_topic"].decode() == topic
        assert (letter.key, letter.value) == (message.key, message.value)
        assert list(letter.headers)[: len(message.headers)] == list(message.headers)


async def test_a_wrong_shape_and_a_body_above_the_limit_are_answered_and_kept(
    intake: Running,
) -> None:
    settings, _ = intake
    wrong, large = events(make_employer(employer="E7"), make_employer(employer="E8"))
    messages = [to_message(event, settings.topic_prefix) for event in (wrong, large)]
    said = json.loads(messages[0].value) | {"sectors": ["Z"], "company_number": "12"}
    padding = b" " * (MAX_SUBMISSION_BYTES + 1 - len(messages[1].value))
    messages[0] = replace(messages[0], value=json.dumps(said).encode())
    messages[1] = replace(messages[1], value=messages[1].value + padding)
    await write_messages(settings, messages)
    answers = await answers_to(settings, [wrong, large])
    refusals = [answers[event.id][0].data for event in (wrong, large)]
    assert [refusal.organisation for refusal in refusals] == ["employer:E7", "employer:E8"]
    assert {reason.field for reason in refusals[0].reasons} == {"/sectors/0", "/company_number"}
    assert f"at most {MAX_SUBMISSION_BYTES}" in refusals[1].reasons[0].message
    letters = await dead_letters_of(settings, SUBMISSIONS, 1)
    ids = {dict(letter.headers).get("ce_id") for letter in letters}
    assert {wrong.id.encode(), large.id.encode()} <= ids
    await taken_still(settings)


async def test_a_body_at_the_limit_is_taken(intake: Running) -> None:
    settings, _ = intake
    (event,) = events(make_employer(employer="L1"))
    message = to_message(event, settings.topic_prefix)
    full = replace(message, value=message.value.ljust(MAX_SUBMISSION_BYTES))
    await write_messages(settings, [full])
    assert (await answers_to(settings, [event]))[event.id][0].data.employer == "L1"


async def test_a_subject_that_contradicts_the_data_is_refused(intake: Running) -> None:
    settings, _ = intake
    (good,) = events(make_employer(employer="S1"))
    wrong = replace(good, subject="employer:S2")
    await write(settings, [wrong])
    (answer,) = (await answers_to(settings, [wrong]))[wrong.id]
    assert [reason.field for reason in answer.data.reasons] == ["/ce_subject"]
    await taken_still(settings)


async def test_a_poisonous_message_falls_alone(intake: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(said: RegisterEmployer, *others: Any) -> Any:
        if said.name == "poison":
            raise RuntimeError("a fault of ours")
        return build_employer(said, *others)

    builders: dict[type[Submission], deciding.Builder] = {**deciding.BUILDERS, RegisterEmployer: explode}
    monkeypatch.setattr(deciding, "BUILDERS", builders)
    settings, _ = intake
    said = make_employer(employer="P1")
    sent = events(
        said, *(said.model_copy(update=c) for c in ({"version": 2, "name": "poison"}, {"version": 3, "name": "cured"}))
    )
    await write(settings, sent)
    answers = await answers_to(settings, [sent[0], sent[2]])
    assert [answers[event.id][0].data.version for event in (sent[0], sent[2])] == [1, 3]
    letters = await dead_letters_of(settings, SUBMISSIONS, 1)
    (mine,) = [dict(letter.headers) for letter in letters if dict(letter.headers).get("ce_id") == sent[1].id.encode()]
    assert "RuntimeError" in mine["dead_reason"].decode()
    await taken_still(settings)


async def test_the_same_event_twice_has_one_effect(intake: Running) -> None:
    settings, _ = intake
    (event,) = events(make_employer(employer="T1"))
    await write(settings, [event, event])
    await taken_still(settings)
    await write(settings, [event])
    (after,) = await asked(settings, make_employer(employer="T1", version=2, name="Renamed"))
    assert after.version == 2
    assert len((await answers_to(settings, [event]))[event.id]) == 1


async def test_two_copies_that_change_one_thing_at_once_leave_one_change_to_be_decided_again(intake: Running) -> None:
    """Only possible where a sender takes other Kafka keys than it should: a key's submissions come one after another."""
    settings, wiring = intake
    await asked(settings, make_employer(employer="R1"))

    async def change(session: AsyncSession, version: int, name: str) -> tuple[Register, dict[str, Entry]]:
        said = make_employer(employer="R1", version=version, name=name)
        register = await load(await session.connection(), [said])
        known = dict(register.entries)
        assert isinstance(deciding.decide(said, register), Accepted)
        return register, known

    async with wiring.database.transaction() as slow:
        late = await change(slow, 2, "Slow")
        async with wiring.database.transaction() as quick:
            await save(await quick.connection(), *await change(quick, 3, "Quick"))
        connection = await slow.connection()
        with pytest.raises(RegisterChanged):
            await save(connection, *late)
    (answer,) = await asked(settings, make_employer(employer="R1", version=2, name="Slow"))
    assert "version 3 is known already" in answer.reasons[0].message


def rows_of(file: str, *submissions: Submission) -> list[Event[Submission]]:
    return events(
        *(
            said.model_copy(update={"batch": Batch(id=file, row=row, rows=len(submissions), take="all")})
            for row, said in enumerate(submissions, start=1)
        )
    )


def groups(urn: str, *sizes: int) -> list[SubmitRequest]:
    return [make_request(school=urn, group=f"{urn}-{number}", size=size) for number, size in enumerate(sizes)]


async def staged(wiring: Wiring, file: str) -> int:
    async with wiring.database.transaction() as session:
        connection = await session.connection()
        found = await connection.scalar(text("SELECT count(*) FROM staged_rows WHERE batch = :file"), {"file": file})
        return int(found or 0)


async def test_a_file_is_taken_whole_or_not_at_all(intake: Running) -> None:
    settings, wiring = intake
    urn = "100003"
    await with_school(settings, urn)
    bad = rows_of("first", *groups(urn, 30, 901, 28))
    await write(settings, [bad[2], bad[0]])
    async with asyncio.timeout(60):
        while await staged(wiring, "first") < 2:
            await asyncio.sleep(0.05)
    await write(settings, [bad[1]])
    answers = await answers_to(settings, bad)
    refusals = [answers[event.id][0].data for event in bad]
    assert all(isinstance(refusal, SubmissionRefused) for refusal in refusals)
    assert [refusal.reasons[0].field for refusal in refusals] == ["/batch", "/size", "/batch"]
    assert "row 2 was refused" in refusals[0].reasons[0].message

    good = rows_of("second", *groups(urn, 30, 29, 28))
    await write(settings, good)
    answers = await answers_to(settings, good)
    assert [answers[event.id][0].data.size for event in good] == [30, 29, 28]
    again = rows_of("third", *groups(urn, 30, 29, 28))
    await write(settings, again)
    answers = await answers_to(settings, again)
    assert all(isinstance(answers[event.id][0].data, SubmissionChangedNothing) for event in again)
    assert [await staged(wiring, file) for file in ("first", "second", "third")] == [0, 0, 0]


async def test_a_row_of_a_wrong_shape_refuses_its_file(intake: Running) -> None:
    settings, _ = intake
    urn = "100004"
    await with_school(settings, urn)
    file = rows_of("wrong row", *groups(urn, 30, 29))
    wrong = to_message(file[1], settings.topic_prefix)
    value = json.dumps(json.loads(wrong.value) | {"size": 0}).encode()
    await write(settings, file[:1])
    await write_messages(settings, [replace(wrong, value=value)])
    answers = await answers_to(settings, file)
    assert [answers[event.id][0].data.reasons[0].field for event in file] == ["/batch", "/size"]


async def test_a_row_that_comes_twice_is_refused_and_the_file_is_taken(intake: Running) -> None:
    settings, _ = intake
    urn = "100005"
    await with_school(settings, urn)
    file, double = rows_of("twice", *groups(urn, 30, 29)), rows_of("twice", *groups(urn, 31, 29))
    await write(settings, [file[0], double[0], file[1]])
    answers = await answers_to(settings, [*file, double[0]])
    assert [answers[event.id][0].data.size for event in file] == [30, 29]
    assert answers[double[0].id][0].data.reasons[0].field == "/batch/row"


async def test_a_file_that_never_ends_is_refused_after_a_day(intake: Running) -> None:
    settings, wiring = intake
    urn = "100006"
    await with_school(settings, urn)
    file = rows_of("endless", *groups(urn, 30, 29))
    await write(settings, file[:1])
    async with asyncio.timeout(60):
        while await staged(wiring, "endless") < 1:
            await asyncio.sleep(0.05)
    age = text("UPDATE staged_rows SET staged_at = staged_at - interval '25 hours' WHERE batch = 'endless'")
    async with wiring.database.transaction() as session:
        await (await session.connection()).execute(age)
    other = rows_of("other", *groups(urn, 30))
    await write(settings, other)
    answers = await answers_to(settings, [file[0], *other])
    assert "not all rows" in answers[file[0].id][0].data.reasons[0].message
    assert answers[other[0].id][0].data.size == 30
