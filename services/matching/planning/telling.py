"""Says in plain English what a timetable's codes and facts mean, for the command and for pages.

Facts may come from anybody's file: where one is missing or odd, the sentence of the code alone is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from services.matching.planning.model import MINUTES_A_DAY, Group, Unmet
from services.matching.planning.rules import Known

MODE_NAMES = {"in_school": "sessions in school", "workplace": "visits to a workplace", "virtual": "virtual sessions"}
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_THURSDAY = 3  # 1970-01-01, from which dates are counted, was one
_NAMED = 3
REASONS = {
    "no-offer-for-year": "No employer offers anything to this year group.",
    "mode": "No offer for this year is of a kind that the group can take part in.",
    "adjustments": "No offer of that kind meets the adjustments that the group needs.",
    "out-of-reach": "Every offer that would suit is too far away.",
    "no-common-window": "No offer within reach has a time at which the group can be seen.",
    "too-large": "Every offer that the group could attend has fewer seats than it has students, and it may not be split.",
    "hosting-limit": "Its school is already hosting as many sessions as it can at the times that would suit.",
    "shared-shortage": "It shares too few possible sessions or seats with other groups.",
    "crowded-out": "Placing it would leave out at least as many other students.",
    "not-proven": "No place was found for it in the time given; it is not proven that there is none.",
}


def name_group(known: Known, id_: str) -> str:
    """Name a group as people do: its year and school, and its id, which tells it from its neighbours."""
    group = known.groups.get(id_)
    if group is None:
        return f"group {id_}"
    school = known.schools[group.school]
    return f"Year {group.year} of {school.name or school.id} ({id_})"


def name_offer(known: Known, id_: str) -> str:
    """Name an offer by its employer and its id."""
    offer = known.offers.get(id_)
    if offer is None:
        return f"offer {id_}"
    employer = known.employers[offer.employer]
    return f"{employer.name or employer.id} ({id_})"


def when(local_time: str) -> str:
    """Tell a local time as people do: Wednesday 13 January 2027 at 13:50."""
    day = date.fromisoformat(local_time[:10])
    return f"{day:%A} {day.day} {day:%B %Y} at {local_time[11:]}"


def how_known(bound: int, students: int, method: str, certified: int | None) -> str:
    """Say by what it is known that no plan covers more than `bound` of so many students: a search, or what anyone can recount."""
    if method == "search":
        return "found by search" + ("" if certified is None else f"; anyone can recount at most {certified:,}")
    return "that is everybody" if bound >= students else "anyone can recount it"


def reason_sentence(known: Known, unmet: Unmet) -> str:
    """Say in one sentence which group is left out and why, with the numbers and names that the facts hold."""
    group, write = known.groups.get(unmet.group), _SENTENCES.get(unmet.code)
    code_alone = _lower(REASONS.get(unmet.code, f"the reason given is {unmet.code!r}."))
    if group is None:
        return f"Group {unmet.group} ({_times(unmet.students, 'student')}) is left out: {code_alone}"
    who = _who(known, group, unmet.students)
    if write is not None:
        try:
            return f"{who} {write(known, group, unmet)}."
        except (KeyError, TypeError, ValueError):
            pass  # the facts are not as documented: the code's own sentence still holds
    return f"{who} is left out: {code_alone}"


def _who(known: Known, group: Group, students: int) -> str:
    """Name a group with its id and its students: all, or those of them that are left out."""
    school = known.schools[group.school]
    count = _times(group.size, "student") if students == group.size else f"{students:,} of {group.size:,} students"
    return f"Year {group.year} of {school.name or school.id} ({group.id}, {count})"


def _no_offer_for_year(known: Known, group: Group, unmet: Unmet) -> str:
    facts, near = unmet.facts, unmet.facts["nearest"]
    if not facts["offers_left"]:
        return "has nothing to go to: there is no offer at all"
    nearest = f"; the nearest, {name_offer(known, near['offer'])}, is for {_years(near['years'])}" if near else ""
    return f"finds no employer for its year: {_lower(_none_of(facts))} is for Year {group.year}{nearest}"


def _mode(known: Known, _: Group, unmet: Unmet) -> str:
    facts, near = unmet.facts, unmet.facts["nearest"]
    kinds = " or ".join(MODE_NAMES[mode] for mode in facts["modes"]) or "nothing"
    return (
        f"can take {kinds} only, and {_lower(_none_of(facts))} for its year is that; "
        f"the nearest, {name_offer(known, near['offer'])}, gives {MODE_NAMES[near['mode']]}"
    )


def _adjustments(known: Known, _: Group, unmet: Unmet) -> str:
    facts, near = unmet.facts, unmet.facts["nearest"]
    return (
        f"needs {_list(facts['adjustments'])}, and {_lower(_none_of(facts))} that would suit can meet all of it; "
        f"{name_offer(known, near['offer'])} lacks only {_list(near['missing'])}"
    )


def _out_of_reach(known: Known, _: Group, unmet: Unmet) -> str:
    near = unmet.facts["nearest"]
    return (
        f"is too far from every employer: {_lower(_none_of(unmet.facts))} that would suit is near enough; the nearest, "
        f"{name_offer(known, near['offer'])}, is {near['km']:.1f} km away and the limit is {near['limit_km']:g} km"
    )


def _no_common_window(known: Known, group: Group, unmet: Unmet) -> str:
    near = unmet.facts["nearest"]
    start = f"{_only_on(known, group)}{_lower(_none_of(unmet.facts))} within reach has a time at which it can be seen"
    if not near:
        return start
    offer = name_offer(known, near["offer"])
    if "minutes_short" in near:
        return f"{start}; {offer} comes nearest, {near['minutes_short']:,} minutes short on a day that both have"
    return f"{start}, not even on one day; {offer} comes nearest, {_times(near['days_apart'], 'day')} apart"


def _too_large(known: Known, _: Group, unmet: Unmet) -> str:
    facts, near = unmet.facts, unmet.facts["nearest"]
    return (
        f"may not be split and has {facts['size']} students; the largest of the {_count(facts)} "
        f"that it could attend, {name_offer(known, near['offer'])}, has {near['seats']} seats"
    )


def _hosting_limit(known: Known, group: Group, unmet: Unmet) -> str:
    facts, school = unmet.facts, known.schools[group.school]
    name, offers = school.name or school.id, _times(facts["offers"], "offer")
    if not facts["hosting_limit"]:
        return f"could be seen in school only, by {offers}, and {name} hosts no sessions"
    return (
        f"could be seen in school only, by {offers}; at every one of the {_times(facts['starts'], 'possible start')} "
        f"{name} already hosts {_times(facts['hosting_limit'], 'session')}, which is as many as it can at one time"
    )


def _shared_shortage(known: Known, group: Group, unmet: Unmet) -> str:
    facts, only = unmet.facts, _only_on(known, group)
    if not facts["offers"]:
        return "can be taken by no session of any offer: what would suit is forbidden, or takes no part of it"
    employers = {known.offers[each["offer"]].employer for each in facts["offers"]}
    names = _list([name_offer(known, each["offer"]) for each in facts["offers"][:_NAMED]])
    more = len(facts["offers"]) - _NAMED
    names += f" and {more:,} more" if more > 0 else ""
    sessions = _times(sum(each["sessions"] for each in facts["offers"]), "session")
    whom = "for it" if facts["groups"] == 1 else f"for {facts['groups']:,} groups of {facts['students']:,} students"
    return (
        f"{only}the {_times(len(employers), 'employer')} who could see it ({names}) can give "
        f"{_times(facts['seats'], 'seat')} in {sessions} {whom} who have nowhere else to go"
    )


def _crowded_out(known: Known, _: Group, unmet: Unmet) -> str:
    facts, others = unmet.facts, unmet.facts["would_leave_out"]
    names = names_of(known, unmet.with_groups[:_NAMED])
    if "offers" not in facts:
        return f"could be placed only at the cost of others, at least {_times(others, 'student')}: it contends with {names}"
    could = (
        f"could be taken by {_times(facts['offers'], 'offer')} with {_times(facts['sessions'], 'session')} in the plan"
    )
    if others is None:
        return f"{could}, whose seats are all fixed; it contends with {names}"
    placing = "placing it" if facts["placed"] == unmet.students else f"placing {facts['placed']} of them"
    where = ""
    if "session" in facts:
        where = f" (at {name_offer(known, facts['offer'])} on {when(facts['start'])}, held for {names})"
    return f"{could}, and {placing} would leave out at least {_times(others, 'other student')}{where}"


def names_of(known: Known, groups: Sequence[str], most: int = _NAMED) -> str:
    """Name groups, those of one school and year together, at most so many times; the rest is counted."""
    found: dict[tuple[str, int], list[str]] = {}
    for id_ in groups:
        found.setdefault((known.groups[id_].school, known.groups[id_].year), []).append(id_)
    names = [
        f"Year {year} of {known.schools[school].name or school} ({_list(ids)})"
        for (school, year), ids in list(found.items())[:most]
    ]
    more = sum(len(ids) for ids in list(found.values())[most:])
    return _list([*names, *([_times(more, "more group")] if more else [])])


def _not_proven(_: Known, __: Group, ___: Unmet) -> str:
    return "found no place in the time given; it is not proven that there is none"


_SENTENCES: Mapping[str, Callable[[Known, Group, Unmet], str]] = {
    "no-offer-for-year": _no_offer_for_year,
    "mode": _mode,
    "adjustments": _adjustments,
    "out-of-reach": _out_of_reach,
    "no-common-window": _no_common_window,
    "too-large": _too_large,
    "hosting-limit": _hosting_limit,
    "shared-shortage": _shared_shortage,
    "crowded-out": _crowded_out,
    "not-proven": _not_proven,
}


def _only_on(known: Known, group: Group) -> str:
    """Say on which weekday a group can be seen, where it is one alone."""
    days = {
        (window.start // MINUTES_A_DAY + _THURSDAY) % 7
        for calendar in group.calendars
        for window in known.problem.calendars[calendar]
    }
    return f"can only be seen on {_WEEKDAYS[days.pop()]}; " if len(days) == 1 else "is left out: "


def _lower(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).rstrip(".") + ("." if sentence.endswith(".") else "")


def _times(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _count(facts: Mapping[str, Any]) -> str:
    return _times(facts["offers_left"], "offer")


def _none_of(facts: Mapping[str, Any]) -> str:
    return f"None of the {facts['offers_left']:,} offers" if facts["offers_left"] > 1 else "Not even the one offer"


def _years(years: list[int]) -> str:
    return f"Year{'s' if len(years) > 1 else ''} {_list(list(map(str, years)))}"


def _list(words: list[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
