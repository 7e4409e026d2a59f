"""Scenarios: seeded planning problems with realistic shapes, over invented or given schools and employers."""

from services.matching.planning.scenario.area import (
    Absence,
    Area,
    EmployerParty,
    EmployerProfile,
    SchoolParty,
    SchoolProfile,
)
from services.matching.planning.scenario.build import area_from_tables, fictional_area
from services.matching.planning.scenario.terms import Term

__all__ = [
    "Absence",
    "Area",
    "EmployerParty",
    "EmployerProfile",
    "SchoolParty",
    "SchoolProfile",
    "Term",
    "area_from_tables",
    "fictional_area",
]
