"""The descent of the bound: its slopes are true ones, and it comes near the best prices wherever it starts."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from services.matching.planning.bound.certify import certify
from services.matching.planning.bound.descent import Descent, evaluated
from services.matching.planning.bound.prices import PriceRows
from services.matching.planning.certificate import verify_certificate
from services.matching.planning.model import Problem
from services.matching.planning.relaxation import relax
from services.matching.planning.scenario import fictional_area
from tests import realdata
from tests.matching.planning.exhaustive import tiny_problem


@cache
def town() -> Problem:
    return fictional_area(8, seed=3).problem


@pytest.mark.parametrize("seed", range(30))
def test_the_slope_lies_below_the_bound_everywhere(seed: int) -> None:
    relaxation = relax(tiny_problem(seed))
    rows = PriceRows.of(relaxation)
    draw = np.random.default_rng(seed)
    scale = np.where(np.arange(len(rows.limits)) < rows.ends[0], 1.0, 20.0)
    for _ in range(8):
        here, there = (rows.rounded(draw.random(len(scale)) * scale) for _ in range(2))
        value, left = evaluated(relaxation, rows, here)
        step = np.concatenate(
            (
                there.classes - here.classes,
                there.offers - here.offers,
                there.employers - here.employers,
                there.employer_days - here.employer_days,
            )
        )
        assert value == relaxation.bound(here)
        assert relaxation.bound(there) >= value + float(left @ step) - 1e-6


def test_the_descent_alone_comes_within_two_per_cent() -> None:
    relaxation = relax(town())
    rows = PriceRows.of(relaxation)
    values = [value // prices.scale for _, prices, value in Descent(relaxation, rows).steps(lambda: False)]
    assert values[0] > sum(group.size for group in town().groups)
    assert min(values) <= 1.02 * certify(town(), seconds=4.0, deterministic=True).bound


def test_a_search_that_has_not_yet_passed_all_students_goes_on() -> None:
    problem = town()
    students = sum(group.size for group in problem.groups)
    result = certify(problem, seconds=4.0, deterministic=True)
    assert result.bound < 0.9 * students
    assert verify_certificate(problem, result.certificate) == result.bound


@pytest.mark.skipif(not realdata.available(), reason="the open data of schools lies beside the repository only")
def test_a_real_town_is_bounded_far_below_all_students() -> None:
    problem = realdata.area(realdata.town_tables("Maidstone")).problem
    assert certify(problem, seconds=10.0, deterministic=True).bound <= 10_600
