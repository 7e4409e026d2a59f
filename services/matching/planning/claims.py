"""What a timetable claims about itself, held against what is reckoned here: its problem, its levels, its bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from services.matching.planning.levels import SENSES
from services.matching.planning.model import Level, Problem, Proof
from services.matching.planning.rules import Violation

_GAP_TOLERANCE = 1e-6  # many write a share with six digits


def check_hash(claimed: str, problem_sha256: str) -> Iterator[Violation]:
    """Tell when a timetable was made for another problem."""
    if claimed != problem_sha256:
        message = f"The timetable is of another problem: it names {claimed}, this one is {problem_sha256}."
        yield Violation("problem", message, "/problem_sha256")


def check_levels(claimed: Sequence[Level], reckoned: Sequence[Level]) -> Iterator[Violation]:
    """Tell where the levels are not all there in order, differ from the plan, or contradict their own bound."""
    names = [level.name for level in reckoned]
    if [level.name for level in claimed] != names:
        yield Violation("levels", f"The levels must be, in this order: {', '.join(names)}.", "/levels")
        return
    for place, (level, true) in enumerate(zip(claimed, reckoned, strict=True)):
        if not _same(level.value, true.value):
            message = f"{level.name} is {true.value} in this plan, not {level.value}."
            yield Violation("levels", message, f"/levels/{place}/value")
        if level.bound is not None and _contradicts(level.name, true.value, level.bound):
            message = f"The plan has {level.name} {true.value}, better than the bound {level.bound} allows."
            yield Violation("levels", message, f"/levels/{place}/bound")


def _same(claimed: Decimal, true: Decimal) -> bool:
    """Compare exactly, or as the nearest doubles, which is how most programs write a decimal."""
    return claimed == true or float(claimed) == float(true)


def _contradicts(name: str, value: Decimal, bound: Decimal) -> bool:
    if _same(value, bound):
        return False
    return value > bound if SENSES[name] == "max" else value < bound


def check_proof(problem: Problem, proof: Proof, covered: int) -> tuple[list[Violation], int]:
    """Give what is wrong with a proof, and the bound on covered students that is certain without trust."""
    students = sum(group.size for group in problem.groups)
    found = list(_numbers(proof, covered))
    certified, refusal = _certified_bound(problem, proof, students)
    if refusal is not None:
        found.append(refusal)
    if proof.method == "search":
        found += _search_claims(proof)
    elif refusal is None and proof.bound < certified:
        why = (
            "without a certificate it is the number of students" if proof.certificate is None else "by its certificate"
        )
        message = f"The bound {proof.bound} is not shown: {why}, {certified}, that can be relied on."
        found.append(Violation("proof", message, "/proof/bound"))
    return found, certified


def _numbers(proof: Proof, covered: int) -> Iterator[Violation]:
    if proof.covered != covered:
        message = f"The plan covers {covered} students, not {proof.covered}."
        yield Violation("proof", message, "/proof/covered")
    if proof.bound < covered:
        message = f"The bound {proof.bound} cannot be true: the plan covers {covered} students."
        yield Violation("proof", message, "/proof/bound")
    gap = (proof.bound - proof.covered) / max(1, proof.bound)
    if abs(gap - proof.gap) > _GAP_TOLERANCE:
        yield Violation("proof", f"The gap is {gap:.6f}, not {proof.gap}.", "/proof/gap")


def _certified_bound(problem: Problem, proof: Proof, students: int) -> tuple[int, Violation | None]:
    certificate = proof.certificate
    if certificate is None:
        return students, None
    claimed = _whole(certificate.get("bound"))
    if claimed is not None and claimed >= students and "format" not in certificate:
        return students, None  # no plan covers more than all, which needs no prices
    try:
        from services.matching.planning.certificate import CertificateRefused, verify_certificate
    except ImportError:  # pragma: no cover - numpy, which the certificate's arithmetic needs, is an extra
        return students, Violation("certificate", "The certificate needs numpy to be checked.", "/proof/certificate")
    try:
        certified = min(students, verify_certificate(problem, certificate))
    except CertificateRefused as refused:
        return students, Violation("certificate", f"The certificate is refused: {refused}", "/proof/certificate")
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # it may come from anybody
        message = f"The certificate is not of the documented form ({type(error).__name__})."
        return students, Violation("certificate", message, "/proof/certificate")
    if claimed is not None and claimed < certified:
        message = f"The certificate says {claimed} and shows {certified}."
        return certified, Violation("certificate", message, "/proof/certificate/bound")
    return certified, None


def _search_claims(proof: Proof) -> Iterator[Violation]:
    """Tell when the certified bound does not stand beside a search's bound, which itself cannot be checked here."""
    certified = proof.certified_bound
    if certified is None:
        message = "A bound from a search needs the certified one beside it, as certificate.bound."
        yield Violation("proof", message, "/proof/certificate")
    elif certified < proof.bound:
        message = f"The certified bound {certified} is tighter than the search's {proof.bound}."
        yield Violation("proof", message, "/proof/bound")


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
