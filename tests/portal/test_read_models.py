"""Read models follow the events: what comes late or twice changes nothing, what is newer replaces."""

from __future__ import annotations

from dataclasses import replace

from services.portal.app import session_secret
from shared.events.data import EventData
from shared.events.encounters import EncounterCancelled, EncounterMoved
from shared.events.facts import AvailabilityRegistered, AvailabilityWithdrawn
from shared.settings import Settings
from tests.portal.conftest import MakeClient, Running
from tests.portal.hubmade import Hub, told


async def test_an_older_version_that_comes_late_changes_nothing(
    portal: Running, hub: Hub, client_of: MakeClient
) -> None:
    offer = next(event.data for event in hub.facts() if isinstance(event.data, AvailabilityRegistered))
    newer = offer.model_copy(update={"version": 3, "seats": 60})
    late = offer.model_copy(update={"version": 2, "seats": 15})
    await portal.keep(told(newer), told(late))
    await portal.keep(told(late))
    client = await client_of("employer", f"employer:{offer.employer}")
    (shown,) = (await client.get("/api/v1/availability")).json()
    assert (shown["version"], shown["details"]["seats"]) == (3, 60)
    gone = AvailabilityWithdrawn(version=4, availability=offer.availability, employer=offer.employer, hub=hub.hub)
    await portal.keep(told(gone))
    (shown,) = (await client.get("/api/v1/availability")).json()
    assert shown["withdrawn"]


async def test_the_highest_sequence_is_what_a_party_was_told(portal: Running, hub: Hub, client_of: MakeClient) -> None:
    first = hub.confirmed(0, "A")
    body = first.data.model_dump()
    moved: EventData = EncounterMoved.model_validate({**body, "sequence": 1, "start": "2027-03-09T09:00"})
    cancelled: EventData = EncounterCancelled.model_validate({**body, "sequence": 2})
    client = await client_of("school", f"school:{hub.schools[0]}")

    async def shown() -> tuple[str, str]:
        (one,) = (await client.get("/api/v1/encounters")).json()
        return one["status"], one["start"][:10]

    await portal.keep(told(moved), first)
    assert await shown() == ("moved", "2027-03-09")
    coverage = {one["group"]: one for one in (await client.get(f"/api/v1/schools/{hub.schools[0]}/coverage")).json()}
    assert (coverage[hub.group(0, "A")]["confirmed"], coverage[hub.group(0, "B")]["confirmed"]) == (28, 0)
    assert "can only be seen on Tuesdays" in coverage[hub.group(0, "C")]["why_not"]
    await portal.keep(told(cancelled), replace(first, id=first.id))
    assert (await shown())[0] == "cancelled"
    coverage = {one["group"]: one for one in (await client.get(f"/api/v1/schools/{hub.schools[0]}/coverage")).json()}
    assert coverage[hub.group(0, "A")]["confirmed"] == 0


async def test_by_what_a_bound_is_known_is_kept(portal: Running, hub: Hub, client_of: MakeClient) -> None:
    client = await client_of("coordinator", f"hub:{hub.hub}")

    async def shown() -> tuple[int, str, int | None]:
        timetable = (await client.get(f"/api/v1/hubs/{hub.hub}/timetable")).json()
        return timetable["bound"], timetable["method"], timetable["certified_bound"]

    assert await shown() == (140, "certificate", None)  # as matching told it before it told of both bounds
    await portal.keep(*hub.timetable(version=2, method="search", certified_bound=150))
    assert await shown() == (140, "search", 150)


async def test_a_batch_of_all_kinds_is_kept_in_one_transaction(portal: Running, client_of: MakeClient) -> None:
    hub = Hub.new()
    await portal.keep(*hub.timetable(version=1), *hub.facts(), hub.confirmed(0, "A", "employer"))
    client = await client_of("coordinator", f"hub:{hub.hub}")
    (shown,) = (await client.get("/api/v1/hubs")).json()
    assert (shown["schools"], shown["timetable_version"], shown["academic_year"]) == (2, 1, "2026/27")
    assert len((await client.get("/api/v1/requests")).json()) == 6
    (pledge,) = (await client.get("/api/v1/pledges")).json()
    assert (pledge["students"], pledge["confirmed"]) == (100, 28)


def test_the_secret_of_cookies_is_kept_in_the_state_directory(portal: Running) -> None:
    settings: Settings = portal.settings.model_copy(update={"session_secret": None})
    secret = session_secret(settings)
    assert len(secret) > 40
    assert session_secret(settings) == secret
    assert [path.name for path in settings.state_dir.glob("session_secret*")] == ["session_secret"]
    assert (settings.state_dir / "session_secret").stat().st_mode & 0o077 == 0
