"""No bound is ever below what trying everything reaches, whatever the prices."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.planning.bound.certify import certify
from services.matching.planning.bound.prices import SCALE, PriceRows
from services.matching.planning.certificate import verify_certificate
from services.matching.planning.checker import check_sessions
from services.matching.planning.relaxation import relax
from tests.matching.planning.exhaustive import Exhaustive, tiny_problem


@settings(max_examples=1500, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**40))
def test_any_prices_give_a_bound_that_is_never_below_the_best_plan(seed: int) -> None:
    problem = tiny_problem(seed)
    best = Exhaustive(problem).best
    relaxation = relax(problem)
    rows = PriceRows.of(relaxation)
    draw = np.random.default_rng(seed)
    for height in (0.0, 0.5, 1.0):
        prices = draw.random(len(rows.limits)) * height
        prices[rows.ends[0] :] *= 8 * draw.random()
        assert relaxation.bound(rows.rounded(prices)) >= best * SCALE


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**40))
def test_what_certify_finds_is_true_and_verified(seed: int) -> None:
    problem = tiny_problem(seed)
    reached = Exhaustive(problem)
    assert check_sessions(problem, reached.plan) == []
    result = certify(problem, seconds=0.2, deterministic=True)
    assert reached.best <= result.bound <= sum(group.size for group in problem.groups)
    assert verify_certificate(problem, result.certificate) == result.bound
