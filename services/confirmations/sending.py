"""Sends the mail that is due: over SMTP, or printed into the mailbox folder where no server is set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
from sqlalchemy import func, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.confirmations.invitation import mail
from services.confirmations.tables import Mail, Party
from services.confirmations.telling import NEWS
from shared.database import Database
from shared.events.encounters import EncounterTold
from shared.logging import get_logger, where
from shared.settings import Settings

Send = Callable[[EmailMessage], Awaitable[None]]

_BATCH = 100
_IDLE_SECONDS = 1.0
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
MOST_ATTEMPTS = 80
"""After so many tries, about three days, a message is given up."""
_SENDER_LOCK = 7015


def smtp(url: str) -> Send:
    """Send by an SMTP server: smtp:// starts TLS where the server offers it, smtps:// is TLS from the first byte."""
    parts = urlsplit(url)
    secure = parts.scheme == "smtps"

    async def send(message: EmailMessage) -> None:
        await aiosmtplib.send(
            message,
            hostname=parts.hostname,
            port=parts.port or (465 if secure else 25),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=secure,
            timeout=30,
        )

    return send


def mailbox(folder: Path) -> Send:
    """Print each message into a folder, as the file that a mail program opens; the same message replaces itself.

    A file is there only once it is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)

    async def send(message: EmailMessage) -> None:
        name = message["Message-ID"].strip("<>").split("@")[0]
        await asyncio.to_thread(_put, folder / f"{name}.eml", message.as_bytes())

    return send


def _put(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


_NEWER = text(
    "SELECT 1 FROM mails WHERE id > :id AND data->>'encounter' = :encounter AND data->>'party_kind' = :party_kind "
    "AND data->>'party' = :party LIMIT 1"
)


class MailSender:
    """Sends what is due until it is stopped; of several copies one at a time, so that updates keep their order."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._organiser = settings.mail_from
        self._portal_url = settings.portal_url
        self._send = smtp(settings.smtp_url) if settings.smtp_url else mailbox(settings.mailbox())
        self._batch = 1 if settings.smtp_url else _BATCH
        self._log = get_logger(service="confirmations")

    async def run(self) -> None:
        """Send for ever; an error, of the database or of ours, is waited out."""
        while True:
            try:
                handled = await self.send_due()
            except Exception as error:  # a sender that ended would hold back all mail without a word
                self._log.warning("confirmations.mail.waiting", error=type(error).__name__, where=where(error))
                handled = 0
            if handled == 0:
                await asyncio.sleep(_IDLE_SECONDS)

    async def send_due(self) -> int:
        """Send the oldest messages that are due; returns how many were dealt with.

        Over SMTP each is a transaction of its own, so that a crash repeats one at most; in the mailbox folder a repeated
        message replaces itself.
        """
        async with self._database.transaction() as session:
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(_SENDER_LOCK))):
                return 0
            due = (
                await session.exec(
                    select(Mail)
                    .where(col(Mail.status) == "due", col(Mail.next_try) <= datetime.now(UTC))
                    .order_by(col(Mail.id))
                    .limit(self._batch)
                )
            ).all()
            addresses = await _addresses(session, due)
            for one in due:
                told = NEWS[one.news].model_validate(one.data)
                if one.attempts and await _newer(session, one, told):
                    one.status = "superseded"
                else:
                    await self._deal_with(one, told, addresses.get((told.party_kind, told.party)))
        return len(due)

    async def _deal_with(self, one: Mail, told: EncounterTold, address: str | None) -> None:
        if address is None:
            one.status = "no-address"
            self._log.warning("confirmations.mail.no_address", party_kind=told.party_kind, party=told.party)
            return
        try:
            await self._send(mail(one.news, told, self._organiser, address, self._portal_url))
            one.status = "sent"
        except (aiosmtplib.SMTPException, OSError) as error:
            one.attempts += 1
            if one.attempts >= MOST_ATTEMPTS:
                one.status = "given-up"
            pause = min(_FIRST_PAUSE * 2 ** (one.attempts - 1), _LONGEST_PAUSE)
            one.next_try = datetime.now(UTC) + pause
            self._log.warning(
                "confirmations.mail.failed", attempts=one.attempts, error=type(error).__name__, again_in=str(pause)
            )
        except Exception as error:  # one that can't be written must not hold up those behind it
            one.status = "given-up"
            self._log.error(
                "confirmations.mail.unwritable",
                party_kind=told.party_kind,
                party=told.party,
                error=type(error).__name__,
            )


async def _newer(session: AsyncSession, one: Mail, told: EncounterTold) -> bool:
    """Tell whether the party has been, or is about to be, told something newer of the encounter."""
    about = {"encounter": told.encounter, "party_kind": told.party_kind, "party": told.party}
    return bool(await (await session.connection()).scalar(_NEWER, {"id": one.id, **about}))


async def _addresses(session: AsyncSession, due: Sequence[Mail]) -> dict[tuple[str, str], str]:
    wanted = {one.data["party"] for one in due}
    parties = await session.exec(select(Party).where(col(Party.id).in_(wanted)))
    return {(party.kind, party.id): party.data["email"] for party in parties if party.data.get("email")}
