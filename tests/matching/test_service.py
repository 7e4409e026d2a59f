"""Matching on a real Kafka and a real PostgreSQL: facts become a complete proposal, decisions bind, changes are repaired."""

from __future__ import annotations

import pytest

from services.matching.app import running
from services.matching.planning.scenario import Area, fictional_area
from shared.events.plans import (
    PlanningEnded,
    PlanningProgressed,
    PlanningStarted,
    RemedyProposed,
    SessionProposed,
    ShortfallExplained,
    TimetableProposed,
)
from shared.settings import Settings
from tests.matching.ring import ask, ended, of, tell_facts, timetables

SECONDS = 4


@pytest.fixture(scope="module")
def area() -> Area:
    return fictional_area(schools=2, seed=5)


async def test_facts_and_a_request_become_one_complete_proposal(ring_settings: Settings, area: Area) -> None:
    async with running(ring_settings):
        await tell_facts(ring_settings, area)
        await ask(ring_settings, area, "job-1", SECONDS)
        events = await timetables(ring_settings, ended("job-1"))

    (header,) = of(TimetableProposed, events)
    sessions, shortfalls = of(SessionProposed, events), of(ShortfallExplained, events)
    assert header.version == 1
    assert (header.sessions, header.shortfalls, header.remedies) == (
        len(sessions),
        len(shortfalls),
        len(of(RemedyProposed, events)),
    )
    assert 0 < header.covered <= header.bound <= header.students
    assert header.students - header.covered == sum(one.students for one in shortfalls)
    assert len({one.encounter for one in sessions}) == len(sessions)
    assert {one.compared for one in sessions} == {"new"}
    assert all(one.sentence for one in shortfalls)
    assert of(PlanningStarted, events)
    assert of(PlanningProgressed, events)
    assert [(end.outcome, end.version) for end in of(PlanningEnded, events)] == [("proposed", 1)]
