"""Reasons that lie in what other groups need or hold: found, verified by counting, and refused when forged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.matching.planning.checker import check
from services.matching.planning.explanation.explain import Explainer, explain_unmet
from services.matching.planning.explanation_check import verify_unmet_facts
from services.matching.planning.levels import covered_by_group
from services.matching.planning.model import Attendance, Problem, Session, Unmet
from services.matching.planning.rules import Known, Plan
from services.matching.planning.telling import reason_sentence, when
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    TUESDAY,
    WEDNESDAY_AM,
    between,
    broken,
    make_employer,
    make_file,
    make_group,
    make_offer,
    make_problem,
    make_school,
    make_session,
    timetable_of,
)
from tests.matching.planning.exhaustive import Exhaustive, tiny_problem

ONE_HOUR = between("09:00", "10:00", TUESDAY)


def reasons(problem: Problem, *sessions: Session, bound: int, optimal: bool = False) -> dict[str, Unmet]:
    assert not broken(problem, *sessions)
    found = explain_unmet(problem, sessions, bound, seconds=None, optimal=optimal)
    assert verify_unmet_facts(problem, sessions, found, bound=bound) == []
    return {entry.group: entry for entry in found}


def refused(problem: Problem, sessions: list[Session], entry: Unmet, bound: int, **facts: Any) -> list[str]:
    forged = replace(entry, facts={**entry.facts, **facts})
    return verify_unmet_facts(problem, sessions, [forged], bound=bound)


def hosting_one_at_a_time() -> tuple[Problem, Session]:
    """Two employers come on Tuesday at nine, when each has seats for one group, and the school hosts one of them."""
    problem = make_problem(
        groups=[make_group("G1", on=ONE_HOUR), make_group("G2", on=ONE_HOUR)],
        employers=[make_employer("E1"), make_employer("E2")],
        offers=[make_offer("O1", seats=25), make_offer("O2", seats=25, employer="E2")],
    )
    return problem, make_session("X1", "O1", G1=25)


def test_a_school_that_hosts_all_it_can_is_the_reason() -> None:
    problem, session = hosting_one_at_a_time()
    entry = reasons(problem, session, bound=25)["G2"]
    assert (entry.code, entry.with_groups) == ("hosting-limit", ("G1",))
    assert entry.facts == {"hosting_limit": 1, "offers": 2, "starts": 2}
    for forged in ({"starts": 3}, {"offers": 1}, {"hosting_limit": 2}):
        assert refused(problem, [session], entry, 25, **forged)
    assert refused(problem, [], entry, 25)  # nothing is hosted: the school has room


def test_a_school_that_hosts_nobody_is_the_reason() -> None:
    problem = make_problem(schools=[make_school(hosting_limit=0)])
    entry = reasons(problem, bound=0)["G1"]
    assert (entry.code, entry.facts["hosting_limit"], entry.facts["offers"]) == ("hosting-limit", 0, 1)
    assert refused(problem, [], entry, 0, offers=2)


def three_groups_for_two_places() -> tuple[Problem, list[Session]]:
    """Three groups of 25 share two sessions of 30 seats: 50 can be taken."""
    problem = make_problem(
        groups=[make_group(f"G{number}") for number in (1, 2, 3)], offers=[make_offer(seats=30, max_sessions=2)]
    )
    return problem, [make_session("X1", at=AT_9), make_session("X2", at=f"{TUESDAY}T10:00", G2=25)]


def test_groups_that_share_too_few_seats_are_counted() -> None:
    problem, sessions = three_groups_for_two_places()
    entry = reasons(problem, *sessions, bound=50)["G3"]
    assert (entry.code, set(entry.with_groups)) == ("shared-shortage", {"G1", "G2"})
    offer = {"offer": "O1", "sessions": 2, "filling": 25}
    assert entry.facts == {"groups": 3, "students": 75, "seats": 50, "offers": [offer]}
    forgeries: list[dict[str, Any]] = [
        {"seats": 49},
        {"students": 80},
        {"offers": []},
        {"offers": [{**offer, "filling": 24}]},
    ]
    for forged in forgeries:
        assert refused(problem, sessions, entry, 50, **forged)
    fewer = replace(entry, with_groups=("G1",))
    assert "that is no shortage" in verify_unmet_facts(problem, sessions, [fewer], bound=50)[0]


def test_a_shortage_counts_what_time_allows() -> None:
    """Ten sessions are offered, one hour holds one of them."""
    problem = make_problem(
        groups=[make_group("G1", on=ONE_HOUR), make_group("G2", on=ONE_HOUR)],
        schools=[make_school(hosting_limit=9)],
        offers=[make_offer(seats=30, max_sessions=10)],
    )
    entry = reasons(problem, make_session(), bound=25)["G2"]
    assert entry.code == "shared-shortage"
    assert entry.facts["offers"] == [{"offer": "O1", "sessions": 1, "filling": 25}]


def test_a_shortage_counts_what_an_employer_gives_in_all() -> None:
    problem = make_problem(
        groups=[make_group("G1"), make_group("G2")],
        employers=[make_employer(max_sessions=1)],
        offers=[make_offer("O1", seats=25), make_offer("O2", seats=25)],
    )
    entry = reasons(problem, make_session(), bound=25)["G2"]
    assert (entry.code, entry.facts["seats"]) == ("shared-shortage", 25)


def test_what_is_forbidden_takes_nobody() -> None:
    problem = make_problem(forbidden=[{"offer": "O1", "group": "G1"}])
    entry = reasons(problem, bound=0)["G1"]
    assert (entry.code, entry.facts["seats"], entry.facts["offers"]) == ("shared-shortage", 0, [])
    assert refused(problem, [], entry, 0, seats=25)


def test_a_remainder_smaller_than_the_least_part_cannot_be_placed() -> None:
    problem = make_problem(groups=[make_group(size=8, may_split=True)], offers=[make_offer(seats=6, max_sessions=2)])
    entry = reasons(problem, make_session(G1=6), bound=6)["G1"]
    assert (entry.code, entry.students, entry.facts["seats"]) == ("shared-shortage", 2, 6)


def a_place_taken_by_others() -> tuple[Problem, Session]:
    """G3 could join the one session only in place of G1 and G2, of whom G1 could be seen on another day too."""
    problem = make_problem(
        groups=[make_group("G1", on=ALL_WEEK, size=30), make_group("G2", size=20), make_group("G3", size=15)],
        offers=[
            make_offer("O1", seats=50, max_sessions=1),
            make_offer("O2", seats=50, max_sessions=1, employer="E2", calendars=[WEDNESDAY_AM]),
        ],
        employers=[make_employer(), make_employer("E2")],
        schools=[make_school(hosting_limit=2)],
    )
    return problem, make_session(G1=30, G2=20)


def test_who_would_be_left_out_is_named_and_counted() -> None:
    problem, session = a_place_taken_by_others()
    entry = reasons(problem, session, bound=50)["G3"]
    assert (entry.code, entry.with_groups) == ("crowded-out", ("G1", "G2"))
    assert entry.facts == {
        "offers": 1,
        "sessions": 1,
        "placed": 15,
        "would_leave_out": 20,
        "session": "X1",
        "offer": "O1",
        "start": AT_9,
    }
    for forged in ({"would_leave_out": 21}, {"would_leave_out": 0}, {"offers": 2}, {"session": "X2"}):
        assert refused(problem, [session], entry, 50, **forged)
    alone = replace(entry, with_groups=())
    assert "not said which groups" in verify_unmet_facts(problem, [session], [alone], bound=50)[0]
    nobody = replace(entry, with_groups=("G3",))
    assert verify_unmet_facts(problem, [session], [nobody], bound=50)


def test_what_might_still_gain_is_not_proven_only_as_far_as_the_bound_allows() -> None:
    """G3 has 25 students and G2, whose place it could take, has 20: five more could be covered."""
    problem, session = a_place_taken_by_others()
    larger = replace(problem, groups=(*problem.groups[:2], replace(problem.groups[2], size=20)))
    groups = (problem.groups[0], replace(problem.groups[1], size=15), larger.groups[2])
    gains = replace(problem, groups=groups)
    placed = replace(session, attendances=(Attendance("G1", 30), Attendance("G2", 15)))
    assert reasons(gains, placed, bound=65)["G3"].code == "not-proven"
    at_the_bound = reasons(gains, placed, bound=45)["G3"]
    assert (at_the_bound.code, at_the_bound.facts["would_leave_out"]) == ("crowded-out", 20)
    assert reasons(gains, placed, bound=65, optimal=True)["G3"].code == "crowded-out"


def test_pinned_seats_are_never_given_up() -> None:
    problem, session = a_place_taken_by_others()
    tree = {"offer": "O1", "start": AT_9, "school": "S1"}
    file = make_file(
        groups=[
            make_group("G1", size=30, on=ALL_WEEK),
            make_group("G2", size=20),
            make_group("G3", size=15, on=ALL_WEEK),
        ],
        offers=[make_offer("O1", seats=50, max_sessions=1)],
        schools=[make_school(hosting_limit=2)],
        pinned=[{**tree, "group": "G1", "students": 30}, {**tree, "group": "G2", "students": 20}],
    )
    del problem
    entry = Explainer(file.problem)
    (found,) = entry.explain([session], 65, seconds=None, optimal=True)
    assert found.code in ("shared-shortage", "crowded-out")
    assert verify_unmet_facts(file.problem, [session], [found], bound=65) == []


def test_without_time_the_bound_alone_is_told_and_holds() -> None:
    problem, session = a_place_taken_by_others()
    found = explain_unmet(problem, [session], 50, seconds=0, optimal=False)
    assert [entry.code for entry in found] == ["crowded-out"]
    assert verify_unmet_facts(problem, [session], found, bound=50) == []


@pytest.mark.parametrize("bound", [50, 65])
def test_a_timetable_with_these_reasons_passes_the_whole_check(bound: int) -> None:
    problem, session = a_place_taken_by_others()
    file = make_file(
        groups=[make_group("G1", on=ALL_WEEK, size=30), make_group("G2", size=20), make_group("G3", size=15)],
        offers=[make_offer("O1", seats=50, max_sessions=1)],
    )
    del problem
    honest = timetable_of(file, [session])
    unmet = explain_unmet(file.problem, [session], 65, seconds=None, optimal=bound == 50)
    assert check(file, replace(honest, unmet=unmet)).violations == ()


def test_every_sentence_names_its_group_and_ends() -> None:
    for problem, sessions in (
        three_groups_for_two_places(),
        (hosting_one_at_a_time()[0], [hosting_one_at_a_time()[1]]),
        (a_place_taken_by_others()[0], [a_place_taken_by_others()[1]]),
    ):
        for entry in explain_unmet(problem, sessions, 50, seconds=None, optimal=True):
            sentence = reason_sentence(Known(problem), entry)
            assert sentence.startswith(f"Year 9 of School S1 ({entry.group}, {entry.students} students)")
            assert sentence.endswith(".")
            odd = replace(entry, facts={"offers": 3})
            assert reason_sentence(Known(problem), odd).startswith("Year 9 of School S1")


def test_a_shortage_is_told_with_its_numbers() -> None:
    problem, sessions = three_groups_for_two_places()
    entry = reasons(problem, *sessions, bound=50)["G3"]
    assert reason_sentence(Known(problem), entry) == (
        "Year 9 of School S1 (G3, 25 students) can only be seen on Tuesdays; the 1 employer who could see it "
        "(Employer E1 (O1)) can give 50 seats in 2 sessions for 3 groups of 75 students who have nowhere else to go."
    )


@pytest.mark.parametrize("from_seed", range(0, 400, 100))
def test_at_the_optimum_of_tiny_problems_every_reason_holds_and_none_is_not_proven(from_seed: int) -> None:
    codes = set()
    for seed in range(from_seed, from_seed + 100):
        problem = tiny_problem(seed)
        best = Exhaustive(problem).plan
        covered = sum(covered_by_group(Plan(Known(problem), best)).values())
        found = explain_unmet(problem, best, covered, seconds=None, optimal=True)
        assert verify_unmet_facts(problem, best, found, bound=covered) == [], seed
        codes |= {entry.code for entry in found}
        for entry in found:
            assert entry.code != "not-proven", (seed, entry)
            if entry.code == "shared-shortage":  # no plan covers more of these groups than is claimed
                groups = {entry.group, *entry.with_groups}
                taken = sum(a.students for session in best for a in session.attendances if a.group in groups)
                assert min(taken, entry.facts["students"]) <= entry.facts["seats"] < entry.facts["students"]
    assert {"shared-shortage", "crowded-out"} <= codes


def test_times_are_told_as_people_do() -> None:
    assert when("2027-01-13T13:50") == "Wednesday 13 January 2027 at 13:50"
    problem = make_problem()
    facts = {"offers": 1, "sessions": 1, "placed": 25, "would_leave_out": 30, "session": "X", "offer": "O1"}
    entry = Unmet("G1", 25, "crowded-out", {**facts, "start": "2027-01-13T13:50"}, ("G1",))
    assert "Employer E1 (O1) on Wednesday 13 January 2027 at 13:50" in reason_sentence(Known(problem), entry)
    odd = replace(entry, facts={**facts, "start": "soon"})
    assert "Placing it would leave out".lower() in reason_sentence(Known(problem), odd).lower()
