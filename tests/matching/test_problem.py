"""The problem that matching builds: equal to the scenario it came from, and true to decisions and to what was told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

import pytest

from services.matching.agreed import Agreed, ReturnedSession, Told
from services.matching.planning.checker import check_sessions
from services.matching.planning.clock import Clock, local_time
from services.matching.planning.model import Attendance, Forbidden, Problem, Session, Window
from services.matching.planning.scenario import fictional_area
from services.matching.planning.writing import canonical_bytes, problem_to_json
from services.matching.problem import Projection, build_problem, first_start, local_minute
from shared.events.facts import HubRegistered
from shared.events.fields import Absence
from tests.matching.area_facts import facts_of, projection_of

BEFORE_THE_YEAR = datetime(2026, 8, 1, 9)  # noqa: DTZ001 - local time of the hub
IN_SPRING = datetime(2027, 3, 1, 9)  # noqa: DTZ001 - local time of the hub
CLOCK = Clock("Europe/London")
DAY = "2027-04-20"


@pytest.fixture(scope="module")
def known() -> Projection:
    return projection_of(facts_of(fictional_area(schools=2, seed=5)))


@pytest.fixture
def small() -> Projection:
    """One school with two groups of Year 9 and one of Year 11, seen all day on DAY; one talk on that day."""
    return small_hub()


def small_hub(windows: Iterable[tuple[str, str]] = ((f"{DAY}T09:00", f"{DAY}T12:00"),)) -> Projection:
    area = fictional_area(schools=1, seed=3)
    projection = projection_of(facts_of(area))
    year_9, year_11 = ([one for one in projection.requests if one.year == year] for year in (9, 11))
    requests = [
        one.model_copy(
            update={"calendars": ("day",), "size": 20, "adjustments": (), "may_split": False, "modes": ("in_school",)}
        )
        for one in (*year_9[:2], year_11[0])
    ]
    school = projection.schools[0]
    profile = projection.profiles[school.school].model_copy(
        update={"calendars": {"day": ((f"{DAY}T08:30", f"{DAY}T15:30"),)}, "absences": ()}
    )
    talk = projection.availabilities[0].model_copy(
        update={
            "mode": "in_school", "windows": tuple(windows), "duration_minutes": 60, "max_sessions": 2, "seats": 60,
            "years": (9, 11), "max_schools": None, "position": None, "presenter": None,
        }
    )  # fmt: skip
    employer = projection.employers[talk.employer].model_copy(
        update={"position": school.position, "max_sessions": None, "max_sessions_per_day": None}
    )
    return replace(
        projection,
        requests=requests,
        profiles={school.school: profile},
        availabilities=[talk],
        employers={employer.employer: employer},
        pledges=[],
    )


def meets(projection: Projection, at: str = f"{DAY}T09:00", groups: int = 1, encounter: str = "e1") -> Agreed:
    """Give a session of the talk with the first groups."""
    start = CLOCK.minute(at)
    attendances = tuple(Attendance(one.group, one.size) for one in projection.requests[:groups])
    talk = projection.availabilities[0]
    session = Session(encounter, talk.availability, start, projection.schools[0].school, attendances)
    return Agreed(session, start + talk.duration_minutes)


def build(projection: Projection, now: datetime = BEFORE_THE_YEAR) -> Problem:
    return build_problem(projection, now).problem


def windows_of(problem: Problem, group: str) -> list[tuple[str, str]]:
    calendars = next(one.calendars for one in problem.groups if one.id == group)
    windows = [window for calendar in calendars for window in problem.calendars[calendar]]
    return [(local_time(window.start), local_time(window.end)) for window in windows]


@pytest.mark.parametrize(("schools", "seed"), [(3, 1), (12, 1), (12, 3)])
def test_a_scenario_told_as_facts_becomes_the_same_problem(schools: int, seed: int) -> None:
    area = fictional_area(schools=schools, seed=seed)

    built = build_problem(projection_of(facts_of(area)), BEFORE_THE_YEAR)

    tree, wanted = problem_to_json(built.problem), problem_to_json(area.problem)
    assert tree == wanted
    assert canonical_bytes(tree) == canonical_bytes(wanted)
    assert not built.lost_pins


def test_exams_give_their_year_a_calendar_of_its_own(small: Projection) -> None:
    urn = small.schools[0].school
    exams = Absence(years=frozenset({11}), start=date.fromisoformat(DAY), end=date.fromisoformat(DAY))
    profile = small.profiles[urn].model_copy(update={"absences": (exams,)})

    problem = build(replace(small, profiles={urn: profile}))

    calendars = {one.year: one.calendars for one in problem.groups}
    assert calendars == {9: (f"{urn}:day",), 11: (f"{urn}:day@Y11",)}
    assert problem.calendars[f"{urn}:day@Y11"] == ()


def test_what_nobody_uses_or_nobody_knows_is_left_out(small: Projection) -> None:
    urn = small.schools[0].school
    stranger = small.availabilities[0].model_copy(update={"availability": "A-X", "employer": "unknown"})
    lost = small.requests[0].model_copy(update={"group": "lost", "school": "999999"})
    profile = small.profiles[urn].model_copy(update={"calendars": {**small.profiles[urn].calendars, "unused": ()}})

    problem = build(
        replace(
            small,
            availabilities=[*small.availabilities, stranger],
            requests=[*small.requests, lost],
            profiles={urn: profile},
        )
    )

    assert [offer.id for offer in problem.offers] == [small.availabilities[0].availability]
    assert "lost" not in {group.id for group in problem.groups}
    assert sorted(problem.calendars) == sorted([f"{urn}:day", small.availabilities[0].availability])


def test_an_offer_cannot_take_a_school_s_calendar_by_its_id(small: Projection) -> None:
    urn = small.schools[0].school
    talk = small.availabilities[0].model_copy(update={"availability": f"{urn}:day"})

    problem = build(replace(small, availabilities=[talk]))

    assert problem.groups[0].calendars == (f"{urn}:day",)
    assert problem.offers[0].calendars == (f"{urn}:day'",)


def test_not_this_time_takes_the_time_from_its_groups_only(small: Projection) -> None:
    returned = ReturnedSession(meets(small, f"{DAY}T10:00"), "not_this_time")
    first, second = (one.group for one in small.requests[:2])

    problem = build(replace(small, returned=[returned]))

    assert windows_of(problem, first) == [(f"{DAY}T08:30", f"{DAY}T10:00"), (f"{DAY}T11:00", f"{DAY}T15:30")]
    assert windows_of(problem, second) == [(f"{DAY}T08:30", f"{DAY}T15:30")]
    assert {violation.code for violation in check_sessions(problem, [returned.agreed.session])} == {"window"}


def test_not_this_match_forbids_the_school_to_the_offer_in_school(small: Projection) -> None:
    returned = ReturnedSession(meets(small, groups=2), "not_this_match")

    problem = build(replace(small, returned=[returned]))

    assert problem.forbidden == (Forbidden(small.availabilities[0].availability, school=small.schools[0].school),)
    assert "forbidden" in {violation.code for violation in check_sessions(problem, [returned.agreed.session])}


def test_not_this_match_forbids_each_group_elsewhere(small: Projection) -> None:
    call = small.availabilities[0].model_copy(update={"mode": "virtual"})
    agreed = meets(small, groups=2)
    returned = ReturnedSession(replace(agreed, session=replace(agreed.session, school=None)), "not_this_match")

    problem = build(replace(small, availabilities=[call], returned=[returned]))

    assert problem.forbidden == tuple(
        Forbidden(call.availability, group=group) for group in sorted(one.group for one in small.requests[:2])
    )


def test_a_pin_is_kept_with_its_students(small: Projection) -> None:
    problem = build(replace(small, pinned=[meets(small, groups=2)]))

    assert [(pin.group, pin.students, local_time(pin.start)) for pin in problem.pinned] == [
        (one.group, 20, f"{DAY}T09:00") for one in small.requests[:2]
    ]


def test_a_pin_that_facts_have_made_impossible_is_given_up_and_told(small: Projection) -> None:
    smaller = small.availabilities[0].model_copy(update={"seats": 30})
    good, bad = meets(small, f"{DAY}T09:00", groups=1, encounter="good"), meets(small, f"{DAY}T10:00", 2, "bad")
    good = replace(good, session=replace(good.session, attendances=(Attendance(small.requests[2].group, 20),)))

    built = build_problem(replace(small, availabilities=[smaller], pinned=[bad, good]), BEFORE_THE_YEAR)

    assert [pin.group for pin in built.problem.pinned] == [small.requests[2].group]
    assert list(built.lost_pins) == ["bad"]
    assert "30" in built.lost_pins["bad"]


def told(agreed: Agreed, at: datetime = BEFORE_THE_YEAR) -> Told:
    return Told(agreed, local_minute(at))


def test_what_is_in_force_makes_it_a_repair(small: Projection) -> None:
    problem = build(replace(small, in_force=[told(meets(small))]))

    assert problem.policy.repair
    assert problem.in_force is not None
    assert [session.id for session in problem.in_force] == ["e1"]
    assert problem.pinned == ()


def test_a_repair_plans_nothing_before_the_notice_is_over_but_keeps_what_was_told(small: Projection) -> None:
    eve = datetime(2027, 4, 19, 9)  # noqa: DTZ001 - local time of the hub, the day before
    agreed = meets(small)

    problem = build(replace(small, in_force=[told(agreed)]), eve)

    group, other = (one.group for one in small.requests[:2])
    assert windows_of(problem, group) == [(f"{DAY}T08:30", f"{DAY}T15:30")]
    assert windows_of(problem, other) == []
    assert problem.calendars[problem.offers[0].id] == (Window(agreed.start, agreed.end),)
    assert check_sessions(problem, [agreed.session]) == []


def test_what_was_told_for_a_time_that_its_group_no_longer_has_may_go(small: Projection) -> None:
    urn = small.schools[0].school
    profile = small.profiles[urn].model_copy(update={"calendars": {"day": ()}})
    eve = datetime(2027, 4, 19, 9)  # noqa: DTZ001 - local time of the hub, the day before

    problem = build(replace(small, profiles={urn: profile}, in_force=[told(meets(small))]), eve)

    assert windows_of(problem, small.requests[0].group) == []
    assert problem.pinned == ()


def test_what_has_taken_place_is_pinned_though_its_offer_is_withdrawn(small: Projection) -> None:
    after = datetime(2027, 4, 21, 9)  # noqa: DTZ001 - local time of the hub, the day after
    agreed = meets(small)

    built = build_problem(
        replace(small, availabilities=[], withdrawn=small.availabilities, in_force=[told(agreed)]), after
    )

    assert [pin.group for pin in built.problem.pinned] == [small.requests[0].group]
    assert built.problem.offers[0].max_sessions == 1
    assert built.lost_pins == {}


def test_what_was_told_only_after_its_start_has_not_taken_place(small: Projection) -> None:
    after = datetime(2027, 4, 21, 9)  # noqa: DTZ001 - local time of the hub, the day after

    problem = build(replace(small, in_force=[told(meets(small), after)]), after)

    assert problem.pinned == ()


def test_a_first_plan_may_be_asked_to_begin_later(known: Projection) -> None:
    moment = CLOCK.minute("2027-02-01T00:00")

    problem = build_problem(known, BEFORE_THE_YEAR, moment).problem

    starts = [window.start for windows in problem.calendars.values() for window in windows]
    assert min(starts) >= moment
    assert not problem.policy.repair


@pytest.mark.parametrize(
    ("now", "notice", "first"),
    [
        ("2027-03-01T09:30", 0, "2027-03-01T09:30"),
        ("2027-03-01T09:30", 1, "2027-03-02T00:00"),
        ("2027-03-05T09:30", 1, "2027-03-08T00:00"),
        ("2027-03-24T09:30", 2, "2027-04-12T00:00"),
        ("2027-07-20T09:30", 5, "2027-07-22T00:00"),
        ("2028-01-10T09:30", 5, "2028-01-11T00:00"),
    ],
)
def test_notice_is_counted_in_school_days(known: Projection, now: str, notice: int, first: str) -> None:
    hub: HubRegistered = known.hub.model_copy(update={"notice_school_days": notice})

    assert local_time(first_start(hub, datetime.fromisoformat(now))) == first
