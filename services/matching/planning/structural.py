"""Why a group cannot be placed whatever else is planned: the reasons that lie in the group and the offers alone.

Offers pass through filters in a fixed order (year, mode, adjustments, reach, a common window, seats); the reason is the
first filter that leaves none. Its facts are how many offers the filter before it left, and the nearest miss among them.
All is countable by hand; what other groups take plays no part here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from services.matching.planning.geometry import within_km
from services.matching.planning.model import MINUTES_A_DAY, MODES, Group, Minute, Offer, Problem
from services.matching.planning.rules.view import Known

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRUCTURAL_CODES = ("no-offer-for-year", "mode", "adjustments", "out-of-reach", "no-common-window", "too-large")

_FIRST_TRIES = 30
_NEVER = 10**12
_DayWindows = dict[int, list[tuple[Minute, Minute]]]


@dataclass(frozen=True, slots=True)
class StructuralReason:
    """The first filter that leaves a group no offer, and what can be counted about it."""

    code: str
    facts: dict[str, Any]


def structural_reasons(
    problem: Problem, groups: Iterable[str], *, known: Known | None = None
) -> dict[str, StructuralReason]:
    """Give the structural reason of each of the groups that has one (a county's groups in about a second)."""
    structure = Structure(known or Known(problem))
    reasons = ((id_, structure.reason(structure.known.groups[id_])) for id_ in groups)
    return {id_: reason for id_, reason in reasons if reason is not None}


def structural_reason(problem: Problem, group: str, *, known: Known | None = None) -> StructuralReason | None:
    """Give the structural reason of one group, or None where some offer could take it."""
    return structural_reasons(problem, [group], known=known).get(group)


class Structure:
    """Finds structural reasons; what groups share (their year's offers, calendars, journeys) is worked out once."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._suited: dict[tuple[int, frozenset[str], frozenset[str]], list[Offer]] = {}
        self._reached: dict[tuple[Any, ...], list[Offer]] = {}
        self._short: dict[tuple[Any, ...], dict[str, int | None]] = {}
        self._windows: dict[tuple[str, ...], _DayWindows] = {}
        self._arrays: dict[tuple[str, ...], NDArray[np.int64]] = {}

    def reason(self, group: Group) -> StructuralReason | None:
        """Give the first filter that leaves this group nothing, or None."""
        for offer in islice(self._suited_offers(group), _FIRST_TRIES):  # nearly every group has an offer among these
            if self._has_seats(group, offer) and self._reaches(group, offer) and self._can_meet(group, offer):
                return None
        return self._first_empty_filter(group)

    def offers_for(self, group: Group) -> list[Offer]:
        """Give the offers that all filters but seats leave to a group."""
        short = self._minutes_short(group)
        return [offer for offer in self._reached_offers(group) if _meets(short[offer.id])]

    def _suited_offers(self, group: Group) -> list[Offer]:
        """Give the offers for the group's year, modes and adjustments, the roomiest first."""
        key = (group.year, frozenset[str](group.modes), group.adjustments)
        suited = self._suited.get(key)
        if suited is None:
            suited = [offer for offer in self.known.problem.offers if _suits(group, offer)]
            suited.sort(key=lambda offer: -offer.seats)
            self._suited[key] = suited
        return suited

    def _reached_offers(self, group: Group) -> list[Offer]:
        """Give the suited offers within reach, in the order of the file."""
        key = (group.school, group.max_travel_km, group.year, group.modes, group.adjustments)
        reached = self._reached.get(key)
        if reached is None:
            suited = {offer.id for offer in self._suited_offers(group)}
            offers = (offer for offer in self.known.problem.offers if offer.id in suited)
            reached = self._reached[key] = [offer for offer in offers if self._reaches(group, offer)]
        return reached

    def _first_empty_filter(self, group: Group) -> StructuralReason | None:
        """Narrow the offers filter by filter, as the format lists them, and tell the first that leaves none."""
        left = list(self.known.problem.offers)
        passing: tuple[tuple[str, Callable[[Offer], bool], Callable[[Group, list[Offer]], dict[str, Any]]], ...] = (
            ("no-offer-for-year", lambda offer: group.year in offer.years, self._year_facts),
            ("mode", lambda offer: offer.mode in group.modes, self._mode_facts),
            ("adjustments", lambda offer: group.adjustments <= offer.adjustments, self._adjustment_facts),
        )
        for code, passes, facts in passing:
            narrowed = [offer for offer in left if passes(offer)]
            if not narrowed:
                return _reason(code, group, left, facts)
            left = narrowed
        reached = self._reached_offers(group)
        if not reached:
            return _reason("out-of-reach", group, left, self._reach_facts)
        meeting = self.offers_for(group)
        if not meeting:
            return _reason("no-common-window", group, reached, self._window_facts)
        if not any(self._has_seats(group, offer) for offer in meeting):
            return _reason("too-large", group, meeting, self._seat_facts)
        return None

    def _year_facts(self, group: Group, left: list[Offer]) -> dict[str, Any]:
        """Nearest: the offer with the year closest to the group's."""
        near = _least(
            (offer for offer in left if offer.years), lambda offer: min(abs(y - group.year) for y in offer.years)
        )
        return {"year": group.year, "nearest": near and {"offer": near.id, "years": sorted(near.years)}}

    def _mode_facts(self, group: Group, left: list[Offer]) -> dict[str, Any]:
        """Nearest: the offer least far away, a virtual one being no distance away."""
        near = _least(left, lambda offer: 0 if offer.mode == "virtual" else self._km(group, offer))
        modes = [mode for mode in MODES if mode in group.modes]
        return {"modes": modes, "nearest": near and {"offer": near.id, "mode": near.mode}}

    def _adjustment_facts(self, group: Group, left: list[Offer]) -> dict[str, Any]:
        """Nearest: the offer that lacks the fewest."""
        near = _least(left, lambda offer: len(group.adjustments - offer.adjustments))
        missing = sorted(group.adjustments - near.adjustments) if near else []
        return {"adjustments": sorted(group.adjustments), "nearest": near and {"offer": near.id, "missing": missing}}

    def _reach_facts(self, group: Group, left: list[Offer]) -> dict[str, Any]:
        """Nearest: the offer with the fewest kilometres too many."""
        near = _least(left, lambda offer: self._km(group, offer) - self._limit_km(group, offer))
        if near is None:
            return {"nearest": None}
        away, limit = self._km(group, near), self._limit_km(group, near)
        return {"nearest": {"offer": near.id, "km": round(away, 3), "limit_km": limit}}

    def _window_facts(self, group: Group, left: list[Offer]) -> dict[str, Any]:
        """Nearest: on a date that both have, the fewest minutes short; without such a date, the fewest days apart."""
        by_offer = self._minutes_short(group)
        short = [(by_offer[offer.id], offer) for offer in left]
        on_one_date = [(minutes, offer) for minutes, offer in short if minutes is not None]
        if on_one_date:
            minutes, near = min(on_one_date, key=lambda pair: pair[0])
            return {"nearest": {"offer": near.id, "minutes_short": minutes}}
        apart = [(self._days_apart(group, offer), offer) for offer in left]
        with_dates = [(days, offer) for days, offer in apart if days is not None]
        if not with_dates:
            return {"nearest": None}
        days, near = min(with_dates, key=lambda pair: pair[0])
        return {"nearest": {"offer": near.id, "days_apart": days}}

    def _seat_facts(self, group: Group, left: list[Offer]) -> dict[str, Any]:
        """Nearest: the offer with the most seats."""
        near = _least(left, lambda offer: -offer.seats)
        return {"size": group.size, "nearest": near and {"offer": near.id, "seats": near.seats}}

    def _km(self, group: Group, offer: Offer) -> float:
        return self.known.km(offer.position, self.known.schools[group.school].position)

    def _limit_km(self, group: Group, offer: Offer) -> float:
        return float(
            self.known.employers[offer.employer].radius_km if offer.mode == "in_school" else group.max_travel_km
        )

    def _reaches(self, group: Group, offer: Offer) -> bool:
        return offer.mode == "virtual" or within_km(self._km(group, offer), self._limit_km(group, offer))

    def _travel(self, group: Group, offer: Offer) -> int:
        if offer.mode != "workplace":
            return 0
        return self.known.travel(offer.position, self.known.schools[group.school].position)

    @staticmethod
    def _has_seats(group: Group, offer: Offer) -> bool:
        return offer.seats >= group.size or group.may_split

    def _can_meet(self, group: Group, offer: Offer) -> bool:
        """Tell whether a session of the offer has a start inside windows of both, journeys included."""
        groups, offers = self._days(group.calendars), self._days(offer.calendars)
        step, travel = self.known.policy.start_step_minutes, self._travel(group, offer)
        return any(
            step_up(max(start, seen_from + travel), step) + offer.duration_minutes <= min(end, seen_to - travel)
            for day in groups.keys() & offers.keys()
            for seen_from, seen_to in groups[day]
            for start, end in offers[day]
        )

    def _minutes_short(self, group: Group) -> dict[str, int | None]:
        """Give, for each offer within reach, how many minutes its best start has too few (0 or less: none).

        None stands for an offer that has no date in common with the group.
        """
        key = (group.school, group.max_travel_km, group.year, group.modes, group.adjustments, group.calendars)
        short = self._short.get(key)
        if short is None:
            offers = self._reached_offers(group)
            short = dict(zip((offer.id for offer in offers), self._reckon_short(group, offers), strict=True))
            self._short[key] = short
        return short

    def _reckon_short(self, group: Group, offers: list[Offer]) -> list[int | None]:
        """Compare all windows of all offers with the group's at once: windows of one date, rank by rank."""
        import numpy as np

        days = self._days(group.calendars)
        spans = [self._spans(offer.calendars) for offer in offers]
        if not days or not spans:
            return [None] * len(offers)
        start, end = np.concatenate(spans).T
        place = np.repeat(np.arange(len(offers)), [len(span) for span in spans])
        dates = np.array(sorted(days), dtype=np.int64)
        at = np.minimum(np.searchsorted(dates, start // MINUTES_A_DAY), len(dates) - 1)
        shared = dates[at] == start // MINUTES_A_DAY
        start, end, place, at = start[shared], end[shared], place[shared], at[shared]
        travel = np.array([self._travel(group, offer) for offer in offers], dtype=np.int64)[place]
        duration = np.array([offer.duration_minutes for offer in offers], dtype=np.int64)[place]
        best = np.full(len(offers), _NEVER, dtype=np.int64)
        for rank in range(max(len(days[int(date)]) for date in dates)):
            seen = [days[int(date)][rank] if rank < len(days[int(date)]) else (_NEVER, -_NEVER) for date in dates]
            seen_from, seen_to = np.array(seen, dtype=np.int64).T
            first = np.maximum(start, seen_from[at] + travel)
            first = _steps_up(first, self.known.policy.start_step_minutes)
            np.minimum.at(best, place, duration - (np.minimum(end, seen_to[at] - travel) - first))
        return [int(minutes) if minutes < _NEVER // 2 else None for minutes in best]

    def _spans(self, calendars: tuple[str, ...]) -> NDArray[np.int64]:
        """Give the windows of some calendars as an array of shape (windows, 2)."""
        import numpy as np

        spans = self._arrays.get(calendars)
        if spans is None:
            windows = [window for day in self._days(calendars).values() for window in day]
            spans = self._arrays[calendars] = np.array(windows, dtype=np.int64).reshape(-1, 2)
        return spans

    def _days_apart(self, group: Group, offer: Offer) -> int | None:
        groups, offers = sorted(self._days(group.calendars)), sorted(self._days(offer.calendars))
        if not groups or not offers:
            return None
        return min(abs(day - other) for day in groups for other in offers)

    def _days(self, calendars: tuple[str, ...]) -> _DayWindows:
        days = self._windows.get(calendars)
        if days is None:
            days = self._windows[calendars] = {}
            for calendar in dict.fromkeys(calendars):
                for window in self.known.problem.calendars[calendar]:
                    days.setdefault(window.start // MINUTES_A_DAY, []).append((window.start, window.end))
        return days


def step_up(minute: Minute, step_minutes: int) -> Minute:
    """Give the first minute from `minute` on at which a session may start: a multiple of the step past the hour."""
    past = minute % 60
    later = -(-past // step_minutes) * step_minutes
    return minute - past + min(later, 60)


def _steps_up(minutes: NDArray[np.int64], step_minutes: int) -> NDArray[np.int64]:
    """Give `step_up` of each minute."""
    import numpy as np

    past = minutes % 60
    return minutes - past + np.minimum(-(-past // step_minutes) * step_minutes, 60)


def _meets(minutes_short: int | None) -> bool:
    return minutes_short is not None and minutes_short <= 0


def _reason(
    code: str, group: Group, left: list[Offer], facts: Callable[[Group, list[Offer]], dict[str, Any]]
) -> StructuralReason:
    return StructuralReason(code, {"offers_left": len(left), **facts(group, left)})


def _suits(group: Group, offer: Offer) -> bool:
    return group.year in offer.years and offer.mode in group.modes and group.adjustments <= offer.adjustments


def _least(offers: Iterable[Offer], measure: Callable[[Offer], float]) -> Offer | None:
    """Give the offer of least measure, the first of the file where several have it."""
    return min(offers, key=measure, default=None)
