"""A small hub as events: two schools, two employers, groups, and timetables; each hub made has ids of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from typing import Any

from shared.envelope import Event, new_event, new_id
from shared.events.data import EventData
from shared.events.encounters import EncounterConfirmed
from shared.events.facts import (
    AvailabilityRegistered,
    EmployerRegistered,
    HubRegistered,
    PledgeRegistered,
    RequestRegistered,
    SchoolRegistered,
)
from shared.events.fields import AttendanceOf, DateSpan, Meaningful
from shared.events.plans import RemedyProposed, SessionProposed, ShortfallExplained, TimetableProposed
from shared.events.policy import HubPolicy

_numbers = count(1)
YEAR = "2026/27"
NAMES = ("Seaview Academy", "Ärmelkanal School")


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub's ids; `number` keeps those of one test apart from another's."""

    number: int

    @classmethod
    def new(cls) -> Hub:
        """Make one that no other test has."""
        return cls(next(_numbers))

    @property
    def hub(self) -> str:
        """Its id."""
        return f"hub{self.number}"

    @property
    def schools(self) -> tuple[str, str]:
        """URNs of its schools."""
        return (f"{900000 + 2 * self.number}", f"{900001 + 2 * self.number}")

    @property
    def employers(self) -> tuple[str, str]:
        """Ids of its employers."""
        return (f"E{self.number}a", f"E{self.number}b")

    def group(self, at: int, letter: str) -> str:
        """Id of a group of its first or second school."""
        return f"{self.schools[at]}-9{letter}"

    def facts(self) -> list[Event[Any]]:
        """Tell what intake has accepted of it."""
        data: list[EventData] = [
            HubRegistered(
                version=1, hub=self.hub, name=f"Hub {self.number}", time_zone="Europe/London", local_authorities=("886",),
                academic_year=YEAR, terms=(DateSpan(start=date(2026, 9, 2), end=date(2027, 7, 20)),),
                policy=HubPolicy(), notice_school_days=10,
            ),
            *(
                SchoolRegistered(
                    version=1, hub=self.hub, school=school, name=name, local_authority="886", postcode="CT9 1NX",
                    position=(51.38, 1.38), special=False, fsm_share=0.3, pupils=1000,
                )
                for school, name in zip(self.schools, NAMES, strict=True)
            ),
            *(
                EmployerRegistered(
                    version=1, employer=employer, name=name, postcode="CT9 1NX", position=(51.38, 1.38),
                    sectors=("C",), stem=None, company_number=None, radius_km=25, max_sessions_per_day=None,
                    max_sessions=None, contact_email=None,
                )
                for employer, name in zip(self.employers, ("Harbour Engineering", "Foreness Media"), strict=True)
            ),
            *(
                AvailabilityRegistered(
                    version=1, availability=f"{employer}-A1", employer=employer, hub=self.hub, mode="in_school",
                    windows=(("2027-03-02T09:00", "2027-03-02T12:00"),), duration_minutes=60, max_sessions=4, seats=30,
                    years=(9,), max_schools=None, position=None, presenter=None, adjustments=(), meaningful=Meaningful(),
                )
                for employer in self.employers
            ),
            PledgeRegistered(version=1, employer=self.employers[0], hub=self.hub, students=100, schools_first=()),
            *(
                RequestRegistered(
                    version=1, hub=self.hub, school=self.schools[at], group=self.group(at, letter), year=9, size=28,
                    calendars=("tutor",), needed=1, sectors_asked=(), sectors_met=(), stem_needed=False,
                    modes=("in_school",), adjustments=(), max_travel_km=None, may_split=False,
                )
                for at in (0, 1)
                for letter in "ABC"
            ),
        ]  # fmt: skip
        return [told(one) for one in data]

    def session(
        self, version: int, at: int, letter: str, start: str = "2027-03-02T09:00", **changed: Any
    ) -> SessionProposed:
        """Propose a session at a school for one of its groups, given by the employer of the same place in the list."""
        session = SessionProposed(
            hub=self.hub, academic_year=YEAR, version=version, encounter=f"{self.hub}-{at}{letter}",
            session=f"s{at}{letter}", offer=f"{self.employers[at]}-A1", employer=self.employers[at], mode="in_school",
            start=start, end=f"{start[:11]}{int(start[11:13]) + 1:02}:00", time_zone="Europe/London",
            school=self.schools[at], position=(51.38, 1.38),
            attendances=(AttendanceOf(group=self.group(at, letter), school=self.schools[at], year=9, students=28),),
            compared="new",
        )  # fmt: skip
        return session.model_copy(update=changed)

    def timetable(
        self, *, version: int, sessions: Sequence[SessionProposed] | None = None, repair: bool = False, **proof: Any
    ) -> list[Event[Any]]:
        """Propose a complete timetable: by default two sessions at each school, one group of each left out, two remedies.

        Its bound is a certificate's, unless `proof` says otherwise.
        """
        if sessions is None:
            sessions = [self.session(version, at, letter) for at in (0, 1) for letter in "AB"]
        parts: list[EventData] = [
            TimetableProposed(
                hub=self.hub, academic_year=YEAR, version=version, job=new_id(), problem_sha256="0" * 64, repair=repair,
                sessions=len(sessions), shortfalls=2, remedies=2, students=168, covered=28 * len(sessions), bound=140,
                gap=(140 - 28 * len(sessions)) / 140, method="certificate", changes=0,
                levels=({"name": "covered", "value": 112, "bound": 140},), seconds=1.5,
            ).model_copy(update=proof),
            *sessions,
            *(
                ShortfallExplained(
                    hub=self.hub, academic_year=YEAR, version=version, group=self.group(at, "C"),
                    school=self.schools[at], students=28, code="shared-shortage", facts={},
                    sentence=f"Year 9 of {NAMES[at]} can only be seen on Tuesdays; the 2 employers who come on Tuesdays are fully booked.",
                )
                for at in (0, 1)
            ),
            *(
                RemedyProposed(
                    hub=self.hub, academic_year=YEAR, version=version, rank=rank,
                    text=f"Ask Harbour Engineering for {rank} more session on Tuesday 9 March", kind="session",
                    cost_minutes=60 * rank, would_cover=28,
                )
                for rank in (1, 2)
            ),
        ]  # fmt: skip
        return [told(part) for part in parts]

    def confirmed(self, at: int, letter: str, party_kind: str = "school") -> Event[Any]:
        """Confirm a session, as its school or its employer is told."""
        session = self.session(1, at, letter)
        party = self.schools[at] if party_kind == "school" else self.employers[at]
        return told(
            EncounterConfirmed(
                encounter=session.encounter, party_kind=party_kind, party=party, sequence=0,
                hub=self.hub, academic_year=YEAR, version=1, offer=session.offer, employer=session.employer,
                employer_name="Harbour Engineering", mode="in_school", start=session.start, end=session.end,
                time_zone="Europe/London", school=session.school, place=NAMES[at], position=session.position,
                attendances=session.attendances,
            )
        )  # fmt: skip


def told(data: EventData, correlation_id: str | None = None) -> Event[Any]:
    """Wrap data as an event of another service."""
    event = new_event("/elsewhere", data)
    return replace(event, correlation_id=correlation_id) if correlation_id else event
