"""After publishing, an employer withdraws: the plan is repaired, approvals stand, and only those concerned hear of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.command.coordinating import Coordinator, Told
from services.command.people import sign_ins
from services.command.reaching import local_portal
from services.command.ring import running_copies, wait_until_healthy
from services.command.submitting import import_postcodes_of, submissions_of, submit
from services.matching.planning.scenario import fictional_area
from shared.database import SERVICES
from shared.events.submissions import WithdrawAvailability
from shared.settings import Settings
from tests.ports import free_port

AREA = fictional_area(3, 13, Decimal("1.0"))
HUB = AREA.problem.hub.id


def concerns(session: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Tell what each party knows of a session: when, and who of its own comes."""
    when = (session["start"], session["end"])
    seats = sorted((one["school"], one["group"], one["students"]) for one in session["attendances"])
    return {
        ("employer", session["employer"]): (when, seats),
        **{("school", school): (when, [seat for seat in seats if seat[0] == school]) for school in session["schools"]},
    }


def all_concerns(sessions: list[dict[str, Any]]) -> dict[tuple[str, str, str], Any]:
    return {(one["encounter"], *party): said for one in sessions for party, said in concerns(one).items()}


async def test_a_withdrawal_is_repaired_and_only_those_concerned_are_told(ring_settings: Settings) -> None:
    settings = ring_settings.model_copy(update={"portal_port": free_port(), "planning_seconds": 7.0})
    async with running_copies([(service, settings) for service in SERVICES], restart=False):
        await wait_until_healthy(settings)
        _, token = await sign_ins(settings, AREA)
        await import_postcodes_of(settings, AREA)
        for stage in submissions_of(AREA):
            assert (await submit(settings, "/test", stage)).refused == []
        async with Told(settings) as told, Coordinator(local_portal(settings), HUB, token) as coordinator:
            first = await coordinator.plan(7)
            await coordinator.approve_all(first["version"])
            before = await coordinator.sessions()
            await coordinator.publish(first["version"])
            await told.wait_for(len(all_concerns(before)), hub=HUB)

            pinned = before[-1]
            await coordinator.decide(first["version"], "pin", encounters=[pinned["encounter"]])
            lost = next(one for one in before if one["employer"] != pinned["employer"])
            offer = next(event.offer for event in told.events if event.encounter == lost["encounter"])
            withdrawal = WithdrawAvailability(employer=lost["employer"], availability=offer, version=2)
            assert (await submit(settings, "/test", [withdrawal])).taken == 1

            second = await coordinator.next_version(first["version"], 60)
            after = await coordinator.sessions()
            assert second["repair"]
            assert lost["encounter"] not in {one["encounter"] for one in after}
            assert concerns(pinned) == next(concerns(one) for one in after if one["encounter"] == pinned["encounter"])
            same = [one for one in after if one["compared"] == "kept"]
            assert all(one["state"] == "approved" and one["stands"] for one in same)
            assert same
            assert second["proposed"] == len(after) - len(same)

            heard = len(told.of(HUB))
            await coordinator.approve_all(second["version"])
            await coordinator.publish(second["version"])
            old, new = all_concerns(before), all_concerns(after)
            touched = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
            news = (await told.wait_for(heard + len(touched), hub=HUB))[heard:]
    assert {(one.encounter, one.party_kind, one.party) for one in news} == touched
    assert len(news) == len(touched) < len(old)
