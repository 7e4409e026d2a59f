"""The register of schools (GIAS, `edubasealldata*.csv`): open schools and colleges with pupils aged 11 to 18."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pydantic import ValidationError

from services.intake.deciding.schools import taught
from services.intake.importing.files import Imported, encoding_of, open_table, rows_of, tidy_postcode
from shared.events.submissions import RegisterSchool
from shared.reasons import reasons_of

WHERE = "the download edubasealldata from get-information-schools.service.gov.uk"
COLUMNS = (
    "URN", "EstablishmentName", "LA (code)", "TypeOfEstablishment (name)", "EstablishmentTypeGroup (name)",
    "EstablishmentStatus (name)", "PhaseOfEducation (name)", "StatutoryLowAge", "StatutoryHighAge", "NumberOfPupils",
    "PercentageFSM", "Postcode",
)  # fmt: skip
"""The columns that are read; all others, those with people's names among them, are passed over."""

OLDEST = 25
"""Highest age that is kept; colleges write 99 for: none."""
OPEN = ("Open", "Open, but proposed to close")
_TAUGHT_PHASES = ("Secondary", "All-through", "Middle deemed secondary", "16 plus")
_TAUGHT_KINDS = ("special", "alternative provision", "pupil referral")
"""Where no ages are given, a school is taken by its phase or, for the kinds that have none, by its type."""
_SPECIAL = "special"


def read_schools(path: Path, version: int) -> Imported[RegisterSchool]:
    """Read the register's table into submissions of this version; raises TableRefused when columns are missing."""
    imported: Imported[RegisterSchool] = Imported()
    seen: set[str] = set()
    with open_table(path, encoding_of(path)) as text:
        for number, row in rows_of(text, COLUMNS, WHERE):
            if row["URN"].strip() in seen:
                imported.leave_out(number, "the same URN as a row before")
                continue
            seen.add(row["URN"].strip())
            _read(number, row, version, imported)
    return imported


def _read(number: int, row: Mapping[str, str], version: int, imported: Imported[RegisterSchool]) -> None:
    phase, kind = row["PhaseOfEducation (name)"].strip(), row["TypeOfEstablishment (name)"].strip()
    if row["EstablishmentStatus (name)"].strip() not in OPEN:
        return imported.leave_out(number, "not open")
    low, high = _age(row["StatutoryLowAge"]), _age(row["StatutoryHighAge"])
    if low is None and high is None and not _likely_taught(phase, kind):
        return imported.leave_out(number, "no ages given, and neither a secondary phase nor a special school")
    if not any(taught(year, low, high) for year in range(7, 14)):
        return imported.leave_out(number, "no pupils aged 11 to 18")
    pupils, share = _whole(row["NumberOfPupils"]) or None, _share(row["PercentageFSM"])
    try:
        school = RegisterSchool(
            version=version,
            school=row["URN"].strip(),
            name=row["EstablishmentName"],
            local_authority=row["LA (code)"].strip().zfill(3),
            postcode=tidy_postcode(row["Postcode"]) or row["Postcode"],
            phase=phase or None,
            type=kind or None,
            special=_SPECIAL in f"{kind} {row['EstablishmentTypeGroup (name)']}".lower(),
            low_age=low,
            high_age=high,
            pupils=pupils,
            fsm_share=share or 0,
        )
    except ValidationError as error:
        return imported.leave_out(number, _first(error))
    if low is None or high is None:
        imported.notes["without ages: any year group is taken"] += 1
    if pupils is None:
        imported.notes["without a number of pupils: groups are taken at any size"] += 1
    if share is None:
        imported.notes["without a share of free school meals: taken as 0"] += 1
    return imported.take(number, school)


def _likely_taught(phase: str, kind: str) -> bool:
    return phase in _TAUGHT_PHASES or any(one in kind.lower() for one in _TAUGHT_KINDS)


def _first(error: ValidationError) -> str:
    """Name the column at fault; its value stays out, so that rows at fault alike are counted together."""
    field = reasons_of(error)[0]["field"].removeprefix("/")
    return f"not usable: {field.replace('_', ' ') if field else 'the row'}"


def _age(text: str) -> int | None:
    """Read an age."""
    age = _whole(text)
    return None if age is None else min(age, OLDEST)


def _whole(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() and text.strip().isascii() else None


def _share(text: str) -> float | None:
    try:
        return float(Decimal(text.strip()) / 100)
    except InvalidOperation:
        return None
