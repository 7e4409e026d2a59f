"""The whole model of a small hub in CP-SAT: every level in order, each proven or with a true bound.

Variables: `held` for each item (a vertex at one start); how many groups of each *kind* attend an item; for groups that
may come in parts, whether and with how many students. A kind is a set of groups that no rule and no level tells apart and
that need one encounter; all other groups are kinds of their own. Rows over items are those of the neighbourhoods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from services.matching.planning.model import Problem
from services.matching.planning.search.board import (
    FLOOR_SCALE,
    IN_SCHOOL,
    MIN_PART,
    MINUTES_A_DAY,
    NO_LIMIT,
    POINT_SCALE,
    TOLD,
    WORKPLACE,
    Board,
)
from services.matching.planning.search.conflicts import rows_over_items
from services.matching.planning.search.rows import COLUMNS, Rows
from services.matching.planning.search.state import empty_state, points_of, told_students

MOST_CHOICES = 12_000
"""Attendances that a model may choose among; beyond, it is not worth building whole."""


@dataclass(frozen=True)
class Kinds:
    """Groups by kind: the members of each, and each group's kind."""

    members: list[list[int]]
    of_group: list[int]

    @classmethod
    def of(cls, problem: Problem, board: Board) -> Kinds:
        """Put together what no rule and no level tells apart."""
        pinned = {pin.group for pin in problem.pinned}
        numbers: dict[Any, int] = {}
        members: list[list[int]] = []
        of_group = []
        for g, group in enumerate(problem.groups):
            alone = (
                group.needed > 1
                or group.may_split
                or group.id in pinned
                or board.told_first[g + 1] > board.told_first[g]
            )
            shape = (int(board.g_class[g]), group.sectors_asked, group.sectors_met, group.stem_needed)
            number = numbers.setdefault(g if alone else shape, len(members))
            if number == len(members):
                members.append([])
            members[number].append(g)
            of_group.append(number)
        return cls(members, of_group)


def choices_of(board: Board) -> int:
    """Count the attendances that a whole model would choose among."""
    return int((np.diff(board.vs_first) * np.diff(board.vg_first)).sum())


class WholeModel:
    """The model of one problem; `levels` are its objectives by name."""

    def __init__(self, problem: Problem, board: Board, pins: Rows) -> None:
        self.problem, self.board = problem, board
        self.kinds = Kinds.of(problem, board)
        self.model = cp_model.CpModel()
        self.item_vertex = np.repeat(np.arange(len(board.v_offer)), np.diff(board.vs_first))
        self.item_start = board.v_start
        self.held = [self.model.new_bool_var("") for _ in self.item_vertex]
        self.whole: dict[tuple[int, int], Any] = {}
        self.part: dict[tuple[int, int], Any] = {}
        self.visits: dict[tuple[int, int], Any] = {}
        self._by_kind: dict[int, list[int]] = defaultdict(list)
        self._split: dict[int, Any] = {}
        self._limit_items()
        for item in range(len(self.held)):
            self._seat(item)
        for kind in range(len(self.kinds.members)):
            self._limit_kind(kind)
        self._pin(pins)
        self.covered = [self._covered(kind) for kind in range(len(self.kinds.members))]
        self.levels = self._levels()

    def _limit_items(self) -> None:
        """Add the rows over items: totals of offers and employers, presenters, hosting."""
        row, item, limit = rows_over_items(self.board, empty_state(self.board, 0), self.item_vertex, self.item_start)
        bound: dict[int, list[Any]] = defaultdict(list)
        for r, i in zip(row.tolist(), item.tolist(), strict=True):
            bound[r].append(self.held[i])
        for r, held in bound.items():
            self.model.add(sum(held) <= int(limit[r]))

    def _size(self, kind: int) -> int:
        return int(self.board.g_size[self.kinds.members[kind][0]])

    def _seat(self, item: int) -> None:
        """Give the item's session its groups, within its seats and its number of schools."""
        board, model, vertex = self.board, self.model, int(self.item_vertex[item])
        offer, held = int(board.v_offer[vertex]), self.held[item]
        seats = int(board.o_seats[offer])
        able: dict[int, int] = defaultdict(int)
        for group in board.v_group[board.vg_first[vertex] : board.vg_first[vertex + 1]].tolist():
            able[self.kinds.of_group[group]] += 1
        students: list[Any] = []
        by_school: dict[int, list[Any]] = defaultdict(list)
        for kind, count in able.items():
            size, school = self._size(kind), int(board.g_school[self.kinds.members[kind][0]])
            self._by_kind[kind].append(item)
            if seats >= size:
                most = min(count, seats // size)
                attends = model.new_int_var(0, most, "")
                model.add(attends <= most * held)
                self.whole[item, kind] = attends
                students.append(size * attends)
                by_school[school].append((attends, most))
            else:
                largest = min(seats, size - 1)
                part, comes = model.new_int_var(0, largest, ""), model.new_bool_var("")
                model.add(part <= largest * comes)
                model.add(part >= int(board.scalars[MIN_PART]) * comes)
                model.add_implication(comes, held)
                model.add_implication(comes, self._comes_in_parts(kind))
                self.part[item, kind] = part
                students.append(part)
                by_school[school].append((comes, 1))
        model.add(sum(students) <= seats * held)
        model.add(sum(students) >= held)
        if board.o_mode[offer] == WORKPLACE or (board.o_mode[offer] != IN_SCHOOL and board.o_schools[offer] < NO_LIMIT):
            self._visit(item, offer, by_school)

    def _visit(self, item: int, offer: int, by_school: dict[int, list[Any]]) -> None:
        """Count the schools that come to a session."""
        for school, attending in by_school.items():
            visits = self.model.new_bool_var("")
            self.visits[item, school] = visits
            for attends, most in attending:
                self.model.add(attends <= most * visits)
        most_schools = int(self.board.o_schools[offer])
        if len(by_school) > most_schools:
            self.model.add(sum(self.visits[item, school] for school in by_school) <= most_schools)

    def _comes_in_parts(self, kind: int) -> Any:
        if kind not in self._split:
            self._split[kind] = self.model.new_bool_var("")
        return self._split[kind]

    def _limit_kind(self, kind: int) -> None:
        """Let no group attend more than it needs, twice on one date, or both whole and in parts."""
        members, items = self.kinds.members[kind], self._by_kind.get(kind, [])
        needed = int(self.board.g_needed[members[0]])
        whole = [(item, self.whole[item, kind]) for item in items if (item, kind) in self.whole]
        parts = [self.part[item, kind] for item in items if (item, kind) in self.part]
        room = needed * len(members)
        if kind in self._split:
            self.model.add(sum(attends for _, attends in whole) <= room * (1 - self._split[kind]))
            self.model.add(sum(parts) <= self._size(kind))
        elif whole:
            self.model.add(sum(attends for _, attends in whole) <= room)
        if needed > 1:
            dates: dict[int, list[Any]] = defaultdict(list)
            for item, attends in whole:
                dates[int(self.item_start[item]) // MINUTES_A_DAY].append(attends)
            for attending in dates.values():
                self.model.add(sum(attending) <= 1)

    def _item_at(self, offer: int, start: int, school: int, group: int) -> int | None:
        board = self.board
        for item in np.flatnonzero((board.v_offer[self.item_vertex] == offer) & (self.item_start == start)).tolist():
            vertex = int(self.item_vertex[item])
            able = board.v_group[board.vg_first[vertex] : board.vg_first[vertex + 1]]
            if board.v_school[vertex] == school and group in able:
                return int(item)
        return None

    def _pin(self, pins: Rows) -> None:
        for offer, start, school, group, students, _ in pins.tolist():
            item, kind = self._item_at(offer, start, school, group), self.kinds.of_group[group]
            if item is None:
                continue
            if (item, kind) in self.whole:
                self.model.add(self.whole[item, kind] == 1)
            else:
                self.model.add(self.part[item, kind] == students)

    def _covered(self, kind: int) -> Any:
        """Students of a kind who have an encounter."""
        items, size = self._by_kind.get(kind, []), self._size(kind)
        attending = sum(self.whole[item, kind] for item in items if (item, kind) in self.whole)
        parts = sum(self.part[item, kind] for item in items if (item, kind) in self.part)
        if self.board.g_needed[self.kinds.members[kind][0]] > 1 and not isinstance(attending, int):
            covered = self.model.new_bool_var("")
            self.model.add(covered <= attending)
            return size * covered + parts
        return size * attending + parts

    def _levels(self) -> dict[str, tuple[Any, bool]]:
        """Return each level's value as an expression (scaled as on the board), and whether it is to be large."""
        price = Fraction(self.problem.policy.move_price)
        covered, changes = sum(self.covered), self._changes()
        levels = {
            "floor_shortfall": (self._shortfall(), False),
            "covered": (covered, True),
            "encounters": (self._attending(lambda *_: 1), True),
            "pledged": (self._pledged(first=False), True),
            "pledged_first": (self._pledged(first=True), True),
            "preference": (
                self._attending(lambda kind, offer: int(points_of(self.board, self._one(kind), offer))),
                True,
            ),
            "cost": (self._cost(), False),
            "changes": (changes, False),
        }
        if not self.problem.policy.repair:
            return levels
        net = price.denominator * covered - price.numerator * changes
        rest = {name: levels[name] for name in ("encounters", "pledged", "pledged_first", "preference", "cost")}
        first = {"floor_shortfall": levels["floor_shortfall"], "net_covered": (net, True)}
        return {**first, "covered": levels["covered"], "changes": levels["changes"], **rest}

    def _one(self, kind: int) -> int:
        return self.kinds.members[kind][0]

    def _attending(self, worth: Callable[[int, int], int]) -> Any:
        terms = []
        for (item, kind), attends in self.whole.items():
            terms.append(self._size(kind) * worth(kind, self._offer(item)) * attends)
        for (item, kind), part in self.part.items():
            terms.append(worth(kind, self._offer(item)) * part)
        return sum(terms)

    def _offer(self, item: int) -> int:
        return int(self.board.v_offer[self.item_vertex[item]])

    def _shortfall(self) -> Any:
        board, at_school = self.board, defaultdict[int, list[Any]](list)
        for kind, covered in enumerate(self.covered):
            at_school[int(board.g_school[self._one(kind)])].append(covered)
        terms = []
        for school, floor in enumerate(board.s_floor.tolist()):
            if floor > 0:
                short = self.model.new_int_var(0, floor, "")
                self.model.add(short >= floor - sum(at_school[school]))
                terms.append(int(board.s_weight[school]) * short)
        return sum(terms)

    def _pledged(self, *, first: bool) -> Any:
        board, terms = self.board, []
        for employer in range(len(board.e_stem)):
            for p in board.e_pledge[board.e_pledge_first[employer] : board.e_pledge_first[employer + 1]].tolist():
                met = self.model.new_int_var(0, int(board.p_students[p]), "")
                self.model.add(met <= self._attending_of(employer, p if first else -1))
                terms.append(met)
        return sum(terms)

    def _attending_of(self, employer: int, pledge: int) -> Any:
        """Sum the students at an employer's sessions; of the schools that come first in a pledge, unless it is -1."""
        board = self.board
        chosen = [
            (item, kind) for item, kind in (*self.whole, *self.part) if board.o_employer[self._offer(item)] == employer
        ]
        if pledge >= 0:
            chosen = [pair for pair in chosen if board.p_schools[pledge, board.g_school[self._one(pair[1])]]]
        whole = sum(self._size(pair[1]) * self.whole[pair] for pair in chosen if pair in self.whole)
        return whole + sum(self.part[pair] for pair in chosen if pair in self.part)

    def _cost(self) -> Any:
        board, terms = self.board, []
        for item, held in enumerate(self.held):
            offer, school = self._offer(item), int(board.v_school[self.item_vertex[item]])
            minutes = int(board.o_duration[offer])
            if school >= 0:
                minutes += 2 * int(board.travel[board.o_position[offer], board.s_position[school]])
            terms.append(minutes * held)
        for (item, school), visits in self.visits.items():
            offer = self._offer(item)
            if board.o_mode[offer] == WORKPLACE:
                terms.append(2 * int(board.travel[board.o_position[offer], board.s_position[school]]) * visits)
        return sum(terms)

    def _changes(self) -> Any:
        board, kept = self.board, []
        for (item, kind), attends in (*self.whole.items(), *self.part.items()):
            group = self._one(kind)
            school = int(board.v_school[self.item_vertex[item]])
            told = int(told_students(board, group, self._offer(item), int(self.item_start[item]), school))
            if told and (item, kind) in self.whole:
                kept.append(told * attends)
            elif told:
                comes = self.model.new_bool_var("")
                self.model.add(attends >= comes)
                kept.append(told * comes)
        return int(board.scalars[TOLD]) - sum(kept)

    def scale_of(self, name: str) -> Decimal:
        """Return by how much a level's whole numbers are larger than its value."""
        if name == "floor_shortfall":
            return Decimal(int(self.board.scalars[FLOOR_SCALE]))
        if name == "preference":
            return Decimal(int(self.board.scalars[POINT_SCALE]))
        if name == "net_covered":
            return Decimal(Fraction(self.problem.policy.move_price).denominator)
        return Decimal(1)

    def hint(self, rows: Rows) -> None:
        """Tell the solver a plan to start from."""
        self.model.clear_hints()  # type: ignore[no-untyped-call]  # OR-Tools leaves this one without types
        counts: dict[tuple[int, int], int] = defaultdict(int)
        held = set()
        for offer, start, school, group, students, _ in rows.tolist():
            item = self._item_at(offer, start, school, group)
            if item is not None:
                kind = self.kinds.of_group[group]
                counts[item, kind] += 1 if (item, kind) in self.whole else students
                held.add(item)
        for item, variable in enumerate(self.held):
            self.model.add_hint(variable, item in held)
        for pair, variable in (*self.whole.items(), *self.part.items()):
            self.model.add_hint(variable, counts.get(pair, 0))

    def rows(self, solver: cp_model.CpSolver) -> Rows:
        """Read a solution as rows; pinned rows are not marked."""
        board, waiting = self.board, [list(members) for members in self.kinds.members]
        rows = []
        for (item, kind), variable in (*self.whole.items(), *self.part.items()):
            value = solver.value(variable)
            if value == 0:
                continue
            vertex = int(self.item_vertex[item])
            place = (int(board.v_offer[vertex]), int(self.item_start[item]), int(board.v_school[vertex]))
            if (item, kind) in self.part:
                rows.append((*place, self._one(kind), value, 0))
                continue
            alone = len(self.kinds.members[kind]) == 1
            groups = [self._one(kind)] if alone else [waiting[kind].pop() for _ in range(value)]
            rows.extend((*place, group, int(board.g_size[group]), 0) for group in groups)
        return np.array(rows, dtype=np.int32).reshape(-1, COLUMNS)
