"""The register as a decision sees it: in memory, what a batch of submissions refers to and what it has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from shared.events.fields import Position
from shared.events.submissions import (
    DescribeSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
)

MODELS: Mapping[str, type[Submission]] = {
    "hub": RegisterHub,
    "school": RegisterSchool,
    "profile": DescribeSchool,
    "employer": RegisterEmployer,
    "availability": SubmitAvailability,
    "pledge": SubmitPledge,
    "request": SubmitRequest,
}
"""The submission that each kind of thing is kept as."""


def kind_of(subject: str) -> str:
    """Tell the kind of a subject: that of `school:118785` is `school`."""
    return subject.partition(":")[0]


@dataclass(frozen=True)
class Entry:
    """One thing of the register; `content` is the last submission accepted, as a model or, unread yet, as its JSON.

    `version` is the sender's, `fact_version` that of the last fact published.
    """

    subject: str
    organisation: str
    hub: str | None
    version: int
    fact_version: int
    content: Submission | str
    withdrawn: bool = False

    @property
    def kind(self) -> str:
        """Kind of thing, such as `school`."""
        return kind_of(self.subject)

    @cached_property
    def submission(self) -> Submission:
        """The last submission accepted, read when it is first needed."""
        if isinstance(self.content, str):
            return MODELS[self.kind].model_validate_json(self.content)
        return self.content

    def document(self) -> str:
        """Write the last submission accepted as JSON."""
        return self.content if isinstance(self.content, str) else self.content.model_dump_json(exclude={"batch"})


@dataclass
class Register:
    """The part of the register that a batch needs; `changed` are the subjects that it has changed.

    `calendars` are the names of each school's calendars. What was not loaded is taken for unknown.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    calendars: dict[str, frozenset[str]] = field(default_factory=dict)
    postcodes: dict[str, Position] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def put(self, entry: Entry) -> None:
        """Keep a new or changed entry."""
        self.entries[entry.subject] = entry
        self.changed.add(entry.subject)
        if isinstance(entry.content, DescribeSchool):
            self.calendars[entry.content.school] = frozenset(entry.content.calendars)

    def fork(self) -> Register:
        """Copy the register, so that decisions may be tried and dropped."""
        return Register(dict(self.entries), dict(self.calendars), self.postcodes, set(self.changed))

    def of_kind(self, kind: str) -> Iterator[Entry]:
        """List the entries of a kind that are loaded and not withdrawn."""
        return (entry for entry in list(self.entries.values()) if not entry.withdrawn and entry.kind == kind)

    def hub(self, hub: str | None) -> RegisterHub | None:
        """Find a hub."""
        found = self._submission(f"hub:{hub}")
        return found if isinstance(found, RegisterHub) else None

    def hub_of_authority(self, code: str) -> RegisterHub | None:
        """Find the hub that a local authority belongs to."""
        for entry in self.of_kind("hub"):
            hub = entry.submission
            if isinstance(hub, RegisterHub) and code in hub.local_authorities:
                return hub
        return None

    def school(self, urn: str) -> RegisterSchool | None:
        """Find a school."""
        found = self._submission(f"school:{urn}")
        return found if isinstance(found, RegisterSchool) else None

    def hub_of_school(self, urn: str) -> str | None:
        """Find the id of the hub that a school is in."""
        entry = self.entries.get(f"school:{urn}")
        return entry.hub if entry else None

    def knows_employer(self, employer: str) -> bool:
        """Tell whether an employer is registered."""
        return f"employer:{employer}" in self.entries

    def requests_of(self, urn: str) -> list[SubmitRequest]:
        """List the standing requests of a school."""
        standing = (entry.submission for entry in self.of_kind("request") if entry.organisation == f"school:{urn}")
        return [request for request in standing if isinstance(request, SubmitRequest)]

    def _submission(self, subject: str) -> Submission | None:
        entry = self.entries.get(subject)
        return entry.submission if entry else None


def loaded(entries: Iterable[Entry], postcodes: Mapping[str, Position] | None = None) -> Register:
    """Make a register of entries as they are stored, none of them changed."""
    register = Register(postcodes=dict(postcodes or {}))
    for entry in entries:
        register.entries[entry.subject] = entry
    return register


def renewed(entry: Entry, **changes: object) -> Entry:
    """Change an entry and raise the version of its facts."""
    return replace(entry, **{"fact_version": entry.fact_version + 1, **changes})  # type: ignore[arg-type] # by field name
