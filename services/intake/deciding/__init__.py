"""Deciding: pure functions from a submission and the register to facts, or to reasons for a refusal.

What depends on something that changes stays consistent with it:

- A hub's new terms, academic year or time zone lay out anew the calendars and the availability in it: windows that lie
  on no school day any more are left out, and named in `left_out`. What is left without any window stays registered, and
  comes back when the terms do.
- A school whose local authority is now another hub's moves there with its profile and its requests; pledges of the hub
  that it left no longer name it.
- A school's new number of pupils or ages binds requests from then on; those that stand are looked at when amended.
- A hub keeps a local authority while schools of it are registered, and a profile a calendar while requests name it.
- A newer postcode directory moves nothing by itself: a position is looked up when a thing is next submitted with a change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.intake.deciding.employers import build_availability, build_employer, build_pledge
from services.intake.deciding.hubs import build_hub
from services.intake.deciding.identity import answered_at_once, next_fact_version, withdrawal_answered_at_once
from services.intake.deciding.outcome import MOST_REASONS, Accepted, Built, ChangedNothing, Outcome, Refused
from services.intake.deciding.requests import build_request
from services.intake.deciding.schools import build_profile, build_school
from services.intake.register import Entry, Register, renewed
from shared.events.facts import AvailabilityWithdrawn, Fact, PledgeWithdrawn, RequestWithdrawn
from shared.events.submissions import (
    DescribeSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
    WithdrawAvailability,
    WithdrawPledge,
    WithdrawRequest,
)

Builder = Callable[[Any, Register, int, Entry | None], Built]

BUILDERS: Mapping[type[Submission], Builder] = {
    RegisterHub: build_hub,
    RegisterSchool: build_school,
    DescribeSchool: build_profile,
    RegisterEmployer: build_employer,
    SubmitAvailability: build_availability,
    SubmitPledge: build_pledge,
    SubmitRequest: build_request,
}


def decide(said: Submission, register: Register) -> Outcome:
    """Decide on one submission; what is accepted is in the register afterwards."""
    if isinstance(said, WithdrawAvailability | WithdrawPledge | WithdrawRequest):
        return _withdraw(said, register)
    was = register.entries.get(said.subject())
    answer = answered_at_once(said, was)
    if isinstance(answer, ChangedNothing) and was and said.version > was.version:
        register.put(renewed(was, version=said.version, fact_version=was.fact_version))
    if answer:
        return answer
    version = next_fact_version(said, was)
    built = BUILDERS[type(said)](said, register, version, was)
    if built.reasons or built.fact is None:
        return Refused(built.reasons[:MOST_REASONS])
    entry = Entry(said.subject(), said.organisation(), built.hub, said.version, version, said)
    if was is None:
        register.put(entry)
        return Accepted((built.fact,))
    before = _dependents(said, was, built, register)
    register.put(entry)
    return Accepted((built.fact, *_renew(before, register)))


def _withdraw(said: WithdrawAvailability | WithdrawPledge | WithdrawRequest, register: Register) -> Outcome:
    was = register.entries.get(said.subject())
    answer = withdrawal_answered_at_once(said, was)
    if answer or was is None:
        return answer or ChangedNothing()
    version, hub = next_fact_version(said, was), was.hub or ""
    fact: Fact
    if isinstance(said, WithdrawAvailability):
        fact = AvailabilityWithdrawn(version=version, availability=said.availability, employer=said.employer, hub=hub)
    elif isinstance(said, WithdrawPledge):
        fact = PledgeWithdrawn(version=version, employer=said.employer, hub=hub)
    else:
        fact = RequestWithdrawn(version=version, hub=hub, school=said.school, group=said.group)
    register.put(renewed(was, version=said.version, fact_version=version, withdrawn=True))
    return Accepted((fact,))


def _dependents(said: Submission, was: Entry, built: Built, register: Register) -> dict[str, Fact | None]:
    """Find the facts, as they are now, that a change of a hub or of a school may change."""
    if isinstance(said, RegisterHub):
        found = [
            entry for kind in ("profile", "availability") for entry in register.of_kind(kind) if entry.hub == said.hub
        ]
    elif isinstance(said, RegisterSchool) and was.hub != built.hub:
        own = [entry for kind in ("profile", "request") for entry in register.of_kind(kind)]
        found = [entry for entry in own if entry.organisation == said.organisation()]
        found += [entry for entry in register.of_kind("pledge") if entry.hub == was.hub]
    else:
        found = []
    return {entry.subject: _fact(entry, register).fact for entry in found}


def _renew(before: Mapping[str, Fact | None], register: Register) -> list[Fact]:
    """Give new versions to the facts that have become others."""
    facts = []
    for subject, old in before.items():
        entry = register.entries[subject]
        if _fact(entry, register).fact == old:
            continue
        entry = renewed(entry)
        built = _fact(entry, register)
        if built.fact:
            register.put(renewed(entry, hub=built.hub, fact_version=entry.fact_version))
            facts.append(built.fact)
    return facts


def _fact(entry: Entry, register: Register) -> Built:
    """Build the fact of an entry as the register stands; what was accepted once is not refused any more."""
    return BUILDERS[type(entry.submission)](entry.submission, register, entry.fact_version, entry)
