"""Reading and writing the register: a handful of statements for a batch, whatever its size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.register import Entry, Register, loaded
from shared.events.fields import Position
from shared.events.submissions import (
    DescribeSchool,
    OfEmployer,
    OfSchool,
    RegisterEmployer,
    RegisterHub,
    RegisterSchool,
    Submission,
    SubmitAvailability,
    SubmitPledge,
    SubmitRequest,
)

_LOCK = 7014

_COLUMNS = "SELECT subject, organisation, hub, version, fact_version, withdrawn, CAST(document AS text) AS document FROM register "
_BY_SUBJECT = text(_COLUMNS + "WHERE kind = 'hub' OR subject = ANY(CAST(:subjects AS text[]))")
_BY_ORGANISATION = text(_COLUMNS + "WHERE organisation = ANY(CAST(:organisations AS text[]))")
_BY_HUB = text(_COLUMNS + "WHERE hub = ANY(CAST(:hubs AS text[])) AND kind = ANY(CAST(:kinds AS text[]))")
_CALENDARS = text(
    "SELECT substr(subject, 9) AS school, ARRAY(SELECT jsonb_object_keys(document->'calendars')) AS names "
    "FROM register WHERE subject = ANY(CAST(:subjects AS text[]))"
)
_POSTCODES = text(
    "SELECT postcode, latitude, longitude FROM postcodes WHERE postcode = ANY(CAST(:postcodes AS text[]))"
)
_ROWS = (
    "unnest(CAST(:subjects AS text[]), CAST(:kinds AS text[]), CAST(:organisations AS text[]), CAST(:hubs AS text[]), "
    "CAST(:versions AS bigint[]), CAST(:fact_versions AS bigint[]), CAST(:withdrawn AS boolean[]), "
    "CAST(CAST(:documents AS text[]) AS jsonb[]), CAST(:known_versions AS bigint[]), CAST(:known_fact_versions AS bigint[])) AS new "
    "(subject, kind, organisation, hub, version, fact_version, withdrawn, document, known_version, known_fact_version)"
)
_INSERT = text(
    "INSERT INTO register (subject, kind, organisation, hub, version, fact_version, withdrawn, document) "  # noqa: S608 - constants
    "SELECT subject, kind, organisation, hub, version, fact_version, withdrawn, document FROM " + _ROWS
)
_UPDATE = text(
    "UPDATE register SET hub = new.hub, version = new.version, fact_version = new.fact_version, "  # noqa: S608 - constants
    "withdrawn = new.withdrawn, document = new.document, changed_at = now() FROM "
    + _ROWS
    + " WHERE register.subject = new.subject AND register.version = new.known_version "
    "AND register.fact_version = new.known_fact_version"
)


class RegisterChanged(RuntimeError):
    """Another copy changed the same thing meanwhile: submissions of one organisation came by different Kafka keys."""


async def lock(connection: AsyncConnection, *, alone: bool) -> None:
    """Take the register's lock until the transaction ends: changes that reach beyond one organisation are made alone."""
    shared = "" if alone else "_shared"
    await connection.execute(
        text(f"SELECT pg_advisory_xact_lock{shared}(:lock, hashtext(current_schema()))"), {"lock": _LOCK}
    )


async def load(connection: AsyncConnection, submissions: Sequence[Submission]) -> Register:
    """Load all that decisions on these submissions need: what they name, and what depends on what they change."""
    subjects = {subject for said in submissions for subject in _named(said)}
    found = await _entries(connection, _BY_SUBJECT, subjects=list(subjects))
    register = loaded(found)
    whole = {
        said.organisation()
        for said in submissions
        if isinstance(said, DescribeSchool | RegisterSchool) and said.subject() in register.entries
    }
    if whole:
        _add(register, await _entries(connection, _BY_ORGANISATION, organisations=list(whole)))
    hubs = {said.hub for said in submissions if isinstance(said, RegisterHub) and said.subject() in register.entries}
    if hubs:
        kinds = ["school", "profile", "availability"]
        _add(register, await _entries(connection, _BY_HUB, hubs=list(hubs), kinds=kinds))
    moved = {
        hub
        for said in submissions
        if isinstance(said, RegisterSchool) and (hub := register.hub_of_school(said.school)) is not None
    }
    if moved:
        _add(register, await _entries(connection, _BY_HUB, hubs=list(moved), kinds=["pledge"]))
        firsts = {
            f"school:{urn}"
            for entry in register.of_kind("pledge")
            if isinstance(entry.submission, SubmitPledge)
            for urn in entry.submission.schools_first
        }
        _add(register, await _entries(connection, _BY_SUBJECT, subjects=list(firsts)))
    await _load_calendars(connection, submissions, register)
    await _load_postcodes(connection, submissions, register)
    return register


async def save(connection: AsyncConnection, register: Register, known: Mapping[str, Entry]) -> None:
    """Write what the decisions have changed; `known` are the entries as they were loaded.

    Raises RegisterChanged where one is no longer so: the batch is decided again on what is there now.
    """
    changed = [register.entries[subject] for subject in sorted(register.changed)]
    for statement, entries in (
        (_INSERT, [entry for entry in changed if entry.subject not in known]),
        (_UPDATE, [entry for entry in changed if entry.subject in known]),
    ):
        if entries:
            before = [known.get(entry.subject, entry) for entry in entries]
            written = await connection.execute(
                statement,
                {
                    "known_versions": [entry.version for entry in before],
                    "known_fact_versions": [entry.fact_version for entry in before],
                    "subjects": [entry.subject for entry in entries],
                    "kinds": [entry.kind for entry in entries],
                    "organisations": [entry.organisation for entry in entries],
                    "hubs": [entry.hub for entry in entries],
                    "versions": [entry.version for entry in entries],
                    "fact_versions": [entry.fact_version for entry in entries],
                    "withdrawn": [entry.withdrawn for entry in entries],
                    "documents": [entry.document() for entry in entries],
                },
            )
            if written.rowcount != len(entries):
                raise RegisterChanged


def _named(said: Submission) -> list[str]:
    """List the subjects that a submission is about or refers to."""
    named = [said.subject()]
    if isinstance(said, OfSchool):
        named.append(f"school:{said.school}")
    if isinstance(said, OfEmployer):
        named.append(f"employer:{said.employer}")
    if isinstance(said, SubmitPledge):
        named += [f"school:{urn}" for urn in said.schools_first]
    return named


async def _entries(connection: AsyncConnection, statement: object, **parameters: list[str]) -> list[Entry]:
    rows = await connection.execute(statement, parameters)  # type: ignore[call-overload] # a text clause
    return [
        Entry(row.subject, row.organisation, row.hub, row.version, row.fact_version, row.document, row.withdrawn)
        for row in rows
    ]


def _add(register: Register, entries: Iterable[Entry]) -> None:
    for entry in entries:
        register.entries.setdefault(entry.subject, entry)


async def _load_calendars(connection: AsyncConnection, submissions: Sequence[Submission], register: Register) -> None:
    profiles = {f"profile:{said.school}" for said in submissions if isinstance(said, SubmitRequest | DescribeSchool)}
    if profiles:
        rows = await connection.execute(_CALENDARS, {"subjects": list(profiles)})
        register.calendars = {row.school: frozenset(row.names) for row in rows}


async def _load_postcodes(connection: AsyncConnection, submissions: Sequence[Submission], register: Register) -> None:
    wanted = {
        said.postcode
        for said in submissions
        if isinstance(said, RegisterSchool | RegisterEmployer | SubmitAvailability) and said.postcode
    }
    if any(isinstance(said, RegisterHub) for said in submissions):
        places = (entry.submission for entry in register.of_kind("availability"))
        wanted |= {said.postcode for said in places if isinstance(said, SubmitAvailability) and said.postcode}
    if wanted:
        rows = await connection.execute(_POSTCODES, {"postcodes": list(wanted)})
        found: dict[str, Position] = {row.postcode: (row.latitude, row.longitude) for row in rows}
        register.postcodes = found
