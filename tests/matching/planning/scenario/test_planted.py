"""A planted problem holds a timetable that covers every student and breaks no rule."""

from __future__ import annotations

import pytest

from services.matching.planning.checker import check_sessions
from services.matching.planning.reading import problem_from_json
from services.matching.planning.scenario.planted import Planted, planted_problem
from services.matching.planning.writing import problem_to_json


@pytest.fixture(scope="module", params=[(12, 1), (14, 3), (30, 2)])
def planted(request: pytest.FixtureRequest) -> Planted:
    return planted_problem(*request.param)


def test_the_hidden_timetable_breaks_no_rule(planted: Planted) -> None:
    assert check_sessions(planted.problem, planted.sessions) == []


def test_every_student_is_covered_once(planted: Planted) -> None:
    attended = [(a.group, a.students) for session in planted.sessions for a in session.attendances]
    assert sorted(attended) == sorted((group.id, group.size) for group in planted.problem.groups)


def test_the_hidden_timetable_uses_every_session_on_offer(planted: Planted) -> None:
    assert len(planted.sessions) == sum(offer.max_sessions for offer in planted.problem.offers)


def test_the_problem_is_valid(planted: Planted) -> None:
    assert problem_from_json(problem_to_json(planted.problem)) == planted.problem


def test_it_never_varies() -> None:
    assert planted_problem(12, 1) == planted_problem(12, 1)
    assert planted_problem(12, 1).problem != planted_problem(12, 2).problem
