"""What intake takes and what it refuses, each refusal naming field and remedy."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.intake.deciding import decide
from services.intake.deciding.outcome import ChangedNothing
from services.intake.register import Register
from shared.events.facts import (
    AvailabilityRegistered,
    AvailabilityWithdrawn,
    HubRegistered,
    PledgeRegistered,
    PledgeWithdrawn,
    RequestRegistered,
    RequestWithdrawn,
    SchoolDescribed,
    SchoolRegistered,
)
from shared.events.fields import Absence, DateSpan
from shared.events.submissions import Batch, Submission, WithdrawAvailability, WithdrawPledge, WithdrawRequest
from tests.intake.parties import (
    TERMS,
    accepted,
    everything,
    make_availability,
    make_employer,
    make_hub,
    make_pledge,
    make_profile,
    make_request,
    make_school,
    on,
    refused,
    register_of,
)

BAD: list[tuple[str, Submission, str, str]] = [
    ("time zone", make_hub(hub="x", local_authorities=("887",), time_zone="Mars/Base"), "/time_zone", "no time zone"),
    ("authority of another hub", make_hub(hub="x"), "/local_authorities/0", "belongs to the hub kent"),
    ("authority twice", make_hub(hub="x", local_authorities=("887", "887")), "/local_authorities/1", "twice"),
    ("terms backwards", make_hub(version=2, terms=(DateSpan(start=date(2027, 3, 1), end=date(2027, 2, 1)),)), "/terms/0/end", "before it starts"),
    ("terms of another year", make_hub(version=2, terms=(DateSpan(start=date(2027, 9, 1), end=date(2027, 12, 1)),)), "/terms/0", "not within"),
    ("terms overlap", make_hub(version=2, terms=(*TERMS, TERMS[0])), "/terms", "overlap"),
    ("authority still needed", make_hub(version=2, local_authorities=("887",)), "/local_authorities", "118785"),
    ("authority without hub", make_school(school="118788", local_authority="999"), "/local_authority", "no hub"),
    ("unknown postcode of a school", make_school(school="118788", postcode="ZZ9 9ZZ"), "/postcode", "not known"),
    ("ages backwards", make_school(school="118788", low_age=18, high_age=11), "/high_age", "backwards"),
    ("profile of an unknown school", make_profile(school="118788"), "/school", "no school"),
    ("closure backwards", make_profile(version=2, closures=(DateSpan(start=date(2027, 3, 5), end=date(2027, 3, 4)),)), "/closures/0/end", "before it starts"),
    ("absence backwards", make_profile(version=2, absences=(Absence(years={11}, start=date(2027, 3, 5), end=date(2027, 3, 4)),)), "/absences/0/end", "before it starts"),
    ("day backwards", make_profile(version=2, day_start="16:00", day_end="08:30"), "/day_end", "not after"),
    ("calendar in use", make_profile(version=2, calendars={}), "/calendars", "7A"),
    ("window on a closure", make_profile(version=2, closures=(DateSpan(start=date(2027, 3, 2), end=date(2027, 3, 2)),)), "/calendars/tutor/0/start", "closures"),
    ("window outside the school's day", make_profile(version=2, day_start="09:30"), "/calendars/tutor/0/start", "outside the school's day"),
    ("unknown postcode of an employer", make_employer(employer="E2", postcode="ZZ9 9ZZ"), "/postcode", "not known"),
    ("unknown employer", make_availability(employer="E2", availability="E2-A1"), "/employer", "no employer E2"),
    ("unknown hub", make_availability(availability="new", hub="surrey"), "/hub", "no hub surrey"),
    ("unknown postcode of a place", make_availability(availability="new", postcode="ZZ9 9ZZ"), "/postcode", "not known"),
    ("end before start", make_availability(availability="new", times=(on("2027-03-02", "12:00", "09:00"),)), "/times/0/end", "not after"),
    ("no length", make_availability(availability="new", times=(on("2027-03-02", "09:00", "09:00"),)), "/times/0/end", "not after"),
    ("a window in the holidays", make_availability(availability="new", times=(on("2026-12-22"),)), "/times/0/start", "outside the hub's terms"),
    ("a window on a bank holiday", make_availability(availability="new", times=(on("2027-05-03"),)), "/times/0/start", "bank holiday"),
    ("a window of another year", make_availability(availability="new", times=(on("2028-03-07"),)), "/times/0/start", "not in the academic year"),
    ("windows overlap", make_availability(availability="new", times=(on("2027-03-02"), on("2027-03-02", "11:00", "13:00"))), "/times", "overlap"),
    ("a session too long", make_availability(availability="new", duration_minutes=181), "/duration_minutes", "180"),
    ("pledge of an unknown employer", make_pledge(employer="E2"), "/employer", "no employer E2"),
    ("pledge for schools elsewhere", make_pledge(version=2, schools_first={"118785", "100000"}), "/schools_first", "100000"),
    ("request of an unknown school", make_request(school="118788", group="x"), "/school", "no school"),
    ("a pupil's number for a group's id", make_request(group="A820001202001"), "/group", "Unique Pupil Number"),
    ("a group larger than its school", make_request(group="x", size=901), "/size", "900 pupils"),
    ("a calendar that is not there", make_request(group="x", calendars=("tutor", "pshe")), "/calendars/1", "pshe"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "field", "words"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_what_is_refused_names_the_field(said: Submission, field: str, words: str) -> None:
    assert words in refused(said, everything())[field]


def test_a_window_across_midnight_is_refused() -> None:
    times = on("2027-03-02").model_copy(update={"end": "2027-03-03T01:00"})
    assert "midnight" in refused(make_availability(availability="new", times=(times,)), everything())["/times/0/end"]


def test_all_reasons_come_at_once() -> None:
    said = make_availability(
        employer="E2", availability="new", hub="kent", postcode="ZZ9 9ZZ", times=(on("2026-12-22"), on("2027-05-03"))
    )
    assert set(refused(said, everything())) == {"/employer", "/postcode", "/times/0/start", "/times/1/start"}


@pytest.mark.parametrize(("year", "high_age", "fits"), [(7, 16, True), (11, 16, True), (12, 16, False), (13, 18, True)])
def test_year_groups_lie_within_the_ages_of_the_school(year: int, high_age: int, fits: bool) -> None:
    register = register_of(make_hub(), make_school(high_age=high_age), make_profile())
    said = make_request(year=year)
    if fits:
        accepted(said, register)
    else:
        assert "outside the school's ages" in refused(said, register)["/year"]


def test_year_7_begins_at_age_11() -> None:
    register = register_of(make_hub(), make_school(low_age=13), make_profile())
    assert "age 12 to 13" in refused(make_request(year=8), register)["/year"]
    accepted(make_request(year=9), register)


def test_a_school_without_ages_and_pupils_takes_any_group() -> None:
    register = register_of(make_hub(), make_school(low_age=None, high_age=None, pupils=None), make_profile())
    accepted(make_request(year=13, size=4999), register)


def test_a_school_its_profile_and_its_requests_may_come_one_after_another() -> None:
    register = register_of(make_hub())
    assert "no school" in refused(make_request(), register)["/school"]
    (school,) = accepted(make_school(), register)
    (profile,) = accepted(make_profile(), register)
    (request,) = accepted(make_request(modes={"virtual", "in_school"}, sectors_asked={"M", "C"}), register)
    assert isinstance(school, SchoolRegistered)
    assert (school.hub, school.position, school.fsm_share) == ("kent", (51.27, 0.52), 0.207)
    assert isinstance(profile, SchoolDescribed)
    assert profile.calendars == {"tutor": (("2027-03-02T09:00", "2027-03-02T12:00"),)}
    assert isinstance(request, RequestRegistered)
    assert (request.modes, request.sectors_asked) == (("in_school", "virtual"), ("C", "M"))


def test_the_same_again_changes_nothing_whatever_its_batch() -> None:
    register = everything()
    for said in (make_hub(), make_school(), make_availability(), make_request()):
        batch = Batch(id="f1", row=1, rows=1)
        assert isinstance(decide(said.model_copy(update={"batch": batch}), register), ChangedNothing)


def test_the_same_again_with_a_higher_version_keeps_the_version_alone() -> None:
    register = everything()
    assert isinstance(decide(make_employer(version=5), register), ChangedNothing)
    assert "version 5 is known" in refused(make_employer(version=4, name="Other"), register)["/version"]


def test_the_same_version_with_other_content_is_refused() -> None:
    assert "other content" in refused(make_request(size=31), everything())["/version"]


def test_a_late_older_version_is_refused() -> None:
    register = everything()
    accepted(make_request(version=3, size=31), register)
    assert "came late" in refused(make_request(version=2, size=32), register)["/version"]


def test_versions_of_facts_rise_and_are_never_below_the_senders() -> None:
    register = everything()
    assert [accepted(make_request(version=v, size=30 + v), register)[0].version for v in (2, 7, 8)] == [2, 7, 8]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (make_availability(version=2, employer="E2"), "/availability"),
        (make_request(version=2, school="118788"), "/group"),
        (WithdrawAvailability(version=2, employer="E2", availability="E1-A1"), "/availability"),
    ],
)
def test_an_id_of_another_organisation_is_refused(said: Submission, field: str) -> None:
    register = everything()
    for party in (make_school(school="118788"), make_profile(school="118788"), make_employer(employer="E2")):
        accepted(party, register)
    assert field in refused(said, register)


@pytest.mark.parametrize(
    "said",
    [
        WithdrawAvailability(employer="E1", availability="nothing"),
        WithdrawPledge(employer="E2", hub="kent"),
        WithdrawRequest(school="118785", group="nothing"),
    ],
)
def test_what_is_unknown_cannot_be_withdrawn(said: Submission) -> None:
    (message,) = refused(said, everything()).values()
    assert "of yours is registered" in message


def test_a_withdrawal_is_a_change_with_a_version_of_its_own() -> None:
    register = everything()
    assert "/version" in refused(WithdrawAvailability(employer="E1", availability="E1-A1"), register)
    (fact,) = accepted(WithdrawAvailability(version=2, employer="E1", availability="E1-A1"), register)
    assert fact == AvailabilityWithdrawn(version=2, availability="E1-A1", employer="E1", hub="kent")
    again = decide(WithdrawAvailability(version=3, employer="E1", availability="E1-A1"), register)
    assert isinstance(again, ChangedNothing)
    assert "withdrawn" in refused(make_availability(version=4), register)["/availability"]


def test_a_withdrawn_request_frees_its_calendar() -> None:
    register = everything()
    (fact,) = accepted(WithdrawRequest(version=2, school="118785", group="7A"), register)
    assert fact == RequestWithdrawn(version=2, hub="kent", school="118785", group="7A")
    accepted(make_profile(version=2, calendars={}), register)


def test_a_pledge_may_come_back_because_its_id_is_who_and_where() -> None:
    register = everything()
    (fact,) = accepted(WithdrawPledge(version=2, employer="E1", hub="kent"), register)
    assert fact == PledgeWithdrawn(version=2, employer="E1", hub="kent")
    assert "/employer" in refused(make_pledge(version=2), register)
    assert accepted(make_pledge(version=3), register)[0].version == 3


def test_an_availability_stays_in_its_hub() -> None:
    register = everything()
    accepted(make_hub(hub="medway", local_authorities=("887",)), register)
    assert "is in the hub kent" in refused(make_availability(version=2, hub="medway"), register)["/hub"]


def test_new_terms_lay_out_anew_what_lies_in_them_and_old_ones_bring_it_back() -> None:
    register = everything()
    facts = accepted(make_hub(version=2, terms=TERMS[:1]), register)
    assert [type(fact) for fact in facts] == [HubRegistered, SchoolDescribed, AvailabilityRegistered]
    _, profile, availability = facts
    assert isinstance(profile, SchoolDescribed)
    assert isinstance(availability, AvailabilityRegistered)
    assert (profile.calendars, profile.left_out, profile.version) == ({"tutor": ()}, ("2027-03-02T09:00",), 2)
    assert (availability.windows, availability.left_out) == ((), ("2027-03-02T09:00",))
    assert accepted(make_hub(version=3, policy={"floor_share": 0.6}, terms=TERMS[:1]), register)[0].version == 3
    back = accepted(make_hub(version=4), register)
    assert [fact.version for fact in back[1:]] == [3, 3]
    assert isinstance(back[2], AvailabilityRegistered)
    assert back[2].windows == (("2027-03-02T09:00", "2027-03-02T12:00"),)


def test_a_policy_alone_changes_no_other_fact() -> None:
    assert len(accepted(make_hub(version=2, policy={"floor_share": 0.6}), everything())) == 1


def test_an_amendment_after_new_terms_still_counts_from_the_senders_version() -> None:
    register = everything()
    accepted(make_hub(version=2, terms=TERMS[:1]), register)
    (fact,) = accepted(make_availability(version=2, times=(on("2026-10-06"),)), register)
    assert fact.version == 3


def test_a_school_moves_to_the_hub_of_its_new_local_authority_with_all_it_has() -> None:
    register = everything()
    accepted(make_hub(hub="medway", local_authorities=("887",)), register)
    facts = accepted(make_school(version=2, local_authority="887"), register)
    hubs: dict[type, Any] = {type(fact): getattr(fact, "hub", None) for fact in facts}
    assert hubs == {
        SchoolRegistered: "medway", SchoolDescribed: "medway", RequestRegistered: "medway", PledgeRegistered: "kent",
    }  # fmt: skip
    pledge = next(fact for fact in facts if isinstance(fact, PledgeRegistered))
    assert pledge.schools_first == ()
    accepted(make_hub(version=2, local_authorities=("888",)), register)


def test_fewer_pupils_leave_standing_requests_alone_and_bind_their_amendment() -> None:
    register = everything()
    assert len(accepted(make_school(version=2, pupils=20), register)) == 1
    assert "/size" in refused(make_request(version=2, size=29), register)


def test_names_in_any_script_are_kept() -> None:
    register = everything()
    for number, name in enumerate(("Пекарня", "株式会社さくら", "مخبز", "Ŵyr & Ŷ O’Neill 🥐"), start=2):
        (fact,) = accepted(make_employer(employer=f"E{number}", name=name), register)
        assert fact.model_dump()["name"] == name


def test_a_register_without_a_hub_refuses_all_that_needs_one() -> None:
    register = Register(postcodes={"ZZ1 1AA": (51.0, 0.5), "ZZ2 2BB": (51.0, 0.6)})
    assert "/local_authority" in refused(make_school(), register)
    accepted(make_employer(), register)
    assert set(refused(make_pledge(schools_first={"118785"}), register)) == {"/hub", "/schools_first"}
