"""Says in plain English what a timetable's codes and facts mean, for the command and for pages.

Facts may come from anybody's file: where one is missing or odd, the sentence of the code alone is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.matching.planning.model import Group, Unmet
from services.matching.planning.rules import Known

MODE_NAMES = {"in_school": "sessions in school", "workplace": "visits to a workplace", "virtual": "virtual sessions"}
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


def reason_sentence(known: Known, unmet: Unmet) -> str:
    """Say in one sentence why a group is left out, with the numbers that its facts hold."""
    group, write = known.groups.get(unmet.group), _SENTENCES.get(unmet.code)
    if group is not None and write is not None:
        try:
            return write(known, group, unmet.facts)
        except (KeyError, TypeError, ValueError):
            pass  # the facts are not as documented: the code's own sentence still holds
    return REASONS.get(unmet.code, f"The reason given is {unmet.code!r}.")


def _no_offer_for_year(known: Known, group: Group, facts: Mapping[str, Any]) -> str:
    near = facts["nearest"]
    if not facts["offers_left"]:
        return "There is no offer at all."
    nearest = f"; the nearest, {name_offer(known, near['offer'])}, is for {_years(near['years'])}" if near else ""
    return f"{_none_of(facts)} is for Year {group.year}{nearest}."


def _mode(known: Known, group: Group, facts: Mapping[str, Any]) -> str:
    kinds = " or ".join(MODE_NAMES[mode] for mode in facts["modes"]) or "nothing"
    near = facts["nearest"]
    return (
        f"The group can take {kinds} only. {_none_of(facts)} for Year {group.year} is that; "
        f"the nearest, {name_offer(known, near['offer'])}, gives {MODE_NAMES[near['mode']]}."
    )


def _adjustments(known: Known, _: Group, facts: Mapping[str, Any]) -> str:
    near = facts["nearest"]
    return (
        f"The group needs {_list(facts['adjustments'])}. {_none_of(facts)} that would suit can meet all of it; "
        f"{name_offer(known, near['offer'])} lacks only {_list(near['missing'])}."
    )


def _out_of_reach(known: Known, _: Group, facts: Mapping[str, Any]) -> str:
    near = facts["nearest"]
    return (
        f"{_none_of(facts)} that would suit is near enough; the nearest, "
        f"{name_offer(known, near['offer'])}, is {near['km']:.1f} km away and the limit is {near['limit_km']:g} km."
    )


def _no_common_window(known: Known, _: Group, facts: Mapping[str, Any]) -> str:
    near, start = (
        facts["nearest"],
        f"{_none_of(facts)} within reach has a time at which the group can be seen",
    )
    if not near:
        return f"{start}."
    offer = name_offer(known, near["offer"])
    if "minutes_short" in near:
        return f"{start}; {offer} comes nearest, {near['minutes_short']:,} minutes short on a day that both have."
    return f"{start}, not even on one day; {offer} comes nearest, {near['days_apart']:,} day{'s' if near['days_apart'] != 1 else ''} apart."


def _too_large(known: Known, group: Group, facts: Mapping[str, Any]) -> str:
    near = facts["nearest"]
    return (
        f"The group has {group.size} students and may not be split; the largest of the {_count(facts)} "
        f"that it could attend, {name_offer(known, near['offer'])}, has {near['seats']} seats."
    )


_SENTENCES: Mapping[str, Callable[[Known, Group, Mapping[str, Any]], str]] = {
    "no-offer-for-year": _no_offer_for_year,
    "mode": _mode,
    "adjustments": _adjustments,
    "out-of-reach": _out_of_reach,
    "no-common-window": _no_common_window,
    "too-large": _too_large,
}


def _count(facts: Mapping[str, Any]) -> str:
    return f"{facts['offers_left']:,} offer{'s' if facts['offers_left'] != 1 else ''}"


def _none_of(facts: Mapping[str, Any]) -> str:
    return f"None of the {facts['offers_left']:,} offers" if facts["offers_left"] > 1 else "Not even the one offer"


def _years(years: list[int]) -> str:
    return f"Year{'s' if len(years) > 1 else ''} {_list(list(map(str, years)))}"


def _list(words: list[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
