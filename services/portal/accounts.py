"""Accounts and tokens: who signs in and which machines may come in; secrets are kept only as hashes."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.portal.permissions import Principal, check_role_fits
from services.portal.problems import TooOften
from services.portal.tables import Account, SignInFailure, Token, now

_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))

FAILURES_AT_ONE_PLACE = 10
FAILURES_OF_ACCOUNT = 100
FAILURES_OF_ADDRESS = 50
FAILURES_KEPT = timedelta(minutes=15)
_LONGEST_PASSWORD = 200


class EmailTaken(ValueError):
    """There is an account with this e-mail address already."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account just created; the password is shown this once."""

    account: Account
    password: str


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just created; its text is shown this once."""

    token: Token
    text: str


async def create_account(
    session: AsyncSession, *, email: str, role: str, organisation: str, password: str | None = None
) -> NewAccount:
    """Create an account, with a password of our making unless one is given.

    Raises WrongOrganisation when role and organisation do not fit, EmailTaken when the address has an account.
    """
    check_role_fits(role, organisation)
    secret = password or "-".join(secrets.token_hex(3) for _ in range(4))
    account = Account(
        email=email.strip().lower(),
        password_hash=await asyncio.to_thread(_HASHER.hash, secret),
        role=role,
        organisation=organisation,
    )
    try:
        async with session.begin_nested():
            session.add(account)
    except IntegrityError as error:
        raise EmailTaken(f"{account.email} has an account already: sign in with it, or take another address") from error
    return NewAccount(account, secret)


async def create_token(session: AsyncSession, *, name: str, role: str, organisation: str) -> NewToken:
    """Create a machine's token for one organisation. Raises WrongOrganisation when role and organisation do not fit."""
    check_role_fits(role, organisation)
    text = f"enc_{secrets.token_urlsafe(32)}"
    token = Token(token_sha256=_sha256(text), name=name, role=role, organisation=organisation)
    session.add(token)
    await session.flush()
    return NewToken(token, text)


async def principal_of_token(session: AsyncSession, text: str) -> Principal | None:
    """Find who a bearer token speaks for."""
    token = (await session.exec(select(Token).where(Token.token_sha256 == _sha256(text)))).first()
    if token is None:
        return None
    return Principal(f"token:{token.id}", check_role_fits(token.role, token.organisation), token.organisation)


async def principal_of_account(session: AsyncSession, account_id: str) -> Principal | None:
    """Find who a signed-in account is; None when it is gone."""
    account = await session.get(Account, account_id)
    if account is None:
        return None
    return Principal(f"account:{account.id}", check_role_fits(account.role, account.organisation), account.organisation)


async def sign_in(session: AsyncSession, *, email: str, password: str, address: str) -> Account | None:
    """Check an e-mail address and a password; None when they don't fit, which is counted.

    Raises TooOften after 10 failures for an account from one network address, 50 from that address in all, or 100 for
    the account from anywhere, within 15 minutes; so that nobody locks an account's owner out easily.
    """
    email = email.strip().lower()
    who = {
        _sha256(f"both {email} {address}"): FAILURES_AT_ONE_PLACE,
        _sha256(f"email {email}"): FAILURES_OF_ACCOUNT,
        _sha256(f"address {address}"): FAILURES_OF_ADDRESS,
    }
    await session.exec(delete(SignInFailure).where(col(SignInFailure.failed_at) < now() - FAILURES_KEPT))
    failures = await session.exec(
        select(SignInFailure.who, func.count()).where(col(SignInFailure.who).in_(who)).group_by(SignInFailure.who)
    )
    if any(count >= who[name] for name, count in failures):
        raise TooOften(
            "There were too many tries with a wrong password. Wait 15 minutes, then try again.",
            retry_after_seconds=int(FAILURES_KEPT.total_seconds()),
        )
    account = (await session.exec(select(Account).where(Account.email == email))).first()
    known = account.password_hash if account else _NOBODY
    if await asyncio.to_thread(_fits, known, password[:_LONGEST_PASSWORD]) and account:
        return account
    session.add_all([SignInFailure(who=name) for name in who])
    return None


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
