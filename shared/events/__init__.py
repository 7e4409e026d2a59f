"""Every event of the ring, by its type; `schemas/` is generated from these models."""

from __future__ import annotations

from shared.events.data import EventData
from shared.events.decisions import DECISION_TYPES
from shared.events.encounters import ENCOUNTER_TYPES
from shared.events.facts import ANSWER_TYPES, FACT_TYPES
from shared.events.plans import PLAN_TYPES
from shared.events.submissions import SUBMISSION_TYPES

ALL_TYPES: tuple[type[EventData], ...] = (
    *SUBMISSION_TYPES, *FACT_TYPES, *ANSWER_TYPES, *PLAN_TYPES, *DECISION_TYPES, *ENCOUNTER_TYPES,
)  # fmt: skip
EVENTS: dict[str, type[EventData]] = {data.event_type(): data for data in ALL_TYPES}
