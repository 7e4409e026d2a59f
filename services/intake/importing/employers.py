"""The gender pay gap table: employers with a postcode and at least one SIC code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from services.intake.importing.files import Imported, encoding_of, open_table, rows_of, tidy_postcode
from services.intake.importing.sectors import sections
from shared.events.submissions import RegisterEmployer
from shared.reasons import reasons_of

WHERE = "a download of gender-pay-gap.service.gov.uk"
COLUMNS = ("EmployerName", "EmployerId", "PostCode", "CompanyNumber", "SicCodes")
"""The columns that are read; all others, the responsible person's name among them, are passed over."""

_NUMBER = re.compile(r"[0-9]{8}|[A-Z]{2}[0-9]{5}[0-9R]")


def read_employers(path: Path, version: int) -> Imported[RegisterEmployer]:
    """Read the table into submissions of this version; raises TableRefused when columns are missing."""
    imported: Imported[RegisterEmployer] = Imported()
    seen: set[str] = set()
    with open_table(path, encoding_of(path)) as text:
        for number, row in rows_of(text, COLUMNS, WHERE):
            identity = row["EmployerId"].strip() or row["CompanyNumber"].strip()
            if identity and identity in seen:
                imported.leave_out(number, "the same employer as a row before")
                continue
            seen.add(identity)
            _read(number, row, version, imported)
    return imported


def company_number(text: str) -> str | None:
    """Write a company number with its 8 characters, leading zeros put back; None where it is none."""
    bare = "".join(text.split()).upper()
    letters = bare[:2] if bare[:2].isalpha() else ""
    number = letters + bare[len(letters) :].zfill(8 - len(letters))
    return number if bare and _NUMBER.fullmatch(number) else None


def _read(number: int, row: Mapping[str, str], version: int, imported: Imported[RegisterEmployer]) -> None:
    company, codes = company_number(row["CompanyNumber"]), sections(row["SicCodes"])
    identity, postcode = row["EmployerId"].strip(), tidy_postcode(row["PostCode"])
    if not identity and company is None:
        return imported.leave_out(number, "neither an employer's id nor a company number")
    if postcode is None:
        return imported.leave_out(number, "no postcode")
    if not codes:
        return imported.leave_out(number, "no SIC code, so no sector")
    try:
        employer = RegisterEmployer(
            version=version,
            employer=f"gpg-{identity}" if identity else f"company-{company}",
            name=row["EmployerName"],
            postcode=postcode,
            sectors=codes,
            company_number=company,
        )
    except ValidationError as error:
        return imported.leave_out(number, f"not usable: {reasons_of(error)[0]['field'].removeprefix('/')}")
    if company is None:
        imported.notes["without a company number"] += 1
    return imported.take(number, employer)
