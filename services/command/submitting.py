"""Submits on behalf of many parties, as their own events, and waits for intake's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.intake.postcodes import put_postcodes
from services.matching.planning.model import MODES, Group, Minute, Offer, Policy, Window
from services.matching.planning.scenario import Area
from shared.database import service_database
from shared.envelope import Event, new_event, to_message
from shared.events.facts import SubmissionRefused
from shared.events.fields import Absence, DateSpan, Meaningful, Times
from shared.events.policy import HubPolicy, PointsPolicy
from shared.events.submissions import (
    DescribeSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
)
from shared.inbox import read
from shared.outbox import deliver
from shared.settings import Settings
from shared.topics import ANSWERS, FACTS, MAX_EVENT_BYTES

_ANSWER_SECONDS = 120.0
_REFUSED = SubmissionRefused.event_type().encode()
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock time of the hub, as in the planning files


def submissions_of(area: Area) -> list[list[Submission]]:
    """Turn a scenario into what its coordinator, schools and employers would submit; each stage needs the one before."""
    return [
        [_hub(area)],
        [*_schools(area), *_employers(area)],
        [*_profiles(area), *_availability(area), *_pledges(area), *_requests(area)],
    ]


def _time(minute: Minute) -> str:
    return (_EPOCH + timedelta(minutes=minute)).isoformat(timespec="minutes")


def _times(windows: Iterable[Window]) -> tuple[Times, ...]:
    return tuple(Times(start=_time(window.start), end=_time(window.end)) for window in windows)


def _policy(policy: Policy) -> HubPolicy:
    points = {name: float(getattr(policy.points, name)) for name in PointsPolicy.model_fields}
    plain = {name: getattr(policy, name) for name in HubPolicy.model_fields if name != "points"}
    numbers = {name: value if isinstance(value, (int, tuple)) else float(value) for name, value in plain.items()}
    return HubPolicy(points=PointsPolicy(**points), **numbers)


def _hub(area: Area) -> RegisterHub:
    problem = area.problem
    return RegisterHub(
        hub=problem.hub.id,
        name=problem.hub.name,
        time_zone=problem.hub.time_zone,
        local_authorities=tuple(sorted(area.local_authorities)),
        academic_year=problem.academic_year,
        terms=tuple(DateSpan(start=term.start, end=term.end) for term in area.terms),
        policy=_policy(problem.policy),
    )


def _schools(area: Area) -> Iterable[RegisterSchool]:
    shares = {school.id: float(school.fsm_share) for school in area.problem.schools}
    pupils: dict[str, int] = {}
    for group in area.problem.groups:
        pupils[group.school] = pupils.get(group.school, 0) + group.size
    for profile in area.schools:
        party = profile.party
        if party.urn in shares:
            yield RegisterSchool(
                school=party.urn, name=party.name, local_authority=party.local_authority, postcode=party.postcode,
                phase=party.phase, type=party.type, special=party.special, low_age=party.low_age,
                high_age=party.high_age, pupils=pupils.get(party.urn), fsm_share=shares[party.urn],
            )  # fmt: skip


def _profiles(area: Area) -> Iterable[DescribeSchool]:
    calendars: dict[str, dict[str, tuple[Times, ...]]] = {}
    for name, windows in area.problem.calendars.items():
        school, _, own = name.partition(":")
        if own:
            calendars.setdefault(school, {})[own] = _times(windows)
    known = {school.id for school in area.problem.schools}
    for profile in area.schools:
        if profile.party.urn in known:
            yield DescribeSchool(
                school=profile.party.urn,
                hosting_limit=profile.hosting_limit,
                calendars=calendars.get(profile.party.urn, {}),
                closures=tuple(DateSpan(start=day, end=day, what="INSET") for day in profile.closures),
                absences=tuple(_absence(one.year, one.start, one.end, one.reason) for one in profile.absences),
                contact_email=profile.contact_email,
            )


def _absence(year: int, start: date, end: date, what: str) -> Absence:
    return Absence(years=frozenset({year}), start=start, end=end, what=what)


def _employers(area: Area) -> Iterable[RegisterEmployer]:
    employers = {employer.id: employer for employer in area.problem.employers}
    stem_sectors = set(area.problem.policy.stem_sectors)
    for profile in area.employers:
        party = profile.party
        employer = employers.get(party.id)
        if employer is not None:
            usual = bool(stem_sectors & employer.sectors)
            yield RegisterEmployer(
                employer=party.id, name=party.name, postcode=party.postcode, sectors=employer.sectors,
                stem=None if employer.stem == usual else employer.stem, company_number=party.company_number,
                radius_km=float(employer.radius_km), max_sessions_per_day=employer.max_sessions_per_day,
                max_sessions=employer.max_sessions, contact_email=profile.contact_email,
            )  # fmt: skip


def _availability(area: Area) -> Iterable[SubmitAvailability]:
    positions = {employer.id: employer.position for employer in area.problem.employers}
    places = {position: postcode for postcode, position in area.postcodes.items()}
    usual = {"in_school": 1, "workplace": 2, "virtual": None}
    for offer in area.problem.offers:
        yield SubmitAvailability(
            availability=offer.id, employer=offer.employer, hub=area.problem.hub.id, mode=offer.mode,
            times=_times(_windows(area, offer)), duration_minutes=offer.duration_minutes,
            max_sessions=offer.max_sessions, seats=offer.seats, years=offer.years,
            max_schools=None if offer.max_schools == usual[offer.mode] else offer.max_schools,
            postcode=places[offer.position] if offer.position != positions[offer.employer] else None,
            presenter=None if offer.presenter == offer.employer else offer.presenter, adjustments=offer.adjustments,
            meaningful=Meaningful(
                purpose=offer.meaningful.purpose, outcomes=offer.meaningful.outcomes,
                interaction=offer.meaningful.interaction, reflection=offer.meaningful.reflection,
            ),
        )  # fmt: skip


def _windows(area: Area, offer: Offer) -> Iterable[Window]:
    return (window for calendar in offer.calendars for window in area.problem.calendars[calendar])


def _pledges(area: Area) -> Iterable[SubmitPledge]:
    for pledge in area.problem.pledges:
        yield SubmitPledge(
            employer=pledge.employer,
            hub=area.problem.hub.id,
            students=pledge.students,
            schools_first=pledge.schools_first,
        )


def _requests(area: Area) -> Iterable[SubmitRequest]:
    usual_km = area.problem.policy.max_travel_km
    for group in area.problem.groups:
        yield SubmitRequest(
            school=group.school, group=group.id, year=group.year, size=group.size, calendars=_names(group),
            needed=group.needed, sectors_asked=group.sectors_asked, sectors_met=group.sectors_met,
            stem_needed=group.stem_needed, modes=frozenset(mode for mode in MODES if mode in group.modes),
            adjustments=group.adjustments,
            max_travel_km=None if group.max_travel_km == usual_km else float(group.max_travel_km),
            may_split=group.may_split,
        )  # fmt: skip


def _names(group: Group) -> tuple[str, ...]:
    return tuple(calendar.partition(":")[2] for calendar in group.calendars)


async def import_postcodes_of(settings: Settings, area: Area) -> None:
    """Give intake the area's postcodes and their positions."""
    database = service_database(settings, "intake")
    await put_postcodes(database, ((postcode, *position) for postcode, position in area.postcodes.items()))
    await database.close()


@dataclass(slots=True)
class Answers:
    """What intake has answered: how many submissions it took, and each refusal."""

    taken: int = 0
    refused: list[SubmissionRefused] = field(default_factory=list)

    def count(self) -> int:
        """Count the answers."""
        return self.taken + len(self.refused)


async def submit(
    settings: Settings,
    source: str,
    submissions: Sequence[Submission],
    on_answers: Callable[[int], None] = lambda _: None,
) -> Answers:
    """Write submissions to Kafka and wait until each has its answer; raises TimeoutError when intake stays silent."""
    events: list[Event[Submission]] = [new_event(source, submission) for submission in submissions]
    consumer = AIOKafkaConsumer(
        *(settings.topic_prefix + topic.name for topic in (FACTS, ANSWERS)),
        bootstrap_servers=settings.kafka(),
        auto_offset_reset="latest",
        max_partition_fetch_bytes=4 * MAX_EVENT_BYTES,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka(), linger_ms=5, max_batch_size=262_144, enable_idempotence=True
    )
    try:
        await consumer.start()
        await producer.start()
        await asyncio.gather(*[consumer.position(partition) for partition in consumer.assignment()])
        messages = (to_message(event, settings.topic_prefix) for event in events)
        sending = asyncio.create_task(deliver(producer, messages))
        answers = await _collect(consumer, {event.id for event in events}, on_answers)
        await sending
        return answers
    finally:
        await producer.stop()
        await consumer.stop()


async def _collect(consumer: AIOKafkaConsumer, waiting: set[str], on_answers: Callable[[int], None]) -> Answers:
    answers = Answers()
    silent_since = asyncio.get_running_loop().time()
    while waiting:
        polled = await consumer.getmany(timeout_ms=500, max_records=5000)
        for record in (record for records in polled.values() for record in records):
            headers = dict(record.headers)
            submission = headers.get("ce_correlationid", b"").decode("utf-8", "replace")
            if submission not in waiting:
                continue
            waiting.discard(submission)
            silent_since = asyncio.get_running_loop().time()
            if headers.get("ce_type") == _REFUSED:
                answers.refused.append(read(record).data)
            else:
                answers.taken += 1
        on_answers(answers.count())
        if asyncio.get_running_loop().time() - silent_since > _ANSWER_SECONDS:
            raise TimeoutError(f"intake left {len(waiting)} submissions without an answer: is it running?")
    return answers
