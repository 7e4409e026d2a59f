"""What people must be asked for so that one more, or one larger, session can be held: as a patch and as a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

from services.matching.planning.clock import local_time
from services.matching.planning.explanation.holding import in_employers_way, in_hosts_way, in_presenters_way
from services.matching.planning.model import Attendance, Offer, Problem, Remedy, Session
from services.matching.planning.rules import Plan
from services.matching.planning.telling import name_offer, names_of, when

# Whoever is asked spends this long on it, beside the minutes of what is given.
ARRANGING_MINUTES = 15
Patch = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that would cover `students` more; `session` is new, or replaces the plan's of the same id.

    `offer` is the offer as it would be; `fresh` are the attendances that are new.
    """

    offer: Offer
    session: Session
    fresh: tuple[Attendance, ...]

    @property
    def students(self) -> int:
        """How many more students the session would cover."""
        return sum(attendance.students for attendance in self.fresh)


@dataclass(frozen=True, slots=True)
class _Ask:
    kind: str
    text: str
    minutes: int
    patch: Patch


class Asking:
    """Finds what a candidate session needs of people beyond what they have offered already, and puts it in words."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan, self.known = problem, plan, plan.known

    @cached_property
    def _at(self) -> dict[tuple[str, str], int]:
        parts = {"schools": self.problem.schools, "groups": self.problem.groups}
        more = {"employers": self.problem.employers, "offers": self.problem.offers}
        return {(name, one.id): at for name, all_ in (parts | more).items() for at, one in enumerate(all_)}  # type: ignore[attr-defined]  # each has an id

    def remedy(self, candidate: Candidate) -> Remedy | None:
        """Give the remedy that makes a candidate possible, or None if it needs nothing, too many people, or cannot be."""
        new = candidate.session.id not in self.plan.by_id
        if new and in_presenters_way(self.plan, candidate.offer, candidate.session.school, candidate.session.start):
            return None
        asks = [*self._of_offer(candidate, new), *self._of_schools(candidate, new)]
        if not asks or len({ask.kind for ask in asks} - {"session"}) > 1:
            return None
        kinds = {ask.kind for ask in asks}
        if len(kinds) > 1 and kinds != {"session", "employer-limit"}:
            return None
        told = " and ".join(ask.text for ask in asks)
        who = names_of(self.known, [attendance.group for attendance in candidate.fresh])
        return Remedy(
            text=f"{told[0].upper()}{told[1:]}, on {when(local_time(candidate.session.start))} for {who}",
            kind=min(kinds) if len(kinds) == 1 else "session",
            cost_minutes=ARRANGING_MINUTES + max(ask.minutes for ask in asks),
            patch=[operation for ask in asks for operation in ask.patch],
            would_cover=candidate.students,
            sessions=(candidate.session,),
        )

    def minutes(self, candidate: Candidate) -> int:
        """Give the minutes that a session takes its employer and the schools that travel to it."""
        offer, session = candidate.offer, candidate.session
        if offer.mode == "virtual":
            return offer.duration_minutes
        homes = {self.known.groups[attendance.group].school for attendance in session.attendances}
        journeys = [self.known.travel(offer.position, self.known.schools[home].position) for home in homes]
        return offer.duration_minutes + 2 * sum(journeys)

    def _of_offer(self, candidate: Candidate, new: bool) -> list[_Ask]:
        offer, known = candidate.offer, self.known
        name, employer = name_offer(known, offer.id), known.employers[offer.employer]
        asks = []
        if offer.id not in known.offers:
            return [self._new_offer(candidate)]
        at, its = self._at["offers", offer.id], self._at["employers", employer.id]
        minutes = self.minutes(candidate)
        if offer.seats > known.offers[offer.id].seats:
            patch = [_put(f"/offers/{at}/seats", offer.seats)]
            extra = offer.seats - known.offers[offer.id].seats
            asks.append(_Ask("seats", f"ask {name} for a room of {extra} seats more", offer.duration_minutes, patch))
        if not new:
            return asks
        held = len(self.plan.of_offer.get(offer.id, ()))
        if held >= offer.max_sessions:
            patch = [_put(f"/offers/{at}/max_sessions", held + 1)]
            asks.append(_Ask("session", f"ask {name} for one more session", minutes, patch))
        of_employer = len(self.plan.of_employer.get(employer.id, ()))
        title = employer.name or employer.id
        if employer.max_sessions is not None and of_employer >= employer.max_sessions:
            patch = [_put(f"/employers/{its}/max_sessions", of_employer + 1)]
            asks.append(_Ask("employer-limit", f"ask {title} for one session more in all", minutes, patch))
        on_date = in_employers_way(self.plan, offer, candidate.session.start)
        if on_date:
            patch = [_put(f"/employers/{its}/max_sessions_per_day", len(on_date) + 1)]
            asks.append(_Ask("employer-limit", f"ask {title} for one session more on that day", minutes, patch))
        return [*asks, *self._radius(candidate, its, minutes)]

    def _radius(self, candidate: Candidate, at: int, minutes: int) -> list[_Ask]:
        offer, school = candidate.offer, candidate.session.school
        employer = self.known.employers[offer.employer]
        if school is None:
            return []
        away = self.known.km(offer.position, self.known.schools[school].position)
        if away <= float(employer.radius_km):
            return []
        reach = ceil(away)
        text = f"ask {employer.name or employer.id} to go {reach} km, to {self._school(school)}"
        return [_Ask("radius", text, minutes, [_put(f"/employers/{at}/radius_km", reach)])]

    def _of_schools(self, candidate: Candidate, new: bool) -> list[_Ask]:
        offer, session, known = candidate.offer, candidate.session, self.known
        asks = []
        end = session.start + offer.duration_minutes
        if new and session.school is not None and in_hosts_way(self.plan, session.school, session.start, end):
            limit = known.schools[session.school].hosting_limit
            patch = [_put(f"/schools/{self._at['schools', session.school]}/hosting_limit", limit + 1)]
            text = f"ask {self._school(session.school)} to host {limit + 1} sessions at one time"
            asks.append(_Ask("hosting-limit", text, offer.duration_minutes, patch))
        return [*asks, *self._travel(candidate), *self._window(candidate)]

    def _travel(self, candidate: Candidate) -> list[_Ask]:
        offer, patch, far = candidate.offer, Patch(), 0
        if offer.mode != "workplace":
            return []
        for attendance in candidate.fresh:
            group = self.known.groups[attendance.group]
            away = self.known.km(offer.position, self.known.schools[group.school].position)
            if away > float(group.max_travel_km):
                far = max(far, ceil(away))
                patch.append(_put(f"/groups/{self._at['groups', group.id]}/max_travel_km", ceil(away)))
        text = f"ask {self._homes(candidate)} to travel up to {far} km to {name_offer(self.known, offer.id)}"
        return [_Ask("travel", text, self.minutes(candidate), patch)] if patch else []

    def _window(self, candidate: Candidate) -> list[_Ask]:
        offer, session, known = candidate.offer, candidate.session, self.known
        name, patch, widest = f"asked-{session.id}", Patch(), 0
        for attendance in candidate.fresh:
            group = known.groups[attendance.group]
            trip = 0
            if offer.mode == "workplace":
                trip = known.travel(offer.position, known.schools[group.school].position)
            if not known.fits(group.calendars, session.start - trip, session.start + offer.duration_minutes + trip):
                widest = max(widest, trip)
                patch.append(
                    {"op": "add", "path": f"/groups/{self._at['groups', group.id]}/calendars/-", "value": name}
                )
        if not patch:
            return []
        window = [local_time(session.start - widest), local_time(session.start + offer.duration_minutes + widest)]
        if name in known.problem.calendars:
            return []
        text = f"ask {self._homes(candidate)} to let them see {name_offer(known, offer.id)} at another time"
        minutes = len(patch) * (offer.duration_minutes + 2 * widest)
        return [_Ask("window", text, minutes, [_put(f"/calendars/{_escaped(name)}", [window]), *patch])]

    def _new_offer(self, candidate: Candidate) -> _Ask:
        offer, session = candidate.offer, candidate.session
        employer = self.known.employers[offer.employer]
        window = [local_time(session.start), local_time(session.start + offer.duration_minutes)]
        record = {
            "id": offer.id,
            "employer": offer.employer,
            "mode": offer.mode,
            "calendars": [offer.id],
            "duration_minutes": offer.duration_minutes,
            "max_sessions": 1,
            "seats": offer.seats,
            "years": sorted(offer.years),
            "presenter": offer.presenter,
            "adjustments": sorted(offer.adjustments),
        }
        patch = [_put(f"/calendars/{_escaped(offer.id)}", [window]), _put("/offers/-", record)]
        where = self._school(session.school) if session.school is not None else "a call"
        text = f"ask {employer.name or employer.id} for a new session of {offer.seats} seats at {where}"
        return _Ask("offer", text, self.minutes(candidate), patch)

    def _school(self, id_: str) -> str:
        return self.known.schools[id_].name or id_

    def _homes(self, candidate: Candidate) -> str:
        homes = dict.fromkeys(self.known.groups[attendance.group].school for attendance in candidate.fresh)
        return " and ".join(self._school(home) for home in homes)


def _put(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
