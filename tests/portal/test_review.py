"""The review of a timetable: approve, return, pin, publish; each decision once, in order, on the newest version."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.portal.reviewing import TRANSITIONS, State, diagram
from services.portal.timetables import carried_over, returned_before
from shared.envelope import Event
from shared.events.decisions import (
    CancelPlanning,
    RequestPlan,
    SessionApproved,
    SessionPinned,
    SessionPublished,
    SessionReturned,
    TimetablePublished,
)
from shared.events.plans import PlanningEnded, PlanningProgressed, PlanningStarted
from shared.topics import DECISIONS
from tests import ringside
from tests.portal.conftest import MakeClient, Running
from tests.portal.hubmade import Hub, told


async def coordinator(hub: Hub, client_of: MakeClient) -> httpx.AsyncClient:
    client = await client_of("coordinator", f"hub:{hub.hub}")
    client.base_url = client.base_url.join(f"/api/v1/hubs/{hub.hub}/")
    return client


async def decisions_of(portal: Running, hub: Hub, count: int) -> list[Any]:
    """Read the hub's decisions from Kafka."""

    def mine(events: list[Event[Any]]) -> list[Any]:
        return [event.data for event in events if event.data.hub == hub.hub]

    events = await ringside.events_until(portal.settings, [DECISIONS], lambda all_: len(mine(all_)) >= count)
    return mine(events)


async def states(client: httpx.AsyncClient) -> dict[str, str]:
    page = (await client.get("timetable/sessions")).json()
    return {session["encounter"]: session["state"] for session in page["sessions"]}


def test_every_state_has_its_transitions_and_the_diagram_shows_them() -> None:
    assert set(TRANSITIONS) == set(State)
    assert "    approved --> published\n" in diagram()
    page = Path(__file__).parents[2] / "services" / "portal" / "review.md"
    assert f"```mermaid\n{diagram()}```" in page.read_text(), "write it anew with services.portal.reviewing.diagram()"


async def test_a_timetable_is_shown_with_proof_names_and_reasons(hub: Hub, client_of: MakeClient) -> None:
    client = await coordinator(hub, client_of)
    timetable = (await client.get("timetable")).json()
    assert (timetable["students"], timetable["covered"], timetable["bound"], timetable["proposed"]) == (
        168,
        112,
        140,
        4,
    )
    page = (await client.get("timetable/sessions")).json()
    assert page["total"] == 4
    assert {(one["employer_name"], *one["school_names"]) for one in page["sessions"]} == {
        ("Harbour Engineering", "Seaview Academy"), ("Foreness Media", "Ärmelkanal School"),
    }  # fmt: skip
    assert (await client.get("timetable/sessions?search=ärmel")).json()["total"] == 2
    assert (await client.get("timetable/sessions?search=ärmel&mode=virtual")).json()["total"] == 0
    shortfalls = (await client.get("timetable/shortfalls")).json()
    assert [one["students"] for one in shortfalls] == [28, 28]
    assert "can only be seen on Tuesdays" in shortfalls[0]["sentence"]
    assert [one["rank"] for one in (await client.get("timetable/remedies")).json()] == [1, 2]


async def test_a_version_is_shown_only_once_all_its_parts_are_here(
    portal: Running, hub: Hub, client_of: MakeClient
) -> None:
    client = await coordinator(hub, client_of)
    *parts, last = hub.timetable(version=2)
    await portal.keep(*parts)
    assert (await client.get("timetable")).json()["version"] == 1
    await portal.keep(last)
    assert (await client.get("timetable")).json()["version"] == 2
    await portal.keep(*hub.timetable(version=2))
    assert (await client.get("timetable")).json()["sessions"] == 4


async def test_from_review_to_publication_every_decision_goes_out_in_order(
    portal: Running, hub: Hub, client_of: MakeClient
) -> None:
    client = await coordinator(hub, client_of)
    early = await client.post("timetable/1/publish")
    assert early.status_code == 409
    assert "4 of 4 sessions are not decided yet" in early.json()["detail"]

    returned = {"encounters": [f"{hub.hub}-0B"], "why": "not_this_time", "reason": "A mock exam that morning"}
    assert (await client.post("timetable/1/return", json=returned)).json()["changed"] == 1
    pinned = {"encounters": [f"{hub.hub}-0A"]}
    assert (await client.post("timetable/1/pin", json=pinned)).json()["changed"] == 1
    assert (await client.post("timetable/1/approve", json={"encounters": "all"})).json()["changed"] == 3
    assert (await client.post("timetable/1/publish")).json() == {"version": 1, "changed": 3, "were_so_already": 0}
    assert (await client.post("timetable/1/publish")).json() == {"version": 1, "changed": 0, "were_so_already": 3}
    assert sorted((await states(client)).values()) == ["published", "published", "published", "returned"]

    decisions = await decisions_of(portal, hub, 9)
    assert [type(one) for one in decisions] == [
        SessionReturned, SessionPinned, *[SessionApproved] * 3, *[SessionPublished] * 3, TimetablePublished,
    ]  # fmt: skip
    assert decisions[0].reason == "A mock exam that morning"
    assert {one.encounter for one in decisions[5:8]} == {f"{hub.hub}-0A", f"{hub.hub}-1A", f"{hub.hub}-1B"}
    assert (decisions[8].version, decisions[8].sessions) == (1, 3)
    expected = hub.session(1, 0, "A")
    published = next(one for one in decisions[5:8] if one.encounter == expected.encounter)
    assert published.model_dump() == expected.model_dump(exclude={"compared"})
    trail = (await client.get("decisions")).json()
    assert [one["decision"] for one in trail][:1] == ["published"]
    assert len(trail) == 6
    assert all(one["decided_by"].startswith("token:") for one in trail)


async def test_an_approval_stands_while_start_and_attendances_are_unchanged(
    portal: Running, hub: Hub, client_of: MakeClient
) -> None:
    client = await coordinator(hub, client_of)
    await client.post("timetable/1/pin", json={"encounters": [f"{hub.hub}-1A"]})
    await client.post("timetable/1/approve", json={"encounters": "all"})
    await client.post("timetable/1/publish")
    moved = hub.session(2, 0, "B", start="2027-03-09T09:00")
    fewer = hub.session(2, 1, "B")
    fewer = fewer.model_copy(update={"attendances": (fewer.attendances[0].model_copy(update={"students": 20}),)})
    sessions = [hub.session(2, 0, "A"), moved, hub.session(2, 1, "A"), fewer]
    await portal.keep(*hub.timetable(version=2, sessions=sessions, repair=True))
    assert await states(client) == {
        f"{hub.hub}-0A": "approved", f"{hub.hub}-0B": "proposed", f"{hub.hub}-1A": "approved", f"{hub.hub}-1B": "proposed",
    }  # fmt: skip
    shown = {one["encounter"]: one for one in (await client.get("timetable/sessions")).json()["sessions"]}
    assert shown[f"{hub.hub}-1A"]["pinned"]
    assert shown[f"{hub.hub}-0A"]["stands"]


async def test_what_was_returned_while_the_next_version_was_planned_is_returned_in_it(
    portal: Running, hub: Hub, client_of: MakeClient
) -> None:
    client, at = await coordinator(hub, client_of), "2099-03-02T09:00"
    before = [hub.session(2, 0, "A", at), hub.session(2, 1, "A", at)]
    await portal.keep(*hub.timetable(version=2, sessions=before))
    for encounter, why in (("0A", "not_this_time"), ("1A", "not_this_match")):
        body = {"encounters": [f"{hub.hub}-{encounter}"], "why": why, "reason": "They asked us"}
        assert (await client.post("timetable/2/return", json=body)).is_success
    elsewhere = hub.session(3, 1, "B", at, offer="another-offer")
    later = hub.session(3, 0, "A", "2099-03-09T09:00")
    overlapping = hub.session(3, 0, "C", at, attendances=before[0].attendances)
    sessions = [later, overlapping, hub.session(3, 1, "A", at), hub.session(3, 1, "C", at), elsewhere]

    await portal.keep(*hub.timetable(version=3, sessions=sessions))

    assert await states(client) == {
        f"{hub.hub}-0A": "proposed", f"{hub.hub}-0C": "returned", f"{hub.hub}-1A": "returned",
        f"{hub.hub}-1C": "returned", f"{hub.hub}-1B": "proposed",
    }  # fmt: skip
    shown = {one["encounter"]: one for one in (await client.get("timetable/sessions")).json()["sessions"]}
    assert (shown[f"{hub.hub}-1C"]["why"], shown[f"{hub.hub}-1C"]["reason"]) == ("not_this_match", "They asked us")


def test_a_session_that_has_begun_is_not_returned_again() -> None:
    about = {"offer": "O", "school": "S", "why": "not_this_match", "reason": "no"}
    before = SimpleNamespace(**(vars(reviewed(["G1"], state="returned")) | about))
    for started, expected in ((False, 1), (True, 0)):
        new = SimpleNamespace(**(vars(reviewed(["G1"])) | about | {"started": started}))
        assert len(returned_before([before], [new])) == expected


def test_the_order_of_attendances_is_no_change() -> None:
    before = reviewed(["G1", "G2"], state="published")
    assert carried_over([before], [reviewed(["G2", "G1"])]) == (["e"], [])
    assert carried_over([before], [reviewed(["G2"])]) == ([], [])
    for changed in ({"end": "2027-03-02T11:00"}, {"mode": "virtual"}, {"position": [51.1, 0.5]}):
        assert carried_over([before], [SimpleNamespace(**(vars(reviewed(["G1", "G2"])) | changed))]) == ([], [])
    assert carried_over([reviewed(["G1"], state="returned", pinned=True)], [reviewed(["G1"])]) == ([], [])


def reviewed(groups: list[str], *, state: str = "proposed", pinned: bool = False) -> SimpleNamespace:
    """Make a session as the review sees it."""
    attendances = [{"group": group, "students": 9} for group in groups]
    return SimpleNamespace(
        encounter="e", start="2027-03-02T09:00", end="2027-03-02T10:00", mode="in_school", position=[51.0, 0.5],
        state=state, pinned=pinned, attendances=attendances,
    )  # fmt: skip


async def test_who_decides_about_an_old_version_or_an_old_state_is_told(
    portal: Running, hub: Hub, client_of: MakeClient
) -> None:
    client = await coordinator(hub, client_of)
    one = [f"{hub.hub}-0A"]
    give_back = {"encounters": one, "why": "not_this_match", "reason": "They met in autumn", "seen": "proposed"}
    assert (await client.post("timetable/1/return", json=give_back)).is_success
    late = await client.post("timetable/1/approve", json={"encounters": one, "seen": "proposed"})
    assert late.status_code == 409
    assert "was returned" in late.json()["detail"]
    assert (await client.post("timetable/1/pin", json={"encounters": one})).status_code == 409
    assert (await client.post("timetable/1/approve", json={"encounters": ["nobody-knows"]})).status_code == 404
    await portal.keep(*hub.timetable(version=2))
    old = await client.post("timetable/1/approve", json={"encounters": "all"})
    assert old.status_code == 409
    assert "version 2 is the newest" in old.json()["detail"]


async def test_two_coordinators_at_once_leave_one_decision(portal: Running, hub: Hub, client_of: MakeClient) -> None:
    first, second = await coordinator(hub, client_of), await coordinator(hub, client_of)
    one = [f"{hub.hub}-0A"]
    approval = {"encounters": one, "seen": "proposed"}
    give_back = {"encounters": one, "seen": "proposed", "why": "not_this_match", "reason": "No"}
    answers = await asyncio.gather(
        *[first.post("timetable/1/approve", json=approval) for _ in range(3)],
        *[second.post("timetable/1/return", json=give_back) for _ in range(3)],
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200, 200, 200, 409, 409, 409]
    assert sum(answer.json()["changed"] for answer in answers if answer.is_success) == 1
    async with portal.database.transaction() as session:
        connection = await session.connection()
        entries = await connection.scalar(text("SELECT count(*) FROM audit WHERE hub = :hub"), {"hub": hub.hub})
    assert entries == 1


async def test_publishing_twice_at_once_publishes_once(portal: Running, hub: Hub, client_of: MakeClient) -> None:
    client = await coordinator(hub, client_of)
    await client.post("timetable/1/approve", json={"encounters": "all"})
    answers = await asyncio.gather(*[client.post("timetable/1/publish") for _ in range(4)])
    assert sorted(answer.json()["changed"] for answer in answers) == [0, 0, 0, 4]
    decisions = await decisions_of(portal, hub, 9)
    assert [type(one) for one in decisions] == [*[SessionApproved] * 4, *[SessionPublished] * 4, TimetablePublished]


async def test_a_plan_is_asked_for_watched_and_stopped(portal: Running, hub: Hub, client_of: MakeClient) -> None:
    client = await coordinator(hub, client_of)
    job = (await client.post("plans", json={"seconds": 12})).json()["job"]
    run = (await client.get("plans")).json()[0]
    assert (run["job"], run["state"], run["budget_seconds"]) == (job, "requested", 12)
    started = PlanningStarted(hub=hub.hub, job=job, why="asked for", students=168, groups=6, offers=2, seconds=12)
    further = [
        PlanningProgressed(
            hub=hub.hub, job=job, phase="search", covered=covered, bound=140, seconds=1.0 + covered / 100
        )
        for covered in (56, 84)
    ]
    await portal.keep(told(started), *map(told, further))
    run = (await client.get("plans")).json()[0]
    assert (run["state"], run["phase"], run["covered"], run["bound"]) == ("running", "search", 84, 140)
    assert (await client.post(f"plans/{job}/cancel")).status_code == 202
    await portal.keep(told(PlanningEnded(hub=hub.hub, job=job, outcome="cancelled", message="stopped")))
    await portal.keep(told(further[0]))
    run = (await client.get("plans")).json()[0]
    assert (run["state"], run["outcome"], run["covered"]) == ("ended", "cancelled", 84)
    over = await client.post(f"plans/{job}/cancel")
    assert over.status_code == 409
    assert [type(one) for one in await decisions_of(portal, hub, 2)] == [RequestPlan, CancelPlanning]


@pytest.mark.parametrize("body", [{"encounters": []}, {"encounters": ["x"], "why": "not_this_time", "reason": ""}])
async def test_a_return_needs_sessions_why_and_reason(hub: Hub, client_of: MakeClient, body: dict[str, object]) -> None:
    client = await coordinator(hub, client_of)
    assert (await client.post("timetable/1/return", json=body)).status_code == 422
