"""SIC 2007: from a five-digit code to its section, A to U."""

from __future__ import annotations

import re

SECTIONS = (
    ("A", 1, 3), ("B", 5, 9), ("C", 10, 33), ("D", 35, 35), ("E", 36, 39), ("F", 41, 43), ("G", 45, 47), ("H", 49, 53),
    ("I", 55, 56), ("J", 58, 63), ("K", 64, 66), ("L", 68, 68), ("M", 69, 75), ("N", 77, 82), ("O", 84, 84),
    ("P", 85, 85), ("Q", 86, 88), ("R", 90, 93), ("S", 94, 96), ("T", 97, 98), ("U", 99, 99),
)  # fmt: skip
"""Each section with its first and last division, the first two digits of a code [UK SIC 2007, ONS]."""

PUBLIC_SECTOR = "1"
"""The gender pay gap service writes 1, which is no code of SIC 2007, for an employer of the public sector."""

_CODE = re.compile(r"[0-9]+")


def sections(codes: str) -> frozenset[str]:
    """Read the sections of a list of SIC codes, in whatever way it is separated; a lost leading zero is put back."""
    return frozenset(found for code in _CODE.findall(codes) if (found := section(code)))


def section(code: str) -> str | None:
    """Tell the section of one SIC code; None where there is none."""
    if code == PUBLIC_SECTOR:
        return "O"
    if len(code) not in (4, 5):
        return None
    division = int(code.zfill(5)[:2])
    return next((letter for letter, first, last in SECTIONS if first <= division <= last), None)
