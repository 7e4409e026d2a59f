"""Takes facts (whom we can reach) and decisions (what was published), and tells the parties."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.confirmations.tables import Mail, Party, Published, Told
from services.confirmations.telling import Names, Telling, TellingKey, what_to_tell
from shared.envelope import Event, new_event
from shared.events.decisions import SessionPublished, TimetablePublished
from shared.events.encounters import EncounterTold
from shared.events.facts import AvailabilityRegistered, EmployerRegistered, SchoolDescribed, SchoolRegistered
from shared.logging import get_logger
from shared.outbox import send
from shared.settings import Settings

SOURCE = "/confirmations"
_ROWS_A_STATEMENT = 2000


class IncompleteTimetable(RuntimeError):
    """A published version's header came without all its sessions; they share a key, so this is a fault of the sender."""

    def __init__(self, published: TimetablePublished, came: int) -> None:
        super().__init__(
            f"version {published.version} of {published.hub}: {came} of {published.sessions} sessions came"
        )


_ADDRESS_CAME = text(
    "UPDATE mails SET status = 'due', attempts = 1, next_try = now() WHERE status = 'no-address' "
    "AND (data->>'party_kind', data->>'party') IN "
    "(SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS text[]))) "
    "AND CAST(data->>'start' AS timestamp) AT TIME ZONE (data->>'time_zone') > now()"
)


class Handlers:
    """What the service does with each batch of events."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._log = get_logger(service="confirmations")

    async def facts(self, session: AsyncSession, events: Sequence[Event[Any]]) -> None:
        """Keep the names and contacts of employers and schools, and where visits go; a late older fact changes nothing.

        Mail that waited for an address goes out once there is one, unless its encounter has begun.
        """
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for event in events:
            row = _party(event.data)
            if row is not None:
                key = (row["kind"], row["id"], row["part"])
                if key not in rows or rows[key]["version"] < row["version"]:
                    rows[key] = row
        for some in _portions(list(rows.values())):
            statement = upsert(Party).values(some)
            await session.exec(
                statement.on_conflict_do_update(
                    index_elements=["kind", "id", "part"],
                    set_={"version": statement.excluded.version, "data": statement.excluded.data},
                    where=col(Party.version) < statement.excluded.version,
                )
            )
        reachable = [row for row in rows.values() if row["data"].get("email")]
        if reachable:
            names = {"kinds": [row["kind"] for row in reachable], "ids": [row["id"] for row in reachable]}
            await (await session.connection()).execute(_ADDRESS_CAME, names)

    async def decisions(self, session: AsyncSession, events: Sequence[Event[Any]]) -> None:
        """Collect published sessions, and tell the parties once a version's header is there."""
        waiting: list[SessionPublished] = []
        for event in events:
            if isinstance(event.data, SessionPublished):
                waiting.append(event.data)
            elif isinstance(event.data, TimetablePublished):
                await _keep(session, waiting)
                waiting = []
                await self._publish(session, event)
        await _keep(session, waiting)

    async def _publish(self, session: AsyncSession, event: Event[TimetablePublished]) -> None:
        """Tell the parties what a version changes for them; one that is older than what they know is late, and dropped."""
        published = event.data
        lock = func.hashtext(f"{published.hub}/{published.academic_year}")
        await session.exec(select(func.pg_advisory_xact_lock(7014, lock)))
        told = await _told_in(session, published)
        if published.version < max((one.data["version"] for one in told.values()), default=0):
            await session.exec(delete(Published).where(*_version(published)))
            self._log.warning("confirmations.published.late", hub=published.hub, version=published.version)
            return
        rows = await session.exec(select(Published).where(*_version(published)).order_by(col(Published.encounter)))
        sessions = [SessionPublished.model_validate(row.data) for row in rows]
        if len(sessions) != published.sessions:
            raise IncompleteTimetable(published, len(sessions))
        news = what_to_tell(sessions, told, await _names(session))
        for some in _portions([_told_row(what, data) for what, data in news]):
            statement = upsert(Told).values(some)
            await session.exec(
                statement.on_conflict_do_update(
                    index_elements=["encounter", "party_kind", "party"],
                    set_={name: statement.excluded[name] for name in ("sequence", "cancelled", "data")},
                )
            )
        if news:
            mails = [{"news": what, "data": data.model_dump(mode="json")} for what, data in news]
            await session.exec(insert(Mail), params=mails)
        await send(session, [new_event(SOURCE, data, cause=event) for _, data in news], self._prefix)
        await session.exec(delete(Published).where(*_version(published)))
        counts = {what: sum(one == what for one, _ in news) for what in ("confirmed", "moved", "cancelled")}
        self._log.info("confirmations.published", hub=published.hub, version=published.version, **counts)


def _version(published: TimetablePublished) -> tuple[Any, ...]:
    return (
        col(Published.hub) == published.hub,
        col(Published.academic_year) == published.academic_year,
        col(Published.version) == published.version,
    )


async def _keep(session: AsyncSession, sessions: Sequence[SessionPublished]) -> None:
    rows = [
        {
            "hub": one.hub,
            "academic_year": one.academic_year,
            "version": one.version,
            "encounter": one.encounter,
            "data": one.model_dump(mode="json"),
        }
        for one in sessions
    ]
    for some in _portions(rows):
        await session.exec(upsert(Published).values(some).on_conflict_do_nothing())


async def _told_in(session: AsyncSession, published: TimetablePublished) -> dict[TellingKey, Telling]:
    rows = await session.exec(
        select(Told).where(col(Told.hub) == published.hub, col(Told.academic_year) == published.academic_year)
    )
    return {(row.encounter, row.party_kind, row.party): Telling(row.sequence, row.cancelled, row.data) for row in rows}


async def _names(session: AsyncSession) -> Names:
    parties = (await session.exec(select(Party).where(col(Party.part) == "register"))).all()

    def of(kind: str, what: str) -> dict[str, str]:
        return {party.id: party.data[what] for party in parties if party.kind == kind}

    return Names(
        of("employer", "name"),
        of("school", "name"),
        of("employer", "postcode"),
        of("school", "postcode"),
        {offer: postcode for offer, postcode in of("availability", "postcode").items() if postcode},
    )


def _told_row(news: str, data: EncounterTold) -> dict[str, Any]:
    return {
        "encounter": data.encounter,
        "party_kind": data.party_kind,
        "party": data.party,
        "hub": data.hub,
        "academic_year": data.academic_year,
        "sequence": data.sequence,
        "cancelled": news == "cancelled",
        "data": data.model_dump(mode="json"),
    }


def _party(data: object) -> dict[str, Any] | None:
    match data:
        case EmployerRegistered():
            told = {"name": data.name, "postcode": data.postcode, "email": data.contact_email}
            return {"kind": "employer", "id": data.employer, "part": "register", "version": data.version, "data": told}
        case AvailabilityRegistered(mode="workplace"):
            key = {"kind": "availability", "id": data.availability, "part": "register"}
            return {**key, "version": data.version, "data": {"postcode": data.postcode}}
        case SchoolRegistered():
            told = {"name": data.name, "postcode": data.postcode}
            return {"kind": "school", "id": data.school, "part": "register", "version": data.version, "data": told}
        case SchoolDescribed():
            told = {"email": data.contact_email}
            return {"kind": "school", "id": data.school, "part": "profile", "version": data.version, "data": told}
    return None


def _portions(rows: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    for first in range(0, len(rows), _ROWS_A_STATEMENT):
        yield rows[first : first + _ROWS_A_STATEMENT]
