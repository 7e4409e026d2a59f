"""The whole problem as one integer program, given at once to CP-SAT or to HiGHS: what a good modeller does first.

Columns: groups of a class at a vertex (x), a session at one of a vertex's starts (y), a school at a visit (z), students
missing at a school's floor (d). A session starts at the first, the middle or the last start of its vertex, and a vertex
holds one session; groups come whole. So the program is a restriction, and what it gives is a valid plan; its bound says
nothing. It maximises students covered, less ten for each (weighted) student missing at a floor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

from services.matching.planning.geometry import travel_minutes
from services.matching.planning.levels import floor_of, floor_weight
from services.matching.planning.model import Attendance, Offer, Position, Problem, Session
from services.matching.planning.rules.view import Known
from services.matching.planning.vertices import NO_SCHOOL, Classes, Vertices, classes_of, vertices_of

FLOOR_PRICE = 10
THREADS = 2


@dataclass(slots=True)
class Rows:
    """The rows of the program so far, `low <= a x <= high`, as triples."""

    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, columns: list[int], values: list[float], low: float = -np.inf, high: float = np.inf) -> None:
        """Add one row."""
        self.rows.extend([len(self.low)] * len(columns))
        self.columns.extend(columns)
        self.values.extend(values)
        self.low.append(low)
        self.high.append(high)

    def at_most(self, columns: list[int], high: float) -> None:
        """Add a row that counts its columns, unless it can never bind (each column being at most 1)."""
        if len(columns) > high:
            self.add(columns, [1.0] * len(columns), high=high)


@dataclass(frozen=True, slots=True)
class Program:
    """The program, and what its columns mean: `x` and `y` start at these columns."""

    model: model_pb2.ModelProto
    classes: Classes
    vertices: Vertices
    pair_vertex: NDArray[np.int64]
    y: int
    start_vertex: list[int]
    start: list[int]


def cp_sat(problem: Problem, seconds: float) -> tuple[Session, ...]:
    """Solve the whole model with CP-SAT."""
    return _solve(problem, seconds, mathopt.SolverType.CP_SAT, threads=THREADS)


def highs(problem: Problem, seconds: float) -> tuple[Session, ...]:
    """Solve the whole model with HiGHS, whose threads are its own affair: it takes no number of them."""
    return _solve(problem, seconds, mathopt.SolverType.HIGHS, threads=None)


def _solve(problem: Problem, seconds: float, solver: mathopt.SolverType, threads: int | None) -> tuple[Session, ...]:
    stop = monotonic() + seconds
    program = whole_program(problem)
    model = mathopt.Model.from_model_proto(program.model)
    left = stop - monotonic()
    if left <= 0:
        return ()
    parameters = mathopt.SolveParameters(time_limit=timedelta(seconds=left), threads=threads, random_seed=1)
    result = mathopt.solve(model, solver, params=parameters)
    if not result.has_primal_feasible_solution():
        return ()
    values = np.zeros(len(program.model.variables.ids))
    for variable, value in result.variable_values().items():
        values[variable.id] = value
    return _sessions(problem, program, np.rint(values).astype(np.int64))


def whole_program(problem: Problem) -> Program:
    """Write the whole problem down as one integer program."""
    classes = classes_of(problem)
    vertices = vertices_of(problem, classes)
    pair_vertex = np.repeat(np.arange(len(vertices)), np.diff(vertices.ptr))
    seats = np.array([offer.seats for offer in problem.offers], dtype=np.int64)[vertices.offer]
    size = classes.size[vertices.classes]
    most = np.minimum(classes.count[vertices.classes], seats[pair_vertex] // size)
    start_vertex, start = _starts(problem, vertices)
    y = len(size)
    z = y + len(start)
    rows = Rows()
    for number, pairs_of in enumerate(_groups_of(vertices.classes, len(classes))):
        rows.add(pairs_of.tolist(), [1.0] * len(pairs_of), high=int(classes.count[number]))
    of_vertex: dict[int, list[int]] = defaultdict(list)
    for number, vertex in enumerate(start_vertex):
        of_vertex[vertex].append(y + number)
    for vertex in range(len(vertices)):
        pairs = range(int(vertices.ptr[vertex]), int(vertices.ptr[vertex + 1]))
        used = of_vertex[vertex]
        rows.add(
            [*pairs, *used],
            [*size[pairs.start : pairs.stop].astype(float).tolist(), *[-float(seats[vertex])] * len(used)],
            high=0,
        )
        rows.at_most(used, 1)
    _limit_sessions(problem, vertices, start_vertex, y, rows)
    for columns in _presenter_cliques(problem, vertices, start_vertex, start):
        rows.at_most([y + column for column in columns], 1)
    _limit_hosting(problem, vertices, start_vertex, start, y, rows)
    visits = _limit_visits(problem, classes, vertices, of_vertex, most, z, rows)
    floors = _add_floors(problem, classes, vertices, size, z + visits, rows)
    upper = np.concatenate((most, np.ones(len(start) + visits), [high for high, _ in floors]))
    gain = np.concatenate((size, np.zeros(len(start) + visits), [-FLOOR_PRICE * weight for _, weight in floors]))
    return Program(_proto(upper, gain, rows), classes, vertices, pair_vertex, y, start_vertex, start)


def _groups_of(keys: NDArray[np.int64], count: int) -> Iterator[NDArray[np.int64]]:
    """Give for each key from 0 to `count` - 1 the positions at which it stands."""
    order = np.argsort(keys, kind="stable")
    cuts = np.searchsorted(keys[order], np.arange(count + 1))
    return (order[cuts[key] : cuts[key + 1]] for key in range(count))


def _starts(problem: Problem, vertices: Vertices) -> tuple[list[int], list[int]]:
    """Choose the first, the middle and the last start of each vertex; give them as (vertices, starts)."""
    step = problem.policy.start_step_minutes
    owners, starts = [], []
    for vertex, (first, last) in enumerate(zip(vertices.first.tolist(), vertices.last.tolist(), strict=True)):
        for start in sorted({first, last, first + (last - first) // 2 // step * step}):
            if start % 60 % step == 0:
                owners.append(vertex)
                starts.append(start)
    return owners, starts


def _limit_sessions(problem: Problem, vertices: Vertices, start_vertex: list[int], y: int, rows: Rows) -> None:
    """Count the sessions of each offer, of each employer, and of each employer on a date."""
    offers: dict[int, list[int]] = defaultdict(list)
    employers: dict[str, list[int]] = defaultdict(list)
    days: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, vertex in enumerate(start_vertex):
        offer = int(vertices.offer[vertex])
        employer = problem.offers[offer].employer
        offers[offer].append(y + number)
        employers[employer].append(y + number)
        days[employer, int(vertices.day[vertex])].append(y + number)
    for number, columns in offers.items():
        rows.at_most(columns, problem.offers[number].max_sessions)
    for each in problem.employers:
        if each.max_sessions is not None:
            rows.at_most(employers[each.id], each.max_sessions)
    limits = {each.id: each.max_sessions_per_day for each in problem.employers}
    for (employer, _), columns in days.items():
        limit = limits[employer]
        if limit is not None:
            rows.at_most(columns, limit)


def _place(problem: Problem, offer: Offer, school: int) -> Position | None:
    if offer.mode == "in_school":
        return problem.schools[school].position
    return offer.position if offer.mode == "workplace" else None


def _presenter_cliques(
    problem: Problem, vertices: Vertices, start_vertex: list[int], start: list[int]
) -> Iterator[list[int]]:
    """Cover all pairs of sessions that one presenter cannot both give, journeys included, with cliques."""
    dates: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, vertex in enumerate(start_vertex):
        presenter = problem.offers[int(vertices.offer[vertex])].presenter
        dates[presenter, int(vertices.day[vertex])].append(number)
    for numbers in dates.values():
        offers = [problem.offers[int(vertices.offer[start_vertex[number]])] for number in numbers]
        places = [
            _place(problem, offer, int(vertices.school[start_vertex[number]]))
            for offer, number in zip(offers, numbers, strict=True)
        ]
        begin = np.array([start[number] for number in numbers])
        end = begin + np.array([offer.duration_minutes for offer in offers])
        apart = _journeys(problem, places)
        clash = (begin[:, None] < end[None, :] + apart) & (begin[None, :] < end[:, None] + apart)
        np.fill_diagonal(clash, val=False)
        for clique in _clique_cover(clash):
            yield [numbers[member] for member in clique]


def _journeys(problem: Problem, places: list[Position | None]) -> NDArray[np.int64]:
    known = sorted({place for place in places if place is not None})
    table = np.zeros((len(known) + 1, len(known) + 1), dtype=np.int64)
    for one, a in enumerate(known):
        for other, b in enumerate(known):
            table[one, other] = travel_minutes(problem.policy, a, b)
    at = np.array([len(known) if place is None else known.index(place) for place in places])
    return np.asarray(table[at][:, at])


def _clique_cover(clash: NDArray[np.bool_]) -> Iterator[list[int]]:
    """Grow cliques greedily from pairs that are not covered yet."""
    left = np.triu(clash)
    while left.any():
        one, other = divmod(int(left.argmax()), len(left))
        clique = [one, other]
        common = clash[one] & clash[other]
        while common.any():
            member = int(common.argmax())
            clique.append(member)
            common &= clash[member]
        left[np.ix_(clique, clique)] = False
        yield clique


def _limit_hosting(
    problem: Problem, vertices: Vertices, start_vertex: list[int], start: list[int], y: int, rows: Rows
) -> None:
    """Let no school host more sessions at one time than it can; sessions are busiest when one begins."""
    hosted: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, vertex in enumerate(start_vertex):
        if vertices.school[vertex] != NO_SCHOOL:
            hosted[int(vertices.school[vertex]), int(vertices.day[vertex])].append(number)
    for (school, _), numbers in hosted.items():
        begin = np.array([start[number] for number in numbers])
        lengths = [problem.offers[int(vertices.offer[start_vertex[number]])].duration_minutes for number in numbers]
        end = begin + np.array(lengths)
        for at in np.unique(begin):
            running = np.flatnonzero((begin <= at) & (at < end))
            rows.at_most([y + numbers[member] for member in running], problem.schools[school].hosting_limit)


def _limit_visits(
    problem: Problem,
    classes: Classes,
    vertices: Vertices,
    of_vertex: dict[int, list[int]],
    most: NDArray[np.int64],
    z: int,
    rows: Rows,
) -> int:
    """Count the schools at a visit (or a call with a limit); give how many columns that took."""
    used = 0
    for vertex in range(len(vertices)):
        offer = problem.offers[int(vertices.offer[vertex])]
        if offer.mode == "in_school" or offer.max_schools is None:
            continue
        column_of: dict[int, int] = {}
        for pair in range(int(vertices.ptr[vertex]), int(vertices.ptr[vertex + 1])):
            school = int(classes.school[vertices.classes[pair]])
            if school not in column_of:
                column_of[school] = z + used
                used += 1
            rows.add([pair, column_of[school]], [1.0, -float(most[pair])], high=0)
        sessions = of_vertex[vertex]
        rows.add(
            [*column_of.values(), *sessions],
            [1.0] * len(column_of) + [-float(offer.max_schools)] * len(sessions),
            high=0,
        )
    return used


def _add_floors(
    problem: Problem, classes: Classes, vertices: Vertices, size: NDArray[np.int64], first: int, rows: Rows
) -> list[tuple[int, float]]:
    """Reckon what is missing at each school's floor; give each new column's upper limit and weight."""
    known = Known(problem)
    floors = []
    pairs_of = list(_groups_of(classes.school[vertices.classes], len(problem.schools)))
    for number, school in enumerate(problem.schools):
        pairs, floor = pairs_of[number], floor_of(known, school)
        rows.add([*pairs.tolist(), first + number], [*size[pairs].astype(float).tolist(), 1.0], low=floor)
        floors.append((floor, float(floor_weight(known, school))))
    return floors


def _proto(upper: NDArray[np.float64], gain: NDArray[np.float64], rows: Rows) -> model_pb2.ModelProto:
    proto = model_pb2.ModelProto()
    proto.variables.ids.extend(range(len(upper)))
    proto.variables.lower_bounds.extend([0.0] * len(upper))
    proto.variables.upper_bounds.extend(upper.astype(float).tolist())
    proto.variables.integers.extend([True] * len(upper))
    proto.objective.maximize = True
    priced = np.flatnonzero(gain)
    proto.objective.linear_coefficients.ids.extend(priced.tolist())
    proto.objective.linear_coefficients.values.extend(gain[priced].astype(float).tolist())
    proto.linear_constraints.ids.extend(range(len(rows.low)))
    proto.linear_constraints.lower_bounds.extend(rows.low)
    proto.linear_constraints.upper_bounds.extend(rows.high)
    order = np.lexsort((rows.columns, rows.rows))
    proto.linear_constraint_matrix.row_ids.extend(np.array(rows.rows)[order].tolist())
    proto.linear_constraint_matrix.column_ids.extend(np.array(rows.columns)[order].tolist())
    proto.linear_constraint_matrix.coefficients.extend(np.array(rows.values)[order].tolist())
    return proto


def _sessions(problem: Problem, program: Program, values: NDArray[np.int64]) -> tuple[Session, ...]:
    """Read the sessions off a solution: the groups of a class are handed out in their order."""
    vertices, classes = program.vertices, program.classes
    waiting = [list(members) for members in classes.members]
    sessions = []
    for number, (vertex, start) in enumerate(zip(program.start_vertex, program.start, strict=True)):
        if not values[program.y + number]:
            continue
        groups = [
            waiting[vertices.classes[pair]].pop()
            for pair in range(int(vertices.ptr[vertex]), int(vertices.ptr[vertex + 1]))
            for _ in range(int(values[pair]))
        ]
        school = int(vertices.school[vertex])
        if groups:
            sessions.append(
                Session(
                    id=f"S{number:06d}",
                    offer=problem.offers[int(vertices.offer[vertex])].id,
                    start=start,
                    school=None if school == NO_SCHOOL else problem.schools[school].id,
                    attendances=tuple(Attendance(problem.groups[g].id, problem.groups[g].size) for g in groups),
                )
            )
    return tuple(sessions)
