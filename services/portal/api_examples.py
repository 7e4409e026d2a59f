"""Examples of submissions, for the API's documentation; a test sends each through its model."""

from __future__ import annotations

from typing import Any

from shared.events.submissions import (
    DescribeSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
    WithdrawAvailability,
    WithdrawPledge,
    WithdrawRequest,
)


def _one(summary: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"example": {"summary": summary, "value": value}}


EXAMPLES: dict[type[Submission], dict[str, Any]] = {
    RegisterHub: _one(
        "A hub with its terms",
        {
            "hub": "demo",
            "name": "Demo Hub",
            "local_authorities": ["886"],
            "academic_year": "2026/27",
            "terms": [
                {"start": "2026-09-02", "end": "2026-10-23"},
                {"start": "2026-11-02", "end": "2026-12-18"},
                {"start": "2027-01-04", "end": "2027-02-12"},
                {"start": "2027-02-22", "end": "2027-03-25"},
                {"start": "2027-04-12", "end": "2027-05-28"},
                {"start": "2027-06-07", "end": "2027-07-22"},
            ],
        },
    ),
    RegisterSchool: _one(
        "A school as GIAS has it",
        {
            "school": "900001", "name": "Seaview School", "local_authority": "886", "postcode": "CT9 1NX",
            "low_age": 11, "high_age": 18, "pupils": 1100, "fsm_share": 0.31,
        },
    ),
    RegisterEmployer: _one(
        "An employer",
        {"employer": "E0001", "name": "Harbour Engineering", "postcode": "CT11 9AJ", "sectors": ["C"], "radius_km": 20},
    ),
    DescribeSchool: _one(
        "A weekly tutor period, two careers days",
        {
            "school": "900001",
            "hosting_limit": 2,
            "calendars": {
                "tutor": [{"start": "2026-09-08T09:00", "end": "2026-09-08T10:00", "rrule": "FREQ=WEEKLY;BYDAY=TU"}],
                "careers-days": [
                    {"start": "2026-11-12T09:00", "end": "2026-11-12T15:00"},
                    {"start": "2027-03-04T09:00", "end": "2027-03-04T15:00"},
                ],
            },
            "closures": [{"start": "2026-10-02", "end": "2026-10-02", "what": "INSET day"}],
        },
    ),
    SubmitAvailability: _one(
        "Any Tuesday morning in March, up to 4 sessions",
        {
            "employer": "E0001", "availability": "E0001-A1", "hub": "demo", "mode": "in_school",
            "times": [
                {"start": "2027-03-02T09:00", "end": "2027-03-02T12:00", "rrule": "FREQ=WEEKLY;BYDAY=TU;UNTIL=20270331T235959"}
            ],
            "duration_minutes": 60, "max_sessions": 4, "seats": 30, "years": [8, 9],
            "meaningful": {"purpose": True, "outcomes": True, "interaction": True, "reflection": True},
        },
    ),
    SubmitPledge: _one(
        "400 student encounters, one school first",
        {"employer": "E0001", "hub": "demo", "students": 400, "schools_first": ["900001"]},
    ),
    SubmitRequest: _one(
        "A Year 9 group",
        {
            "school": "900001", "group": "900001-9A", "year": 9, "size": 28, "calendars": ["tutor", "careers-days"],
            "sectors_asked": ["C", "J"],
        },
    ),
    WithdrawAvailability: _one("Taken back", {"employer": "E0001", "availability": "E0001-A1", "version": 2}),
    WithdrawPledge: _one("Taken back", {"employer": "E0001", "hub": "demo", "version": 2}),
    WithdrawRequest: _one("Taken back", {"school": "900001", "group": "900001-9A", "version": 2}),
}  # fmt: skip
