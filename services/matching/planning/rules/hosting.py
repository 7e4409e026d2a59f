"""A school hosts no more sessions at one time than it can look after."""

from __future__ import annotations

from collections.abc import Iterator

from services.matching.planning.clock import local_time
from services.matching.planning.rules.rule import Rule
from services.matching.planning.rules.view import Plan, Scope
from services.matching.planning.rules.violation import Violation


def _hosting(plan: Plan, scope: Scope) -> Iterator[Violation]:
    for id_ in scope.schools:
        limit = plan.known.schools[id_].hosting_limit
        running: list[tuple[int, str]] = []
        for session in sorted(plan.hosted_by.get(id_, []), key=lambda session: session.start):
            running = [(end, other) for end, other in running if end > session.start]
            running.append((plan.end(session), session.id))
            if len(running) > limit:
                message = f"School {id_} hosts {limit} sessions at one time; {len(running)} run at {local_time(session.start)}."
                yield plan.broken(HOSTING.code, message, (plan.by_id[other] for _, other in running))


HOSTING = Rule("hosting", "A school hosts no more sessions at one time than its hosting limit.", _hosting)
