"""Writes a timetable's explanations as a page of plain text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from services.matching.planning.checker import check_sessions
from services.matching.planning.clock import local_time
from services.matching.planning.explanation.placed import why_placed
from services.matching.planning.explanation_check import CODES
from services.matching.planning.levels import covered_by_group, floor_of
from services.matching.planning.model import Employer, Problem, Remedy, School, Session, Timetable, Unmet
from services.matching.planning.reading import ProblemFile
from services.matching.planning.rules import Known, Plan
from services.matching.planning.search.touched import touched_by
from services.matching.planning.telling import (
    MODE_NAMES,
    REASONS,
    how_known,
    name_group,
    name_offer,
    reason_sentence,
    when,
)

if TYPE_CHECKING:
    from services.matching.planning.remedies import AskedSet

_GROUPS_A_REASON = 5
_REMEDIES = 15
_TOUCHED_NAMED = 10
_LOOKING_SECONDS, _ASKS_FOR_A_GROUP = 15.0, 3


def explanation_of_plan(problem: Problem, timetable: Timetable) -> str:
    """Tell of the whole plan: coverage, reasons with numbers and names, and what would help."""
    known = Known(problem)
    plan = Plan(known, timetable.sessions)
    parts = [*_coverage(plan, timetable), "", *_reasons(known, timetable)]
    if timetable.unmet:
        parts += ["", *_remedies(timetable)]
    if problem.in_force is not None:
        parts += ["", *touched_in_words(problem, timetable.sessions)]
    return "\n".join(parts)


def explanation_of_group(problem: Problem, timetable: Timetable, id_: str) -> str:
    """Tell of one group: its sessions, or why it has none and what would help it."""
    known = Known(problem)
    plan, group = Plan(known, timetable.sessions), known.groups[id_]
    lines = [f"{name_group(known, id_)}: {group.size} students, {_times(group.needed, 'encounter')} needed."]
    for seating in plan.seatings_of_group.get(id_, ()):
        whom = "all" if not seating.part else f"{seating.students} students"
        place = f" ({MODE_NAMES[seating.offer.mode]})"
        lines.append(
            f"  {when(local_time(seating.session.start))}: {name_offer(known, seating.offer.id)}{place}: {whom}"
        )
    if id_ in plan.seatings_of_group:
        lines += ["Why not otherwise:", *why_placed(known, timetable.sessions, id_)]
    for unmet in timetable.unmet:
        if unmet.group == id_:
            lines.append(f"{reason_sentence(known, unmet)} [{unmet.code}]")
            if unmet.with_groups:
                lines.append("Together with: " + _some([name_group(known, other) for other in unmet.with_groups], 10))
    if id_ not in plan.seatings_of_group:
        helping = [f"  {_remedy(remedy)}" for remedy in timetable.remedies if _helps(remedy, id_)]
        lines += ["What would help:", *helping] if helping else ["No single ask was found that would help it."]
    return "\n".join(lines)


def with_help(problem_file: ProblemFile, timetable: Timetable) -> Timetable:
    """Add what would help, where a timetable says nothing of it and its plan keeps the rules."""
    if timetable.remedies or not timetable.unmet or check_sessions(problem_file.problem, timetable.sessions):
        return timetable
    from services.matching.planning.remedies import find_remedies

    return replace(timetable, remedies=find_remedies(problem_file, timetable.sessions, seconds=_LOOKING_SECONDS))


def with_help_for(problem_file: ProblemFile, timetable: Timetable, id_: str) -> Timetable:
    """Add what would help one group that attends nothing, where no remedy of the timetable does and its plan keeps the rules."""
    attends = any(seat.group == id_ for session in timetable.sessions for seat in session.attendances)
    if attends or any(_helps(remedy, id_) for remedy in timetable.remedies):
        return timetable
    if check_sessions(problem_file.problem, timetable.sessions):
        return timetable
    from services.matching.planning.remedies import find_remedies

    found = find_remedies(
        problem_file, timetable.sessions, seconds=_LOOKING_SECONDS, limit=_ASKS_FOR_A_GROUP, alone=id_
    )
    return replace(timetable, remedies=found)


def touched_in_words(problem: Problem, sessions: Sequence[Session]) -> Iterator[str]:
    """Tell whose plan is another one than they were told, and how many students of theirs; what is no longer there by its id."""
    known, touched = Known(problem), touched_by(problem, sessions)
    if not any(touched.values()):
        yield "Touched: nobody. All that people have been told stands."
        return
    parties = f"{_times(len(touched['employers']), 'employer')} and {_times(len(touched['schools']), 'school')}"
    gone = [_times(len(touched[f"{what}s"]), what) for what in ("offer", "group") if touched[f"{what}s"]]
    if gone:
        parties += f", and {' and '.join(gone)} no longer there"
    yield f"Touched: {parties}; all others keep what they were told."
    there: dict[str, Mapping[str, Employer | School]] = {"employers": known.employers, "schools": known.schools}
    for kind, party in touched.items():
        named = there.get(kind, {})
        ranked = sorted(party, key=lambda id_: (-party[id_]["gone"] - party[id_]["new"], id_))
        for id_ in ranked[:_TOUCHED_NAMED]:
            changes = [
                f"{_times(party[id_][change], 'student')} {what}"
                for change, what in (("gone", "not as they were told"), ("new", "new"))
                if party[id_][change]
            ]
            name = (named[id_].name or id_) if id_ in named else f"{kind.removesuffix('s')} {id_}, no longer there"
            yield f"  {name}: {', '.join(changes)}"
        if len(ranked) > _TOUCHED_NAMED:
            yield f"  ... and {len(ranked) - _TOUCHED_NAMED:,} more"


def asked_set_in_words(asked: AskedSet, minutes: int) -> str:
    """Tell the best set of asks within so many minutes of people's time, in the order in which they were chosen."""
    if not asked.remedies:
        return f"No ask within {minutes:,} minutes of people's time was found that covers more students."
    count = len(asked.remedies)
    asks = "this 1 ask" if count == 1 else f"these {count:,} asks"
    lines = [f"With {asks} ({asked.cost_minutes:,} minutes of people's time), {asked.students:,} more students:"]
    lines += [f"  {place:2}. {_remedy(remedy)}" for place, remedy in enumerate(asked.remedies, start=1)]
    return "\n".join(lines)


def _coverage(plan: Plan, timetable: Timetable) -> Iterator[str]:
    known, covered, proof = plan.known, covered_by_group(plan), timetable.proof
    students, reached = sum(group.size for group in known.groups.values()), sum(covered.values())
    share = f" ({reached / students:.1%})" if students else ""
    yield f"{known.problem.hub.name or known.problem.hub.id}, {known.problem.academic_year}"
    yield f"{reached:,} of {students:,} students{share} have an encounter, in {len(timetable.sessions):,} sessions."
    how = how_known(proof.bound, students, proof.method, proof.certified_bound)
    yield f"No timetable can cover more than {proof.bound:,} ({how}), a gap of {proof.gap:.2%}."
    at_school: dict[str, int] = defaultdict(int)
    for id_, count in covered.items():
        at_school[known.groups[id_].school] += count
    low = [
        f"{school.name or school.id} ({at_school[school.id]} of {floor_of(known, school)})"
        for school in known.schools.values()
        if at_school[school.id] < floor_of(known, school)
    ]
    if low:
        yield f"Below their guaranteed share: {_some(low, 10)}."


def _reasons(known: Known, timetable: Timetable) -> Iterator[str]:
    if not timetable.unmet:
        yield "Nobody is left out."
        return
    by_code: dict[str, list[Unmet]] = defaultdict(list)
    for unmet in timetable.unmet:
        by_code[unmet.code].append(unmet)
    yield f"Left out: {_students(timetable.unmet):,} students of {_times(len(timetable.unmet), 'group')}. Why:"
    order = {code: place for place, code in enumerate(CODES)}
    for code, entries in sorted(by_code.items(), key=lambda item: (order.get(item[0], len(order)), item[0])):
        yield ""
        yield f"{code}: {_times(len(entries), 'group')}, {_students(entries):,} students. {REASONS.get(code, '')}".rstrip()
        shown = sorted(entries, key=lambda entry: (-entry.students, entry.group))[:_GROUPS_A_REASON]
        for entry in shown:
            yield f"  {reason_sentence(known, entry)}"
        if len(entries) > len(shown):
            yield f"  ... and {len(entries) - len(shown):,} more"


def _remedies(timetable: Timetable) -> Iterator[str]:
    if not timetable.remedies:
        yield "No ask was found that would help."
        return
    yield "What would help, by students gained for each minute asked:"
    for place, remedy in enumerate(timetable.remedies[:_REMEDIES], start=1):
        yield f"  {place:2}. {_remedy(remedy)}"
    if len(timetable.remedies) > _REMEDIES:
        yield f"  ... and {len(timetable.remedies) - _REMEDIES:,} more"


def _remedy(remedy: Remedy) -> str:
    return f"{remedy.text.rstrip('.')}: {remedy.would_cover:,} more students for {remedy.cost_minutes:,} minutes"


def _helps(remedy: Remedy, group: str) -> bool:
    return any(attendance.group == group for session in remedy.sessions for attendance in session.attendances)


def _students(entries: list[Unmet] | tuple[Unmet, ...]) -> int:
    return sum(entry.students for entry in entries)


def _times(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _some(names: list[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
