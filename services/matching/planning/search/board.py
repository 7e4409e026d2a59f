"""The board: a problem as arrays, with every vertex at which a session could be held.

Everything here is fixed while the search runs; what changes is in `state.py`. Levels are reckoned in whole numbers:
weights of floors and points of preferences are multiplied by `floor_scale` and `point_scale`, so that no rounding can
ever decide between two plans.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, lcm
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.geometry import KM_TOLERANCE, km_table, travel_minutes_table
from services.matching.planning.model import Problem
from services.matching.planning.search.rows import Numbers
from services.matching.planning.search.vertices import starts_of_windows, vertices_of_offer

Ints = NDArray[np.int64]
NO_LIMIT = 1 << 40
IN_SCHOOL, WORKPLACE, VIRTUAL = 0, 1, 2
MODE_NUMBERS = {"in_school": IN_SCHOOL, "workplace": WORKPLACE, "virtual": VIRTUAL}
MINUTES_A_DAY = 1440


class Board(NamedTuple):
    """A problem as arrays. `x_first` arrays are offsets: the entries of row i are `x_first[i]` to `x_first[i + 1]`."""

    o_duration: Ints
    o_seats: Ints
    o_mode: Ints
    o_schools: Ints  # most schools a session, NO_LIMIT where there is none
    o_employer: Ints
    o_presenter: Ints
    o_position: Ints
    o_meaningful: Ints
    o_slot: Ints  # offsets: a slot is one of the offer's `max_sessions`
    slot_offer: Ints
    slot_first: Ints  # offsets of each slot's room for attendances
    e_sectors: Ints  # a bit a section
    e_stem: Ints
    e_most: Ints
    e_most_a_day: Ints
    e_pledge_first: Ints
    e_pledge: Ints
    p_students: Ints
    p_schools: Ints  # (pledge, school): 1 where the school comes first
    s_hosting: Ints
    s_position: Ints
    s_floor: Ints
    s_weight: Ints  # scaled
    g_school: Ints
    g_size: Ints
    g_needed: Ints
    g_split: Ints
    g_asked: Ints
    g_met: Ints
    g_stem: Ints
    g_class: Ints  # groups of one class are interchangeable for all hard rules and for coverage
    g_first: Ints  # offsets of each group's room for attendances
    g_scarce: Any  # float64: how much a search prefers the group where it has the choice; prices of a bound say so
    told_first: Ints  # offsets into the four columns of what people have been told, by group
    told_offer: Ints
    told_start: Ints
    told_school: Ints
    told_students: Ints
    travel: Any  # int32, (position, position), minutes
    v_offer: Ints
    v_school: Ints  # -1: no school of its own
    v_date: Ints  # counted from `first_date`
    vs_first: Ints
    v_start: Ints
    vg_first: Ints
    v_group: Any  # int32
    ov_first: Ints
    gv_first: Ints
    g_vertex: Any  # int32
    points: Ints  # asked, new_sector, stem, in_person, meaningful; scaled
    scalars: Ints  # min_part, dates, presenters, told students in all, first_date, floor_scale, point_scale


MOST_SCALED = 2**52
MIN_PART, DATES, PRESENTERS, TOLD, FIRST_DATE, FLOOR_SCALE, POINT_SCALE = range(7)


def _ints(values: Any) -> Ints:
    return np.array(list(values), dtype=np.int64)


def _offsets(lengths: Any) -> Ints:
    return np.concatenate(([0], np.cumsum(_ints(lengths)))).astype(np.int64)


def _scale_of(numbers: list[Decimal], problem: Problem) -> int:
    """Find the least whole number that makes all of these decimals whole; where sums could not bear it, a power of ten that they do.

    The search then goes by rounded numbers, such that a bound stays true; the checker reckons by those that were written.
    """
    exact = lcm(*(Fraction(number).denominator for number in numbers), 1)
    students = sum(group.size * group.needed for group in problem.groups)
    most = MOST_SCALED // max(1, ceil(max(numbers, default=Decimal(0))) * students)
    return exact if exact <= most else 10 ** max(0, len(str(most)) - 1)


def _bits(sections: Any) -> int:
    return sum(1 << (ord(section) - ord("A")) for section in sections)


class _Reach:
    """Which groups an offer may ever meet, whatever the time: one row of groups for each offer."""

    def __init__(self, problem: Problem, numbers: Numbers) -> None:
        groups = problem.groups
        self.school = _ints(numbers.schools[g.school] for g in groups)
        self.size = _ints(g.size for g in groups)
        self.split = np.array([g.may_split for g in groups], dtype=bool)
        self.years = _ints(1 << g.year for g in groups)
        self.modes = _ints(sum(1 << MODE_NUMBERS[m] for m in g.modes) for g in groups)
        self.travel_km = np.array([float(g.max_travel_km) for g in groups])
        kinds = {needs: i for i, needs in enumerate(dict.fromkeys(g.adjustments for g in groups))}
        self.needs = list(kinds)
        self.kind = _ints(kinds[g.adjustments] for g in groups)
        self.hosts = np.array([s.hosting_limit > 0 for s in problem.schools], dtype=bool)
        self.min_part = problem.policy.min_part
        self.radius = {e.id: float(e.radius_km) for e in problem.employers}
        self.forbidden: dict[str, list[tuple[int, int]]] = {}
        for rule in problem.forbidden:
            row = (numbers.schools.get(rule.school or "", -1), numbers.groups.get(rule.group or "", -1))
            self.forbidden.setdefault(rule.offer, []).append(row)

    def of(self, offer: Any, distance: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell for each group whether the offer may ever meet it; `distance` in km from the offer to each school."""
        able: NDArray[np.bool_] = (self.years & sum(1 << year for year in offer.years)) != 0
        able &= (self.modes >> MODE_NUMBERS[offer.mode] & 1) == 1
        fits = np.array([needs <= offer.adjustments for needs in self.needs], dtype=bool)
        able &= fits[self.kind] if len(fits) else False
        able &= (self.size <= offer.seats) | (self.split & (offer.seats >= self.min_part))
        if offer.mode == "in_school":
            able &= ((distance <= self.radius[offer.employer] + KM_TOLERANCE) & self.hosts)[self.school]
        elif offer.mode == "workplace":
            able &= distance[self.school] <= self.travel_km + KM_TOLERANCE
        for school, group in self.forbidden.get(offer.id, ()):
            if school >= 0:
                able &= self.school != school
            if group >= 0:
                able[group] = False
        return able


class _Windows:
    """The windows of each distinct set of calendars, laid end to end and sorted."""

    def __init__(self, problem: Problem) -> None:
        sets = dict.fromkeys(g.calendars for g in problem.groups)
        rows = [self.of(problem, calendars) for calendars in sets]
        self.rows = np.concatenate([*rows, np.zeros((0, 2), np.int64)])
        self.first = _offsets(len(row) for row in rows)
        number = {calendars: i for i, calendars in enumerate(sets)}
        self.of_group = _ints(number[g.calendars] for g in problem.groups)

    @staticmethod
    def of(problem: Problem, calendars: tuple[str, ...]) -> Ints:
        found = sorted({(w.start, w.end) for name in calendars for w in problem.calendars[name]})
        return np.array(found, dtype=np.int64).reshape(-1, 2)


def _vertices(
    problem: Problem, numbers: Numbers, position: Ints, s_position: Ints, travel: Any, km: Any
) -> dict[str, Any]:
    """Build all vertices, offer by offer."""
    reach, windows = _Reach(problem, numbers), _Windows(problem)
    by_site = np.lexsort((windows.of_group, reach.school))
    generator = np.random.default_rng(20260901)
    parts: list[tuple[Ints, ...]] = []
    count = 0
    for o, offer in enumerate(problem.offers):
        able = reach.of(offer, km[position[o]])
        groups = by_site[able[by_site]]
        starts = starts_of_windows(
            _Windows.of(problem, offer.calendars), offer.duration_minutes, problem.policy.start_step_minutes
        )
        if not len(groups) or not len(starts):
            continue
        school, calendar = reach.school[groups], windows.of_group[groups]
        new_key = np.concatenate(([True], (school[1:] != school[:-1]) | (calendar[1:] != calendar[:-1])))
        key_first = np.append(np.flatnonzero(new_key), len(groups)).astype(np.int64)
        key_school, key_calendar = school[key_first[:-1]], calendar[key_first[:-1]]
        sites = np.array([0, len(key_school)], dtype=np.int64)
        margin = np.zeros(len(key_school), np.int64)
        if offer.mode == "in_school":
            turns = np.flatnonzero(key_school[1:] != key_school[:-1]) + 1
            sites = np.concatenate(([0], turns, [len(key_school)])).astype(np.int64)
        elif offer.mode == "workplace":
            margin = travel[position[o], s_position[key_school]].astype(np.int64)
        stamps = generator.integers(1, 1 << 62, len(key_school), dtype=np.uint64)
        site, pair_vertex, start, able_vertex, able_key = vertices_of_offer(
            starts, offer.duration_minutes, windows.rows, windows.first, key_calendar, margin, stamps, sites
        )
        host = key_school[sites[:-1]][site] if offer.mode == "in_school" else np.full(len(site), -1, np.int64)
        lengths = (key_first[1:] - key_first[:-1])[able_key]
        member = np.repeat(key_first[able_key] - _offsets(lengths)[:-1], lengths) + np.arange(lengths.sum())
        parts.append(
            (
                np.full(len(site), o),
                host,
                pair_vertex + count,
                start,
                np.repeat(able_vertex + count, lengths),
                groups[member],
            )
        )
        count += len(site)
    columns = [np.concatenate([part[i] for part in parts]) if parts else np.zeros(0, np.int64) for i in range(6)]
    return _laid_out(columns, count, len(problem.offers), len(problem.groups))


def _laid_out(columns: list[Ints], count: int, offers: int, groups: int) -> dict[str, Any]:
    """Lay the pairs out by vertex, and the vertices by group."""
    v_offer, v_school, start_vertex, start, group_vertex, group = columns
    order = np.argsort(start_vertex, kind="stable")
    vs_first = _offsets(np.bincount(start_vertex, minlength=count))
    v_start = start[order]
    by_vertex = np.argsort(group_vertex * groups + group, kind="stable")
    by_group = np.argsort(group * count + group_vertex, kind="stable")
    first_date = int(v_start.min() // MINUTES_A_DAY) if count else 0
    return {
        "v_offer": v_offer.astype(np.int64),
        "v_school": v_school.astype(np.int64),
        "v_date": (v_start[vs_first[:-1]] // MINUTES_A_DAY if count else v_start) - first_date,
        "vs_first": vs_first,
        "v_start": v_start,
        "vg_first": _offsets(np.bincount(group_vertex, minlength=count)),
        "v_group": group[by_vertex].astype(np.int32),
        "ov_first": _offsets(np.bincount(v_offer.astype(np.int64), minlength=offers)),
        "gv_first": _offsets(np.bincount(group, minlength=groups)),
        "g_vertex": group_vertex[by_group].astype(np.int32),
        "first_date": first_date,
        "dates": int(v_start.max() // MINUTES_A_DAY) - first_date + 1 if count else 1,
    }


def _offers(problem: Problem, numbers: Numbers, found: dict[str, Any]) -> dict[str, Any]:
    offers = problem.offers
    least = np.full(len(offers), 1 << 30, np.int64)
    reached = np.zeros(len(offers), np.int64)
    sizes = _ints(g.size for g in problem.groups)
    split = _ints(g.may_split for g in problem.groups)
    for o in range(len(offers)):
        a, b = found["ov_first"][o], found["ov_first"][o + 1]
        groups = found["v_group"][found["vg_first"][a] : found["vg_first"][b]]
        if len(groups):
            part = (split[groups] == 1) & (sizes[groups] > offers[o].seats)
            least[o] = np.where(part, np.minimum(problem.policy.min_part, sizes[groups]), sizes[groups]).min()
            reached[o] = len(np.unique(groups))
    room = np.minimum(reached, _ints(o.seats for o in offers) // np.maximum(least, 1))
    sessions = np.minimum(_ints(o.max_sessions for o in offers), np.diff(found["vs_first"][found["ov_first"]]))
    slot_offer = np.repeat(np.arange(len(offers)), sessions)
    return {
        "o_duration": _ints(o.duration_minutes for o in offers),
        "o_seats": _ints(o.seats for o in offers),
        "o_mode": _ints(MODE_NUMBERS[o.mode] for o in offers),
        "o_schools": _ints(NO_LIMIT if o.max_schools is None else o.max_schools for o in offers),
        "o_employer": _ints(numbers.employers[o.employer] for o in offers),
        "o_presenter": _ints(numbers.presenters[o.presenter] for o in offers),
        "o_meaningful": _ints(o.meaningful.all_hold() for o in offers),
        "o_slot": _offsets(sessions),
        "slot_offer": slot_offer.astype(np.int64),
        "slot_first": _offsets(room[slot_offer]),
    }


def _schools(problem: Problem, numbers: Numbers) -> tuple[dict[str, Any], int]:
    policy = problem.policy
    weights = []
    for school in problem.schools:
        weight = Decimal(1)
        weight *= policy.floor_weight_special if school.special else 1
        weight *= policy.floor_weight_disadvantaged if school.fsm_share >= policy.disadvantaged_from else 1
        weights.append(weight)
    students = np.zeros(len(problem.schools), np.int64)
    for group in problem.groups:
        students[numbers.schools[group.school]] += group.size
    scale = _scale_of(weights, problem)
    columns = {
        "s_hosting": _ints(s.hosting_limit for s in problem.schools),
        "s_floor": _ints(ceil(Fraction(policy.floor_share) * int(n)) for n in students),
        "s_weight": _ints(min(int(Fraction(weight) * scale), MOST_SCALED) for weight in weights),
    }
    return columns, scale


def _groups(problem: Problem, numbers: Numbers) -> dict[str, Any]:
    groups, least = problem.groups, max(1, problem.policy.min_part)
    return {
        "g_school": _ints(numbers.schools[g.school] for g in groups),
        "g_size": _ints(g.size for g in groups),
        "g_needed": _ints(g.needed for g in groups),
        "g_split": _ints(g.may_split for g in groups),
        "g_asked": _ints(_bits(g.sectors_asked) for g in groups),
        "g_met": _ints(_bits(g.sectors_met) for g in groups),
        "g_stem": _ints(g.stem_needed for g in groups),
        "g_class": _classes(problem),
        "g_scarce": np.ones(len(groups)),
        "g_first": _offsets(max(g.needed, g.size // least if g.may_split else 0) for g in groups),
    }


def _classes(problem: Problem) -> Ints:
    barred: dict[str, list[str]] = {}
    for rule in problem.forbidden:
        if rule.group is not None:
            barred.setdefault(rule.group, []).append(rule.offer)
    classes: dict[Any, int] = {}
    numbers = []
    for g in problem.groups:
        kind = (g.school, g.size, g.year, g.calendars, g.modes, g.adjustments, g.max_travel_km, g.may_split, g.needed)
        numbers.append(classes.setdefault((*kind, tuple(sorted(barred.get(g.id, ())))), len(classes)))
    return _ints(numbers)


def _told(problem: Problem, numbers: Numbers) -> tuple[dict[str, Any], int]:
    """List what people have been told, by group; what names something that no longer exists can't be kept and counts in the total only."""
    rows: list[list[tuple[int, int, int, int]]] = [[] for _ in problem.groups]
    total = 0
    for session in problem.in_force or ():
        for attendance in session.attendances:
            total += attendance.students
            group, offer = numbers.groups.get(attendance.group), numbers.offers.get(session.offer)
            school = -1 if session.school is None else numbers.schools.get(session.school, -2)
            if group is not None and offer is not None and school != -2:
                rows[group].append((offer, session.start, school, attendance.students))
    flat = np.array([row for group in rows for row in group], dtype=np.int64).reshape(-1, 4)
    columns = {f"told_{name}": flat[:, i].copy() for i, name in enumerate(("offer", "start", "school", "students"))}
    return {"told_first": _offsets(len(row) for row in rows), **columns}, total


def _employers(problem: Problem, numbers: Numbers) -> dict[str, Any]:
    employers = problem.employers
    pledges: list[list[int]] = [[] for _ in employers]
    first = np.zeros((len(problem.pledges), len(problem.schools)), np.int64)
    for p, pledge in enumerate(problem.pledges):
        pledges[numbers.employers[pledge.employer]].append(p)
        first[p, [numbers.schools[school] for school in pledge.schools_first]] = 1
    return {
        "e_sectors": _ints(_bits(e.sectors) for e in employers),
        "e_stem": _ints(e.stem for e in employers),
        "e_most": _ints(NO_LIMIT if e.max_sessions is None else e.max_sessions for e in employers),
        "e_most_a_day": _ints(
            NO_LIMIT if e.max_sessions_per_day is None else e.max_sessions_per_day for e in employers
        ),
        "e_pledge_first": _offsets(len(row) for row in pledges),
        "e_pledge": _ints(p for row in pledges for p in row),
        "p_students": _ints(p.students for p in problem.pledges),
        "p_schools": first,
    }


def _distances(problem: Problem, points: NDArray[np.float64], schools: int) -> tuple[Any, NDArray[np.float64]]:
    """Journeys in minutes between all places, and km from all places to each school; in blocks, to keep memory low."""
    hosts = np.array([s.position for s in problem.schools], dtype=np.float64).reshape(-1, 2)
    travel, km = np.zeros((len(points), len(points)), np.int32), np.zeros((len(points), schools))
    for row in range(0, len(points), 128):
        block = points[row : row + 128]
        travel[row : row + 128] = travel_minutes_table(problem.policy, block, points)
        km[row : row + 128] = km_table(block, hosts)
    return travel, km


def build_board(problem: Problem) -> Board:
    """Lay a problem out as arrays, with all its vertices; well under two seconds for a county."""
    numbers = Numbers(problem)
    places = [s.position for s in problem.schools] + [o.position for o in problem.offers]
    distinct = {place: i for i, place in enumerate(dict.fromkeys(places))}
    points = np.array(list(distinct), dtype=np.float64).reshape(-1, 2)
    travel, km = _distances(problem, points, len(problem.schools))
    s_position = _ints(distinct[s.position] for s in problem.schools)
    o_position = _ints(distinct[o.position] for o in problem.offers)
    found = _vertices(problem, numbers, o_position, s_position, travel, km)
    worth = problem.policy.points
    decimals = [worth.asked, worth.new_sector, worth.stem, worth.in_person, worth.meaningful]
    point_scale = _scale_of(decimals, problem)
    schools, floor_scale = _schools(problem, numbers)
    told, total_told = _told(problem, numbers)
    scalars = (
        problem.policy.min_part, found.pop("dates"), len(numbers.presenters), total_told, found.pop("first_date"), floor_scale, point_scale
    )  # fmt: skip
    return Board(
        **_offers(problem, numbers, found),
        **_employers(problem, numbers),
        **schools,
        **_groups(problem, numbers),
        **told,
        **found,
        o_position=o_position,
        s_position=s_position,
        travel=travel,
        points=_ints(min(ceil(Fraction(number) * point_scale), MOST_SCALED) for number in decimals),
        scalars=_ints(scalars),
    )
