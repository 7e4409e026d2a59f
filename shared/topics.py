"""Every topic, declared once: what keys it, who writes it, how long it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MAX_EVENT_BYTES = 1_048_576
"""Largest body of an event, in bytes; a dead letter may be larger by its headers."""
MAX_SUBMISSION_BYTES = 262_144
"""Largest body of a submission, in bytes, on Kafka and over HTTP."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A stream of events with one writer; `keep` None means that Kafka keeps the newest event of each key for ever."""

    name: str
    key: str
    writer: str
    partitions: int
    keep: timedelta | None
    about: str


SUBMISSIONS = Topic(
    "submissions", "organisation", "portal and operators", 6, timedelta(days=30),
    "What people and machines submit; nothing in it is trusted before intake has checked it.",
)  # fmt: skip
FACTS = Topic(
    "facts",
    "kind:id",
    "intake",
    6,
    None,
    "What intake has accepted: hubs, schools, employers, availability, pledges, requests.",
)
ANSWERS = Topic(
    "answers",
    "organisation",
    "intake",
    6,
    timedelta(days=30),
    "Refusals with their reasons, and submissions that changed nothing.",
)
PLANNING = Topic(
    "planning", "hub", "matching", 6, timedelta(days=2), "How planning runs go: started, progressed, ended."
)
TIMETABLES = Topic(
    "timetables",
    "hub",
    "matching",
    6,
    timedelta(days=400),
    "Proposed timetables: a header, and one event a session, shortfall and remedy.",
)
DECISIONS = Topic(
    "decisions", "hub", "portal", 6, timedelta(days=400), "What coordinators decide, and what they ask matching to do."
)
ENCOUNTERS = Topic(
    "encounters",
    "encounter",
    "confirmations",
    6,
    timedelta(days=400),
    "Encounters confirmed, moved and cancelled, for each party.",
)

TOPICS = (SUBMISSIONS, FACTS, ANSWERS, PLANNING, TIMETABLES, DECISIONS, ENCOUNTERS)


DEAD = ".dead"


def dead_letters(topic: str) -> str:
    """Name of the topic that keeps what could not be read from `topic`."""
    return f"{topic}{DEAD}"
