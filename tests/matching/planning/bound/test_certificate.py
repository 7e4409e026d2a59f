"""A certificate proves exactly the bound that it states, or it is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from services.matching.planning.bound.certify import certify
from services.matching.planning.certificate import CertificateRefused, verify_certificate
from services.matching.planning.model import Problem
from services.matching.planning.scenario import fictional_area
from services.matching.planning.scenario.planted import planted_problem
from tests.matching.planning.exhaustive import Exhaustive, tiny_problem

Certificate = dict[str, Any]


@cache
def small_town() -> tuple[Problem, str]:
    problem = fictional_area(3, seed=2).problem
    return problem, json.dumps(certify(problem, seconds=2.0, deterministic=True).certificate)


def dearer(certificate: Certificate, table: str) -> None:
    name = max(certificate[table], key=lambda key: certificate[table][key])
    certificate[table][name] += certificate["scale"]


def forget(certificate: Certificate, table: str) -> None:
    name = max(certificate[table], key=lambda key: certificate[table][key])
    del certificate[table][name]


def put(*path: str, value: Any) -> Callable[[Certificate], None]:
    def change(certificate: Certificate) -> None:
        at: Any = certificate
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return change


FORGERIES: dict[str, Callable[[Certificate], None]] = {
    "a dearer group": lambda c: dearer(c, "groups"),
    "a dearer offer": lambda c: dearer(c, "offers"),
    "a group's price dropped": lambda c: forget(c, "groups"),
    "an offer's price dropped": lambda c: forget(c, "offers"),
    "all prices of offers dropped": lambda c: c["offers"].clear(),
    "a better bound": lambda c: c.update(bound=c["bound"] - 1),
    "a worse bound": lambda c: c.update(bound=c["bound"] + 1),
    "a bound of nothing": put("bound", value=0),
    "a bound below nothing": put("bound", value=-1),
    "a larger scale": lambda c: c.update(scale=c["scale"] * 2),
    "no scale": put("scale", value=0),
    "a scale beyond limits": put("scale", value=1 << 60),
    "a scale that is true": put("scale", value=True),
    "a bound as a fraction": put("bound", value=10.0),
    "a bound that is no number": put("bound", value=float("nan")),
    "a bound as text": put("bound", value="10"),
    "a negative price": put("offers", "forged", value=-1),
    "an unknown offer": put("offers", "forged", value=1),
    "an unknown group": put("groups", "forged", value=1),
    "an unknown employer": put("employers", "forged", value=1),
    "prices in a list": put("groups", value=[1, 2, 3]),
    "prices that are null": put("groups", value=None),
    "dates in a list": put("employer_days", value=[]),
    "an unknown date": put("employer_days", value={"forged": {"2026-10-05": 1}}),
    "a date without prices": put("employer_days", value={"forged": 7}),
    "another format": put("format", value="seven-encounters/certificate/2"),
}


def test_what_certify_gives_is_verified_after_a_journey_through_json() -> None:
    problem, written = small_town()
    certificate = json.loads(written)
    assert verify_certificate(problem, certificate) == certificate["bound"]
    assert certificate["bound"] < sum(group.size for group in problem.groups)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_certificate_is_refused(forgery: str) -> None:
    problem, written = small_town()
    certificate = json.loads(written)
    FORGERIES[forgery](certificate)
    with pytest.raises(CertificateRefused, match=r"^The certificate"):
        verify_certificate(problem, certificate)


@pytest.mark.parametrize("value", [-1, 1.5, float("nan"), float("inf"), 10**40, "1", None, [1], {}, True])
@pytest.mark.parametrize("table", ["groups", "offers"])
def test_a_price_that_is_not_a_whole_number_in_range_is_refused(table: str, value: Any) -> None:
    problem, written = small_town()
    certificate = json.loads(written)
    certificate[table][next(iter(certificate[table]))] = value
    with pytest.raises(CertificateRefused, match="not a whole number"):
        verify_certificate(problem, certificate)


@pytest.mark.parametrize("garbage", [None, [], "certificate", 7, {}, {"format": "seven-encounters/certificate/1"}])
def test_garbage_is_refused(garbage: Any) -> None:
    with pytest.raises(CertificateRefused):
        verify_certificate(small_town()[0], garbage)


def test_a_certificate_of_another_problem_is_refused() -> None:
    problem, written = small_town()
    certificate = json.loads(written)
    larger = replace(problem, offers=tuple(replace(o, max_sessions=o.max_sessions + 1) for o in problem.offers))
    with pytest.raises(CertificateRefused, match="its prices prove"):
        verify_certificate(larger, certificate)
    with pytest.raises(CertificateRefused, match="which the problem lacks"):
        verify_certificate(fictional_area(2, seed=9).problem, certificate)


def test_a_price_on_an_employer_without_a_limit_cannot_lower_the_bound() -> None:
    problem, written = small_town()
    certificate = json.loads(written)
    free = next(employer for employer in problem.employers if employer.max_sessions is None)
    certificate["employers"][free.id] = certificate["scale"]
    with pytest.raises(CertificateRefused, match="no limit"):
        verify_certificate(problem, certificate)


def test_changed_prices_prove_their_own_bound_and_never_less_than_the_best_plan() -> None:
    for seed in range(40):
        problem = tiny_problem(seed)
        certificate = deepcopy(certify(problem, seconds=0.2, deterministic=True).certificate)
        for group in problem.groups[::2]:
            certificate["groups"][group.id] = 7 * seed
        for stated in range(Exhaustive(problem).best):
            certificate["bound"] = stated
            with pytest.raises(CertificateRefused):
                verify_certificate(problem, certificate)


def test_a_planted_optimum_is_proven_at_once() -> None:
    planted = planted_problem(4, seed=1)
    students = sum(group.size for group in planted.problem.groups)
    result = certify(planted.problem, seconds=0.0)
    assert result.bound == students
    assert verify_certificate(planted.problem, result.certificate) == students


def test_bounds_only_fall_and_stopping_keeps_the_best() -> None:
    problem, _ = small_town()
    told: list[int] = []
    result = certify(problem, seconds=30.0, on_bound=told.append, stop=lambda: len(told) > 3)
    assert told == sorted(set(told), reverse=True)
    assert result.bound == told[-1]
    assert verify_certificate(problem, result.certificate) == result.bound


def test_the_same_work_gives_the_same_certificate() -> None:
    problem, written = small_town()
    assert json.dumps(certify(problem, seconds=2.0, deterministic=True).certificate) == written


def test_a_problem_without_offers_is_bounded_by_nothing() -> None:
    problem = replace(small_town()[0], offers=(), pledges=())
    result = certify(problem, seconds=1.0)
    assert result.bound == 0
    assert verify_certificate(problem, result.certificate) == 0


def test_verifying_never_loads_a_solver() -> None:
    code = (
        "import services.matching.planning.certificate, sys; print([m for m in sys.modules if m.startswith('ortools')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
