"""What a request brings: its transaction, who is asking, and whether a form is our own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.accounts import principal_of_account, principal_of_token
from services.portal.permissions import Principal
from services.portal.problems import NotSignedIn, NotYours, Unavailable
from shared.database import Database
from shared.settings import Settings

SESSION_COOKIE = "encounters_session"
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Portal:
    """What every request of one running portal shares."""

    settings: Settings
    database: Database
    nudge: Callable[[], None]
    ping: Callable[[], Awaitable[bool]]


def portal_of(request: Request) -> Portal:
    """Find the running portal. Raises Unavailable when the app was built for its documentation only."""
    portal: Portal | None = request.app.state.portal
    if portal is None:
        raise Unavailable("This portal is not running.")
    return portal


Running = Annotated[Portal, Depends(portal_of)]


async def _transaction(portal: Running) -> AsyncIterator[AsyncSession]:
    async with portal.database.transaction() as session:
        yield session
    portal.nudge()


Transaction = Annotated[AsyncSession, Depends(_transaction, scope="function")]
"""One request is one transaction, committed before its answer is sent."""

_bearer = HTTPBearer(auto_error=False, description="A machine's token, from `encounters token create`.")
_cookie = APIKeyCookie(
    name=SESSION_COOKIE, auto_error=False,
    description=f"A signed-in person's cookie; requests that change something need the header {CSRF_HEADER} too.",
)  # fmt: skip


async def _principal(
    request: Request,
    session: Transaction,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    _cookie: Annotated[str | None, Depends(_cookie)],
) -> Principal:
    if bearer is not None:
        principal = await principal_of_token(session, bearer.credentials)
        if principal is None:
            raise NotSignedIn("This token is not known: create one with `encounters token create`.")
        return principal
    account = request.session.get("account")
    signed_in = await principal_of_account(session, account) if account else None
    if signed_in is None:
        raise NotSignedIn("Sign in, or send a token as `Authorization: Bearer ...`.")
    if request.method not in ("GET", "HEAD") and request.url.path.startswith("/api/"):
        check_csrf(request, request.headers.get(CSRF_HEADER, ""))
    return signed_in


Asking = Annotated[Principal, Depends(_principal)]


def csrf_token(request: Request) -> str:
    """Give the token that our own forms carry, made at the first form of a session."""
    token: str = request.session.setdefault("csrf", secrets.token_urlsafe(24))
    return token


def check_csrf(request: Request, given: str) -> None:
    """Raise NotYours when a form or a script was not sent by our own pages."""
    expected: str = request.session.get("csrf", "")
    if not expected or not secrets.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise NotYours("This form is out of date. Go back, reload the page and send it again.")
