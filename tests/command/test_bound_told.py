"""Wherever the command tells how many could be covered at most, it says by what that is known."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.command.explaining import explanation_of_plan
from services.command.review import in_words
from services.command.summary import Result, figures
from services.matching.planning.model import Proof
from services.matching.planning.scenario import fictional_area
from services.matching.planning.telling import how_known
from tests.matching.planning.builders import make_file, make_session, timetable_of

SEARCHED = "found by search; anyone can recount at most 10,561"


@pytest.mark.parametrize(
    ("bound", "method", "certified", "said"),
    [
        (10415, "search", 10561, SEARCHED),
        (10415, "search", None, "found by search"),
        (10561, "certificate", 10561, "anyone can recount it"),
        (10561, "certificate", None, "anyone can recount it"),
        (13283, "students", 13283, "that is everybody"),
    ],
)
def test_by_what_it_is_known(bound: int, method: str, certified: int | None, said: str) -> None:
    assert how_known(bound, 13283, method, certified) == said


@pytest.mark.parametrize(
    ("method", "certificate", "certified"),
    [
        ("search", {"bound": 30, "prices": []}, 30),
        ("search", {"bound": "30"}, None),
        ("search", {"bound": True}, None),
        ("search", None, None),
        ("certificate", {"bound": 28}, 28),
        ("students", None, 28),
    ],
)
def test_what_anyone_can_recount_of_a_proof(method: str, certificate: dict[str, Any] | None, certified: int) -> None:
    assert Proof(25, 28, 3 / 28, method, certificate).certified_bound == certified


def test_explain_says_it() -> None:
    file = make_file()
    timetable = timetable_of(file, [make_session()])
    assert "No timetable can cover more than 25 (that is everybody), a gap of 0.00%." in explanation_of_plan(
        file.problem, timetable
    )
    searched = replace(timetable.proof, bound=24, gap=0.04, method="search", certificate={"bound": 25})
    assert "more than 24 (found by search; anyone can recount at most 25), a gap of 4.00%." in explanation_of_plan(
        file.problem, replace(timetable, proof=searched)
    )


TIMETABLE = {
    "version": 3, "students": 13283, "covered": 10400, "bound": 10415, "gap": 15 / 10415, "method": "search",
    "certified_bound": 10561, "levels": [], "seconds": 44.0, "sessions": 410, "proposed": 1, "approved": 2,
    "returned": 3, "published": 4,
}  # fmt: skip


def test_the_demo_s_summary_says_it() -> None:
    result = Result(TIMETABLE, [], [], [], 10, 0, 60.0)
    assert ("10,415", f"is the most that could, with what is offered ({SEARCHED})") in figures(
        fictional_area(2, 1, Decimal(1)), result
    )


def test_the_review_says_it() -> None:
    assert in_words(TIMETABLE) == (
        f"version 3: 10,400 of 13,283 students covered, at most 10,415 could be ({SEARCHED}), a gap of 0.14%; "
        "410 sessions: 1 to decide, 2 approved, 3 returned, 4 published"
    )
