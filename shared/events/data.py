"""What every event's data are: a frozen model that knows its type, its topic and its key."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.topics import Topic


class EventData(BaseModel):
    """Data of one event type; readers pass over fields that they don't know, so a version can grow."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    TYPE: ClassVar[str]
    TOPIC: ClassVar[Topic]

    @classmethod
    def event_type(cls) -> str:
        """Name with version, such as `encounters.availability.registered.v1`."""
        return cls.TYPE

    @classmethod
    def topic(cls) -> Topic:
        """Topic that carries it."""
        return cls.TOPIC

    def subject(self) -> str:
        """Aggregate that the event is about, such as `availability:E0001-A1`."""
        raise NotImplementedError

    def key(self) -> str:
        """Kafka key: events of one key stay in order."""
        return self.subject()
