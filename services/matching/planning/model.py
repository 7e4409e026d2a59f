"""The words of a planning problem and of a timetable, as plain frozen records.

The two file formats are defined in `schemas/`; reading and writing them is `reading.py` and `writing.py`.
Units: a `Minute` is a whole number of wall-clock minutes since 1970-01-01T00:00 in the hub's own zone (no offset, no
daylight saving: the format forbids the hours for which that would matter). `minute // 1440` is the date.
Seats, sizes and `students` are whole students. Positions are (latitude, longitude) in degrees, WGS 84.
Shares, weights and points are `Decimal`, as written in the file, so that 0.07 x 100 students is exactly 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

Minute = int
Position = tuple[float, float]
Mode = Literal["in_school", "workplace", "virtual"]
MODES: tuple[Mode, ...] = ("in_school", "workplace", "virtual")
MINUTES_A_DAY = 1440


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of wall-clock time `[start, end)` within one date."""

    start: Minute
    end: Minute


@dataclass(frozen=True, slots=True)
class Hub:
    """The careers hub that a problem is about."""

    id: str
    name: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Points:
    """What one student's attendance is worth to the preference level, by what it brings."""

    asked: Decimal = Decimal(3)
    new_sector: Decimal = Decimal(2)
    stem: Decimal = Decimal(3)
    in_person: Decimal = Decimal(2)
    meaningful: Decimal = Decimal(4)


@dataclass(frozen=True, slots=True)
class Policy:
    """A hub's policy; every field has the format's default."""

    start_step_minutes: int = 5
    transfer_minutes: int = 10
    road_factor: Decimal = Decimal("1.3")
    speed_kmh: Decimal = Decimal(40)
    max_travel_km: Decimal = Decimal(25)
    floor_share: Decimal = Decimal("0.5")
    floor_weight_special: Decimal = Decimal(2)
    floor_weight_disadvantaged: Decimal = Decimal(2)
    disadvantaged_from: Decimal = Decimal("0.35")
    stem_sectors: tuple[str, ...] = ("C", "D", "F", "J", "M")
    points: Points = field(default_factory=Points)
    min_part: int = 5
    repair: bool = False
    move_price: Decimal = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class School:
    """A school, its position, and how many in-school sessions it can host at one time."""

    id: str
    name: str
    position: Position
    hosting_limit: int
    fsm_share: Decimal = Decimal(0)
    special: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Students of one school and year group who attend together."""

    id: str
    school: str
    year: int
    size: int
    calendars: tuple[str, ...]
    needed: int = 1
    sectors_asked: frozenset[str] = frozenset()
    sectors_met: frozenset[str] = frozenset()
    stem_needed: bool = False
    modes: frozenset[Mode] = frozenset(MODES)
    adjustments: frozenset[str] = frozenset()
    max_travel_km: Decimal = Decimal(25)
    may_split: bool = False


@dataclass(frozen=True, slots=True)
class Employer:
    """An employer; `stem` is already resolved from `policy.stem_sectors` when the file left it out."""

    id: str
    name: str
    position: Position
    sectors: frozenset[str]
    radius_km: Decimal
    stem: bool
    max_sessions_per_day: int | None = None
    max_sessions: int | None = None


@dataclass(frozen=True, slots=True)
class Meaningful:
    """The four tests of a meaningful encounter (Gatsby benchmarks as updated, September 2025)."""

    purpose: bool = False
    outcomes: bool = False
    interaction: bool = False
    reflection: bool = False

    def all_hold(self) -> bool:
        """Tell whether all four tests hold."""
        return self.purpose and self.outcomes and self.interaction and self.reflection


@dataclass(frozen=True, slots=True)
class Offer:
    """Sessions that an employer is ready to give; defaults that depend on the employer or the mode are resolved.

    `max_schools` is None where a session may take any number of schools. `presenter` is never empty.
    """

    id: str
    employer: str
    mode: Mode
    calendars: tuple[str, ...]
    duration_minutes: int
    max_sessions: int
    seats: int
    years: frozenset[int]
    max_schools: int | None
    position: Position
    presenter: str
    adjustments: frozenset[str] = frozenset()
    meaningful: Meaningful = field(default_factory=Meaningful)


@dataclass(frozen=True, slots=True)
class Pledge:
    """A Cornerstone Employer's promise of so many student encounters this year, some schools first."""

    employer: str
    students: int
    schools_first: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Pin:
    """An attendance that must be in the plan, with exactly these students; `school` only for in_school."""

    offer: str
    start: Minute
    school: str | None
    group: str
    students: int


@dataclass(frozen=True, slots=True)
class Forbidden:
    """An offer that must not meet a school, or a group; exactly one of the two is set."""

    offer: str
    school: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Attendance:
    """So many students of a group at a session."""

    group: str
    students: int


@dataclass(frozen=True, slots=True)
class Session:
    """One session of an offer; `school` is set for in-school sessions only."""

    id: str
    offer: str
    start: Minute
    school: str | None
    attendances: tuple[Attendance, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A planning problem, valid by construction: `reading.read_problem` refuses all else."""

    hub: Hub
    academic_year: str
    policy: Policy
    calendars: dict[str, tuple[Window, ...]]
    schools: tuple[School, ...]
    groups: tuple[Group, ...]
    employers: tuple[Employer, ...]
    offers: tuple[Offer, ...]
    pledges: tuple[Pledge, ...] = ()
    pinned: tuple[Pin, ...] = ()
    forbidden: tuple[Forbidden, ...] = ()
    in_force: tuple[Session, ...] | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """What one level reached, and a bound for timetables that keep the levels before it (None: none known)."""

    name: str
    value: Decimal
    bound: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """How good the plan is: no timetable that keeps the hard rules covers more than `bound` students."""

    covered: int
    bound: int
    gap: float
    method: str
    certificate: dict[str, Any] | None = None

    @property
    def certified_bound(self) -> int | None:
        """The bound that anyone can recount: the one beside it where it comes from a search (None where none is), else itself."""
        if self.method != "search":
            return self.bound
        beside = (self.certificate or {}).get("bound")
        return beside if isinstance(beside, int) and not isinstance(beside, bool) else None


@dataclass(frozen=True, slots=True)
class Unmet:
    """A group not fully covered, and why: a reason code, facts that can be counted, and the groups it competes with."""

    group: str
    students: int
    code: str
    facts: dict[str, Any]
    with_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something a person could be asked for: a patch of the problem, and sessions that prove what it gains."""

    text: str
    kind: str
    cost_minutes: int
    patch: list[dict[str, Any]]
    would_cover: int
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Timetable:
    """A plan with its levels, proof, explanations and remedies; `stats` is as in the format."""

    problem_sha256: str
    sessions: tuple[Session, ...]
    levels: tuple[Level, ...]
    proof: Proof
    unmet: tuple[Unmet, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    stats: dict[str, Any] = field(default_factory=dict)
