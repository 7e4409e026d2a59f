"""The main journey, told once and run at every size: from submissions to encounters that each party was told of once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from services.command.coordinating import Coordinator, Told
from services.command.people import sign_ins
from services.command.submitting import import_postcodes_of, submissions_of, submit
from services.matching.planning.scenario import Area
from shared.events.encounters import EncounterConfirmed, EncounterTold
from shared.settings import Settings

Stage = str
"""Where the journey is: "submitted", "planned" or "approved"."""


async def undisturbed(stage: Stage) -> None:
    """Disturb nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a journey came to."""

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

    `portals` are the addresses of the portal's copies; the last one is used, so that the first may die.
    """
    hub = area.problem.hub.id
    _, token = await sign_ins(settings, area)
    await import_postcodes_of(settings, area)
    stages = submissions_of(area)
    for number, stage in enumerate(stages):
        if number == len(stages) - 1:
            await disturb("submitted")
        answers = await submit(settings, "/journey", stage)
        assert answers.refused == [], answers.refused[:3]
        assert answers.taken == len(stage)
    async with Told(settings) as told, Coordinator(portals[-1], hub, token) as coordinator:
        await disturb("planned")
        timetable = await coordinator.plan(seconds)
        await coordinator.approve_all(timetable["version"])
        sessions = await coordinator.sessions()
        await disturb("approved")
        await coordinator.publish(timetable["version"])
        heard = await told.wait_for(sum(1 + len(one["schools"]) for one in sessions), hub=hub)
        timetable = await coordinator.timetable()
    return Outcome(sum(len(stage) for stage in stages), timetable, sessions, heard)


def assert_everybody_was_told_once(outcome: Outcome) -> None:
    """Every encounter of the published timetable is confirmed once to its employer and once to each of its schools."""
    wanted = Counter(
        (one["encounter"], kind, party)
        for one in outcome.sessions
        for kind, party in [("employer", one["employer"]), *(("school", school) for school in one["schools"])]
    )
    assert all(isinstance(event, EncounterConfirmed) for event in outcome.told)
    assert Counter((event.encounter, event.party_kind, event.party) for event in outcome.told) == wanted
    seats = sum(event_students(event) for event in outcome.told if event.party_kind == "employer")
    assert seats == sum(one["students"] for one in outcome.sessions)


def event_students(event: EncounterTold) -> int:
    """Count the students of whom an event tells."""
    return sum(attendance.students for attendance in event.attendances)
