"""The certified bound on the students that any timetable can cover."""

from services.matching.planning.bound.certify import BoundResult, certify

__all__ = ["BoundResult", "certify"]
