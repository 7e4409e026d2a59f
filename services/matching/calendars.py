"""The calendars of a problem: which windows they hold, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.matching.planning.clock import Clock
from services.matching.planning.model import Minute, Window
from services.matching.windows import Windows, from_moment, without
from shared.events.facts import SchoolDescribed
from shared.events.fields import Absence, WindowPair

Stretch = tuple[Minute, Minute]


@dataclass(frozen=True, slots=True)
class GroupTimes:
    """A group's calendars (ids), and all windows in them before anything was cut off for being too soon."""

    calendars: tuple[str, ...]
    windows: Windows


class Calendars:
    """Collects calendars as groups and offers ask for them, so that none is there that nobody uses.

    Nothing before `horizon` is kept (None: all is).
    """

    def __init__(self, clock: Clock, horizon: Minute | None) -> None:
        self._clock = clock
        self._horizon = horizon
        self._kept: dict[str, Windows] = {}
        self._ids: dict[tuple[str, str, int | str | None], str] = {}
        self._of_school: dict[tuple[str, str], Windows] = {}
        self._of_year: dict[tuple[str, str, int], Windows] = {}

    def all(self) -> dict[str, Windows]:
        """Give all calendars by id, in the order of ids."""
        return dict(sorted(self._kept.items()))

    def laid_out(self, pairs: Iterable[WindowPair]) -> Windows:
        """Read windows that a fact has laid out."""
        return tuple(Window(self._clock.minute(start), self._clock.minute(end)) for start, end in pairs)

    def ahead(self, windows: Windows) -> Windows:
        """Leave out what is too soon for new sessions."""
        return windows if self._horizon is None else from_moment(windows, self._horizon)

    def add(self, id_: str, windows: Windows) -> str:
        """Keep a calendar; its id gets a mark where somebody else's has the same one."""
        while id_ in self._kept:
            id_ += "'"
        self._kept[id_] = windows
        return id_

    def of_group(
        self, group: str, year: int, names: Sequence[str], profile: SchoolDescribed, taken: Sequence[Stretch]
    ) -> GroupTimes:
        """Give a group its calendars of its school's profile, without its year's absences and the `taken` stretches.

        Names that the profile does not (or no longer) have are passed over.
        """
        ids, everything = [], set[Window]()
        for name in names:
            if name not in profile.calendars:
                continue
            all_years = self._school_windows(name, profile)
            year_s_own = self._year_windows(name, year, profile)
            own = year_s_own
            for start, end in taken:
                own = without(own, start, end)
            cut: int | str | None = group if own != year_s_own else year if year_s_own != all_years else None
            ids.append(self._named(profile.school, name, cut, own))
            everything.update(own)
        return GroupTimes(tuple(ids), tuple(sorted(everything)))

    def _named(self, school: str, name: str, cut: int | str | None, windows: Windows) -> str:
        key = (school, name, cut)
        if key not in self._ids:
            mark = {int: f"@Y{cut}", str: f"@{cut}"}.get(type(cut), "")
            self._ids[key] = self.add(f"{school}:{name}{mark}", self.ahead(windows))
        return self._ids[key]

    def _school_windows(self, name: str, profile: SchoolDescribed) -> Windows:
        key = (profile.school, name)
        if key not in self._of_school:
            self._of_school[key] = self.laid_out(profile.calendars[name])
        return self._of_school[key]

    def _year_windows(self, name: str, year: int, profile: SchoolDescribed) -> Windows:
        key = (profile.school, name, year)
        if key not in self._of_year:
            windows = self._school_windows(name, profile)
            for absence in profile.absences:
                if year in absence.years:
                    windows = without(windows, *self._stretch(absence))
            self._of_year[key] = windows
        return self._of_year[key]

    def _stretch(self, absence: Absence) -> Stretch:
        return self._clock.minute(f"{absence.start}T00:00"), self._clock.minute(f"{absence.end}T23:59") + 1
