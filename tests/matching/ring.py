"""A hub in matching's own corner of the ring: its facts written, plans asked for, what came out sorted by type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from services.matching.planning.scenario import Area
from shared.envelope import Event, new_event
from shared.events.data import EventData
from shared.events.decisions import RequestPlan, TimetablePublished
from shared.events.encounters import EncounterConfirmed
from shared.events.plans import PlanningEnded, SessionProposed, TimetableProposed
from shared.settings import Settings
from shared.topics import PLANNING, TIMETABLES
from tests.matching.area_facts import facts_of
from tests.ringside import events_until, write

Data = TypeVar("Data", bound=EventData)


async def tell_facts(settings: Settings, area: Area) -> None:
    """Write the facts of a scenario as intake would."""
    await write(settings, [new_event("/intake", fact) for fact in facts_of(area)])


async def ask(settings: Settings, area: Area, job: str, seconds: float) -> None:
    """Ask for a plan as a coordinator would."""
    request = RequestPlan(hub=area.problem.hub.id, decided_by="a1", job=job, seconds=seconds)
    await write(settings, [new_event("/portal", request)])


def of(kind: type[Data], events: Sequence[Event[Any]]) -> list[Data]:
    """Give the data of all events of one type."""
    return [event.data for event in events if isinstance(event.data, kind)]


def ended(job: str | None = None, times: int = 1) -> Callable[[list[Event[Any]]], bool]:
    """Wait for so many ends (of one job), and for all parts of each proposed timetable."""

    def enough(events: list[Event[Any]]) -> bool:
        ends = [end for end in of(PlanningEnded, events) if job in (None, end.job)]
        proposed = {end.version for end in ends if end.version}
        return len(ends) >= times and all(is_complete(events, version) for version in proposed)

    return enough


def is_complete(events: Sequence[Event[Any]], version: int) -> bool:
    """Tell whether a version's header and all that it counts have come."""
    headers = [header for header in of(TimetableProposed, events) if header.version == version]
    parts = [event for event in events if getattr(event.data, "version", None) == version]
    return bool(headers) and len(parts) >= sum((1, 1, headers[0].sessions, headers[0].shortfalls, headers[0].remedies))


async def timetables(
    settings: Settings, enough: Callable[[list[Event[Any]]], bool], *, seconds: float = 150
) -> list[Event[Any]]:
    """Read what matching has published since the beginning, until there is enough."""
    return await events_until(settings, [PLANNING, TIMETABLES], enough, seconds=seconds)


async def publish(settings: Settings, area: Area, sessions: Sequence[SessionProposed]) -> None:
    """Publish sessions of one version, and tell the employers, as portal and confirmations would."""
    version, year = sessions[0].version, sessions[0].academic_year
    header = TimetablePublished(
        hub=area.problem.hub.id, decided_by="a1", academic_year=year, version=version, sessions=len(sessions)
    )
    told = [
        EncounterConfirmed(
            **one.model_dump(exclude={"compared", "session"}),
            party_kind="employer", party=one.employer, sequence=0, employer_name=one.employer, place="",
        )
        for one in sessions
    ]  # fmt: skip
    await write(settings, [new_event("/portal", header), *(new_event("/confirmations", one) for one in told)])
