"""A valid timetable is broken in each way that there is, and the checker says how."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from services.matching.planning.checker import check
from services.matching.planning.model import Remedy, Session, Timetable
from services.matching.planning.reading import ProblemFile, timetable_from_json
from services.matching.planning.strict_json import load_json
from services.matching.planning.writing import canonical_bytes, timetable_to_json
from tests.matching.planning.builders import (
    ALL_WEEK,
    AT_9,
    AT_10,
    AT_11,
    MONDAY,
    TUESDAY,
    TUESDAY_AM,
    make_employer,
    make_file,
    make_group,
    make_offer,
    make_school,
    make_session,
    timetable_of,
)


@pytest.fixture
def file() -> ProblemFile:
    """Give two schools, an employer, offers of each mode; G4 can only be seen when nobody comes, G5 is left out."""
    return make_file(
        schools=[make_school(), make_school("S2")],
        groups=[
            make_group("G1", on=ALL_WEEK),
            make_group("G2", on=ALL_WEEK, size=20),
            make_group("G3", school="S2", on=ALL_WEEK, size=30, may_split=True),
            make_group("G4", on=[["2026-10-08T09:00", "2026-10-08T10:00"]], size=10),
            make_group("G5", on=TUESDAY_AM, size=28),
        ],
        employers=[make_employer(max_sessions_per_day=2), make_employer("E2")],
        offers=[
            make_offer("O1", seats=50),
            make_offer("O2", employer="E2", mode="workplace", seats=45, presenter="Bea"),
            make_offer("O3", employer="E2", mode="virtual", seats=16, presenter="Cat"),
        ],
        pinned=[{"offer": "O1", "start": AT_9, "school": "S1", "group": "G1", "students": 25}],
        forbidden=[{"offer": "O2", "group": "G1"}],
        pledges=[{"employer": "E1", "students": 40}],
        in_force={"sessions": []},
    )


@pytest.fixture
def plan() -> list[Session]:
    """Give sessions that keep every rule of that problem."""
    return [
        make_session("X1", "O1", AT_9, "S1", G1=25, G2=20),
        make_session("X2", "O3", AT_10, None, G3=16),
        make_session("X3", "O3", AT_11, None, G3=14),
    ]


def codes(file: ProblemFile, timetable: Timetable) -> set[str]:
    """Give the codes of what is broken, after a way through the file format."""
    raw = canonical_bytes(timetable_to_json(timetable))
    return {violation.code for violation in check(file, timetable_from_json(load_json(raw))).violations}


def test_the_honest_timetable_holds(file: ProblemFile, plan: list[Session]) -> None:
    timetable = timetable_of(file, plan)
    report = check(file, timetable)
    assert report.violations == ()
    assert report.holds
    assert (report.students, report.covered, report.certified_bound) == (113, 75, 113)
    assert [(entry.group, entry.code) for entry in timetable.unmet] == [
        ("G4", "no-common-window"),
        ("G5", "not-proven"),
    ]
    assert codes(file, timetable) == set()


def test_the_plan_of_nothing_and_the_plan_without_anything_hold() -> None:
    empty = make_file(schools=[], groups=[], employers=[], offers=[])
    assert check(empty, timetable_of(empty, [])).holds
    nothing = make_file()
    assert check(nothing, timetable_of(nothing, [])).holds


def _moved(session: Session, start: int) -> Session:
    return replace(session, start=session.start + start)


@pytest.mark.parametrize(
    ("code", "break_plan"),
    [
        ("window", lambda plan: [plan[0], plan[1], replace(plan[2], start=plan[2].start + 8 * 60)]),
        ("offer-window", lambda plan: [plan[0], plan[1], replace(plan[2], start=plan[2].start + 8 * 60)]),
        ("step", lambda plan: [plan[0], plan[1], _moved(plan[2], 1)]),
        ("seats", lambda plan: [plan[0], make_session("X2", "O3", AT_10, None, G3=17), plan[2]]),
        ("schools", lambda plan: [replace(plan[0], school="S2"), *plan[1:]]),
        ("schools", lambda plan: [replace(plan[0], school=None), *plan[1:]]),
        ("sessions", lambda plan: [*plan, make_session("X4", "O3", f"{TUESDAY}T12:00", None, G2=20)]),
        ("presenter", lambda plan: [plan[0], plan[1], _moved(plan[2], -5)]),
        ("hosting", lambda plan: [*plan, make_session("X4", "O1", AT_9, "S1", G5=28)]),
        ("group-day", lambda plan: [*plan, make_session("X4", "O2", AT_11, None, G2=20)]),
        ("whole", lambda plan: [make_session("X1", "O1", AT_9, "S1", G1=25, G2=19), *plan[1:]]),
        ("needed", lambda plan: [*plan, make_session("X4", "O2", f"{MONDAY}T11:00", None, G2=20)]),
        ("pinned", lambda plan: [_moved(plan[0], 5), *plan[1:]]),
        ("pinned", lambda plan: plan[1:]),
        ("forbidden", lambda plan: [*plan, make_session("X4", "O2", f"{MONDAY}T11:00", None, G1=25)]),
        ("reference", lambda plan: [*plan, make_session("X4", "O9", AT_11, None, G1=25)]),
        ("reference", lambda plan: [*plan, make_session("X4", "O2", AT_11, None, G9=25)]),
    ],
)
def test_a_broken_plan_is_told_by_its_rule(
    file: ProblemFile, plan: list[Session], code: str, break_plan: Callable[[list[Session]], list[Session]]
) -> None:
    assert code in codes(file, timetable_of(file, break_plan(plan)))


def _edit(pointer: str, value: Any) -> Callable[[dict[str, Any]], None]:
    *way, last = pointer.strip("/").split("/")

    def edit(tree: dict[str, Any]) -> None:
        node: Any = tree
        for step in way:
            node = node[int(step)] if isinstance(node, list) else node[step]
        node[int(last) if isinstance(node, list) else last] = value

    return edit


def _drop(pointer: str) -> Callable[[dict[str, Any]], None]:
    name, place = pointer.strip("/").split("/")
    return lambda tree: tree[name].pop(int(place))


@pytest.mark.parametrize(
    ("code", "edit"),
    [
        ("problem", _edit("/problem_sha256", "f" * 64)),
        *(("levels", _edit(f"/levels/{place}/value", 1_000_000)) for place in range(8)),
        ("levels", _edit("/levels/1/bound", 74)),
        ("levels", _edit("/levels/0/bound", 1000)),
        ("levels", _edit("/levels/0/name", "covered")),
        ("levels", _drop("/levels/7")),
        ("proof", _edit("/proof/covered", 76)),
        ("proof", _edit("/proof/bound", 112)),
        ("proof", _edit("/proof/bound", 74)),
        ("proof", _edit("/proof/gap", 0)),
        ("proof", _edit("/proof/method", "search")),
        ("certificate", _edit("/proof/certificate", {"bound": 80})),
        ("certificate", _edit("/proof/certificate", {"bound": 113, "format": "x"})),
        ("unmet", _drop("/unmet/0")),
        ("unmet", _edit("/unmet/0/group", "G1")),
        ("unmet", _edit("/unmet/0/group", "G9")),
        ("unmet", _edit("/unmet/0/group", "G5")),
        ("unmet", _edit("/unmet/0/students", 9)),
        ("unmet", _edit("/unmet/0/code", "not-proven")),
        ("unmet", _edit("/unmet/0/code", "out-of-reach")),
        ("unmet", _edit("/unmet/0/code", "bad luck")),
        ("unmet", _edit("/unmet/0/facts/offers_left", 2)),
        ("unmet", _edit("/unmet/0/facts/nearest/offer", "O2")),
        ("unmet", _edit("/unmet/0/facts/nearest/days_apart", 2)),
        ("unmet", _edit("/unmet/0/facts/nearest/minutes_short", 5)),
        ("unmet", _edit("/unmet/0/facts/nearest", None)),
        ("unmet", _edit("/unmet/1/code", "mode")),
        ("unmet", _edit("/unmet/1/code", "crowded-out")),
        ("unmet", _edit("/unmet/1/with", ["G9"])),
    ],
)
def test_a_false_claim_is_told(
    file: ProblemFile, plan: list[Session], code: str, edit: Callable[[dict[str, Any]], None]
) -> None:
    tree = timetable_to_json(timetable_of(file, plan))
    edit(tree)
    assert code in {each.code for each in check(file, timetable_from_json(tree)).violations}


@pytest.mark.parametrize(
    "edit",
    [
        _edit("/unmet/0/facts", {}),
        _edit("/unmet/0/facts/nearest", {"offer": "O1"}),
        _edit("/unmet/0/facts/nearest/name", "whatever others add"),
        _edit("/unmet/0/facts/told_by", "somebody else"),
        _edit("/proof/gap", round(38 / 113, 6)),
    ],
)
def test_what_is_not_claimed_need_not_hold(
    file: ProblemFile, plan: list[Session], edit: Callable[[dict[str, Any]], None]
) -> None:
    """A timetable may be another program's, with other facts and shares of six digits."""
    tree = timetable_to_json(timetable_of(file, plan))
    assert tree["unmet"][0]["facts"]["nearest"]["offer"] == "O1"
    edit(tree)
    assert [each.message for each in check(file, timetable_from_json(tree)).violations] == []


def test_not_proven_is_for_no_more_students_than_the_bound_leaves_open(file: ProblemFile, plan: list[Session]) -> None:
    timetable = timetable_of(file, plan)
    proof = replace(timetable.proof, bound=102, gap=27 / 102)
    found = check(file, replace(timetable, proof=proof)).violations
    assert any("`not-proven`" in violation.message for violation in found)


def test_a_searchs_bound_stands_beside_the_certified_one(file: ProblemFile, plan: list[Session]) -> None:
    timetable = timetable_of(file, plan)
    searched = replace(timetable.proof, bound=103, gap=28 / 103, method="search", certificate={"bound": 113})
    report = check(file, replace(timetable, proof=searched))
    assert report.violations == ()
    assert report.certified_bound == 113
    looser = replace(searched, bound=114, gap=39 / 114)
    assert {each.code for each in check(file, replace(timetable, proof=looser)).violations} == {"proof"}


def _remedy(**fields: Any) -> Remedy:
    """Give the ask for a window more for G4: X4 shows that it then has a session."""
    standard: dict[str, Any] = {
        "text": "See G4 on Monday morning",
        "kind": "window",
        "cost_minutes": 60,
        "patch": [
            {"op": "add", "path": "/calendars/more", "value": [[f"{MONDAY}T09:00", f"{MONDAY}T10:00"]]},
            {"op": "add", "path": "/groups/3/calendars/-", "value": "more"},
        ],
        "would_cover": 10,
        "sessions": (make_session("X4", "O1", f"{MONDAY}T09:00", "S1", G4=10),),
    }
    return Remedy(**{**standard, **fields})


def _patch(path: str, value: Any, op: str = "add") -> list[dict[str, Any]]:
    return [{"op": op, "path": path, "value": value}]


def test_remedies_that_hold(file: ProblemFile, plan: list[Session]) -> None:
    larger_room = _remedy(
        patch=_patch("/offers/0/seats", 73),
        would_cover=28,
        cost_minutes=200,
        sessions=(make_session("X1", "O1", AT_9, "S1", G1=25, G2=20, G5=28),),
    )
    new_offer = {**file.raw["offers"][0], "id": "O4", "presenter": "Dan", "seats": 28}
    one_more = _remedy(
        patch=_patch("/offers/-", new_offer),
        would_cover=28,
        cost_minutes=1000,
        sessions=(make_session("X4", "O4", AT_11, "S1", G5=28),),
    )
    timetable = timetable_of(file, plan, remedies=(_remedy(), larger_room, one_more))
    assert check(file, timetable).violations == ()


@pytest.mark.parametrize(
    ("why", "fields"),
    [
        ("nothing gained", {"would_cover": 0}),
        ("promises too much", {"would_cover": 11}),
        ("no window without the patch", {"patch": _patch("/calendars/unused", [])}),
        ("no such place", {"patch": _patch("/groups/9/calendars", ["more"])}),
        ("no such field to replace", {"patch": _patch("/employers/1/max_sessions", 5, "replace")}),
        ("a size", {"patch": _patch("/groups/3/size", 1)}),
        ("a need", {"patch": _patch("/groups/3/adjustments", [])}),
        ("the policy", {"patch": _patch("/policy", {})}),
        ("a group", {"patch": _patch("/groups/-", {})}),
        ("an employer's place", {"patch": _patch("/employers/0/position", [51, 0.5])}),
        ("everything", {"patch": _patch("", {})}),
        ("pins", {"patch": [{"op": "remove", "path": "/pinned/0"}]}),
        ("moved from what nobody may touch", {"patch": [{"op": "move", "from": "/policy", "path": "/calendars/more"}]}),
        ("no operation", {"patch": [{"op": "please", "path": "/calendars/more"}]}),
        ("no path", {"patch": [{"op": "add", "value": 1}]}),
        ("a path that is none", {"patch": [{"op": "add", "path": 5, "value": 1}]}),
        ("an invalid problem", {"patch": _patch("/offers/0/seats", 0)}),
        ("an unknown calendar", {"patch": _patch("/groups/3/calendars/-", "elsewhere")}),
        ("an offer that the plan needs", {"patch": [{"op": "remove", "path": "/offers/2"}]}),
        ("fewer sessions than are planned", {"patch": _patch("/offers/2/max_sessions", 1)}),
        ("a smaller room than is used", {"patch": [*_remedy().patch, *_patch("/offers/0/seats", 44)]}),
        ("longer sessions than fit", {"patch": [*_remedy().patch, *_patch("/offers/2/duration_minutes", 65)]}),
        ("a smaller school", {"patch": [*_remedy().patch, *_patch("/schools/0/hosting_limit", 0)]}),
        ("a calendar that others need", {"patch": [*_remedy().patch, *_patch("/calendars/G1-0", [])]}),
        ("an employer's day", {"patch": [*_remedy().patch, *_patch("/employers/1/max_sessions_per_day", 1)]}),
        ("a mode that is used", {"patch": [*_remedy().patch, *_patch("/groups/0/modes", ["virtual"])]}),
        ("a group no longer split", {"patch": [*_remedy().patch, *_patch("/groups/2/may_split", value=False)]}),
        (
            "a pin that is moved",
            {"sessions": (make_session("X1", "O1", AT_10, "S1", G1=25, G2=20), *_remedy().sessions)},
        ),
        ("a presenter twice at once", {"sessions": (make_session("X4", "O1", AT_9, "S1", G4=10),)}),
        ("unknown group", {"sessions": (make_session("X4", "O1", f"{MONDAY}T09:00", "S1", G7=10),)}),
    ],
)
def test_a_remedy_that_does_not_hold_is_refused(
    file: ProblemFile, plan: list[Session], why: str, fields: dict[str, Any]
) -> None:
    timetable = timetable_of(file, plan, remedies=(_remedy(**fields),))
    assert {each.code for each in check(file, timetable).violations} == {"remedy"}, why


def test_checking_a_remedy_leaves_the_problem_as_it_was(file: ProblemFile, plan: list[Session]) -> None:
    before = deepcopy(file.raw)
    assert check(file, timetable_of(file, plan, remedies=(_remedy(), _remedy()))).holds
    assert file.raw == before


def test_remedies_are_ranked_by_students_gained_for_each_minute(file: ProblemFile, plan: list[Session]) -> None:
    dear, cheap = _remedy(cost_minutes=61), _remedy(cost_minutes=60)
    assert check(file, timetable_of(file, plan, remedies=(cheap, dear))).holds
    assert not check(file, timetable_of(file, plan, remedies=(dear, cheap))).holds


def test_the_checker_never_loads_a_solver() -> None:
    """In a process of its own: a certificate's arithmetic included, nothing of OR-Tools is ever imported."""
    script = (
        "import sys, services.matching.planning.checker, services.matching.planning.certificate\n"
        "sys.exit(any(name.split('.')[0] in ('ortools', 'highspy') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
