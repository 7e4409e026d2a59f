"""Certificates: prices that prove a bound, and their verification in whole numbers, without any solver.

The relaxation and the argument are documented in `schemas/certificate.md`. Whatever prices a certificate holds, what
is reckoned from them is a true bound; a certificate is refused when it does not say exactly that bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from services.matching.planning.clock import date_of
from services.matching.planning.model import MINUTES_A_DAY, Problem
from services.matching.planning.relaxation import Prices, Relaxation, relax
from services.matching.planning.vertices import Integers

FORMAT = "seven-encounters/certificate/1"
MOST_SCALE = 1 << 20
MOST_PRICE = 1 << 40
# Sums of a presenter's day stay below 2^62 in 64-bit whole numbers.
MOST_STUDENTS = 10_000_000


class CertificateRefused(Exception):
    """A certificate does not prove what it says; the reason is one plain sentence."""


def certificate_of(problem: Problem, relaxation: Relaxation, prices: Prices, bound: int) -> dict[str, Any]:
    """Write prices as a certificate; prices of 0 are left out."""
    of_group = prices.classes[relaxation.classes.of_group]
    days: dict[str, dict[str, int]] = {}
    for (employer, day), price in zip(relaxation.employer_days, prices.employer_days.tolist(), strict=True):
        if price:
            days.setdefault(problem.employers[employer].id, {})[date_of(day * MINUTES_A_DAY).isoformat()] = price
    return {
        "format": FORMAT,
        "bound": bound,
        "scale": int(prices.scale),
        "groups": {group.id: price for group, price in zip(problem.groups, of_group.tolist(), strict=True) if price},
        "offers": {offer.id: p for offer, p in zip(problem.offers, prices.offers.tolist(), strict=True) if p},
        "employers": {e.id: p for e, p in zip(problem.employers, prices.employers.tolist(), strict=True) if p},
        "employer_days": days,
    }


def verify_certificate(problem: Problem, certificate: Mapping[str, Any]) -> int:
    """Give the bound that a certificate proves; raise `CertificateRefused` where it does not prove the one it states.

    All is reckoned anew from the problem, in whole numbers: nothing but the prices is taken from the certificate.
    """
    if not isinstance(certificate, Mapping):
        raise CertificateRefused("The certificate is not an object.")
    if certificate.get("format") != FORMAT:
        raise CertificateRefused(f"The certificate's format is not {FORMAT}.")
    stated = _whole(certificate.get("bound"), "bound", 0, MOST_STUDENTS)
    scale = _whole(certificate.get("scale"), "scale", 1, MOST_SCALE)
    if sum(group.size for group in problem.groups) > MOST_STUDENTS:
        raise CertificateRefused(f"The problem has more than {MOST_STUDENTS:,} students, too many to reckon exactly.")
    groups = _prices(certificate, "groups", [group.id for group in problem.groups])
    relaxation = relax(problem, apart=groups.tolist())
    prices = Prices(
        scale,
        groups[[members[0] for members in relaxation.classes.members]],
        _prices(certificate, "offers", [offer.id for offer in problem.offers]),
        _prices(certificate, "employers", [employer.id for employer in problem.employers]),
        _dated_prices(certificate, problem, relaxation),
    )
    if np.any(prices.employers[relaxation.employer_sessions < 0]):
        raise CertificateRefused("The certificate prices sessions of an employer that has no limit on them.")
    proven = int(relaxation.bound(prices)) // scale
    if proven != stated:
        raise CertificateRefused(f"The certificate states a bound of {stated:,}, but its prices prove {proven:,}.")
    return proven


def _whole(value: Any, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise CertificateRefused(f"The certificate's {name} is not a whole number from {least} to {most:,}.")
    return value


def _table(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CertificateRefused(f"The certificate's {name} is not an object of prices.")
    return value


def _prices(certificate: Mapping[str, Any], name: str, ids: list[str]) -> Integers:
    table = _table(certificate.get(name), name)
    unknown = set(table) - set(ids)
    if unknown:
        raise CertificateRefused(f"The certificate's {name} name {min(map(str, unknown))!r}, which the problem lacks.")
    return np.array([_whole(table.get(key, 0), f"price in {name}", 0, MOST_PRICE) for key in ids], dtype=np.int64)


def _dated_prices(certificate: Mapping[str, Any], problem: Problem, relaxation: Relaxation) -> Integers:
    table = _table(certificate.get("employer_days"), "employer_days")
    left = {(employer, date) for employer in table for date in _table(table[employer], "employer_days")}
    found = []
    for number, day in relaxation.employer_days:
        employer, date = problem.employers[number].id, date_of(day * MINUTES_A_DAY).isoformat()
        left.discard((employer, date))
        price = _table(table.get(employer, {}), "employer_days").get(date, 0)
        found.append(_whole(price, "price in employer_days", 0, MOST_PRICE))
    if left:
        raise CertificateRefused("The certificate prices a date on which no employer's limit needs a price.")
    return np.array(found, dtype=np.int64)
