"""Signing in: cookie, form token, limits; tokens are kept as hashes only."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from sqlalchemy import text

from services.portal.accounts import FAILURES_AT_ONE_PLACE, EmailTaken
from tests.portal.conftest import Running
from tests.portal.hubmade import Hub


@asynccontextmanager
async def visitor(portal: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=portal.url) as client:
        yield client


async def form_token(client: httpx.AsyncClient, path: str = "/sign-in") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get(path)).text)
    assert found
    return found[1]


async def sign_in(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    form = {"email": email, "password": password, "csrf": await form_token(client)}
    return await client.post("/sign-in", data=form)


async def test_somebody_signs_in_and_out(portal: Running, hub: Hub) -> None:
    password = await portal.account("school", f"school:{hub.schools[0]}", f"Head@{hub.hub}.example.org")
    async with visitor(portal) as client:
        answer = await sign_in(client, f" head@{hub.hub}.example.org ", password)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        me = (await client.get("/api/v1/me")).json()
        assert (me["role"], me["organisation"]) == ("school", f"school:{hub.schools[0]}")
        assert (await client.get("/school")).status_code == 200
        assert (await client.get("/employer")).status_code == 403
        body = {"school": hub.schools[0], "group": "G", "year": 9, "size": 9, "calendars": ["c"]}
        without = await client.post("/api/v1/requests", json=body)
        assert without.status_code == 403
        token = await form_token(client, "/school")
        assert (await client.post("/api/v1/requests", json=body, headers={"X-CSRF-Token": token})).status_code == 202
        assert (await client.post("/sign-out", data={"csrf": "forged"})).status_code == 403
        assert (await client.post("/sign-out", data={"csrf": token})).status_code == 303
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_wrong_password_is_told_and_too_many_are_stopped(portal: Running, hub: Hub) -> None:
    email = f"careers@{hub.hub}.example.org"
    password = await portal.account("school", f"school:{hub.schools[0]}", email)
    async with visitor(portal) as client:
        assert (await client.post("/sign-in", data={"email": email, "password": password})).status_code == 403
        for _ in range(FAILURES_AT_ONE_PLACE):
            wrong = await sign_in(client, email, "wrong")
            assert wrong.status_code == 401
            assert "do not fit together" in wrong.text
        stopped = await sign_in(client, email, password)
        assert stopped.status_code == 429
        assert int(stopped.headers["retry-after"]) > 0


async def test_secrets_are_kept_as_hashes_only(portal: Running, hub: Hub) -> None:
    email = f"hash@{hub.hub}.example.org"
    password = await portal.account("coordinator", f"hub:{hub.hub}", email)
    token = await portal.token("coordinator", f"hub:{hub.hub}")
    async with portal.database.transaction() as session:
        connection = await session.connection()
        stored = await connection.scalar(
            text("SELECT password_hash FROM accounts WHERE email = :email"), {"email": email}
        )
        found = await connection.scalar(
            text("SELECT count(*) FROM tokens WHERE CAST(tokens AS text) LIKE :t"), {"t": f"%{token}%"}
        )
    assert stored.startswith("$argon2id$")
    assert password not in stored
    assert found == 0
    with pytest.raises(EmailTaken):
        await portal.account("coordinator", f"hub:{hub.hub}", email.upper())


async def test_every_answer_has_the_security_headers(portal: Running) -> None:
    async with visitor(portal) as client:
        for path in ("/sign-in", "/static/portal.css", "/api/v1/me", "/nowhere"):
            headers = (await client.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe-inline" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/sign-in")).headers["cache-control"] == "no-store"


async def test_health_asks_database_and_kafka(portal: Running) -> None:
    async with visitor(portal) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"database": True, "kafka": True})
