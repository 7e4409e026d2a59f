"""Who decided what, told as people think of it: what was decided at one time about many sessions is one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.hubs import AuditView, SessionView
from services.portal.tables import Account, Token

_AT_ONE_TIME = timedelta(seconds=5)
_WHY = {"not_this_time": "Not this time", "not_this_match": "Not this match"}


@dataclass(slots=True)
class Line:
    """A decision, or several alike that were taken at one time; `sessions` are those still in the newest timetable."""

    decided_at: datetime
    decision: str
    detail: str
    version: int | None
    by: str
    encounters: list[str] = field(default_factory=list)
    sessions: list[SessionView] = field(default_factory=list)


def lines_of(entries: Iterable[AuditView], sessions: Sequence[SessionView], names: Mapping[str, str]) -> list[Line]:
    """Put entries, the newest first, into lines; `names` tells who stands behind an id."""
    known = {session.encounter: session for session in sessions}
    lines: list[Line] = []
    for entry in entries:
        line = lines[-1] if lines else None
        by = names.get(entry.decided_by, entry.decided_by)
        same = line and (line.decision, line.detail, line.version, line.by) == (
            entry.decision, _in_words(entry.detail), entry.version, by
        )  # fmt: skip
        if line is None or not same or not entry.encounter or line.decided_at - entry.decided_at > _AT_ONE_TIME:
            line = Line(entry.decided_at, entry.decision, _in_words(entry.detail), entry.version, by)
            lines.append(line)
        if entry.encounter:
            line.encounters.append(entry.encounter)
            if session := known.get(entry.encounter):
                line.sessions.append(session)
    return lines


def _in_words(detail: str) -> str:
    why, colon, reason = detail.partition(":")
    return f"{_WHY.get(why, why)}{colon}{reason}"


async def names_of(session: AsyncSession, ids: Iterable[str]) -> dict[str, str]:
    """Name accounts by their e-mail address and tokens by what they are for."""
    kinds: dict[str, set[str]] = {"account": set(), "token": set()}
    for one in ids:
        kind, _, number = one.partition(":")
        kinds.get(kind, set()).add(number)
    accounts = await session.exec(select(Account).where(col(Account.id).in_(kinds["account"])))
    tokens = await session.exec(select(Token).where(col(Token.id).in_(kinds["token"])))
    return {
        **{f"account:{account.id}": account.email for account in accounts},
        **{f"token:{token.id}": f"the program “{token.name}”" for token in tokens},
    }
