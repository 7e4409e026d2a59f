"""When the database is away, or we have a fault of our own, people get a plain answer and no detail leaks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from services.portal.app import Answered
from services.portal.asking import Portal
from services.portal.web import build_app
from shared.database import open_database
from shared.settings import Settings


@pytest.fixture
async def without_database() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a portal whose database nobody answers for."""
    database = open_database(make_url("postgresql+asyncpg://nobody:secret@127.0.0.1:9/nothing"))

    async def kafka_is_away() -> bool:
        return False

    app = build_app(Portal(Settings(), database, lambda: None, kafka_is_away), secret="only-for-tests")

    @app.get("/api/v1/fault", include_in_schema=False)
    async def fault() -> None:
        raise RuntimeError("a detail that nobody outside should see")

    transport = httpx.ASGITransport(Answered(app), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
        yield client
    await database.close()


async def test_health_says_what_does_not_answer(without_database: httpx.AsyncClient) -> None:
    answer = await without_database.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"database": False, "kafka": False})


async def test_a_machine_is_told_to_try_again(without_database: httpx.AsyncClient) -> None:
    answer = await without_database.get("/api/v1/me", headers={"Authorization": "Bearer enc_x"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


async def test_a_person_gets_a_page(without_database: httpx.AsyncClient) -> None:
    answer = await without_database.get("/school")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    token = (await without_database.get("/sign-in")).text.partition('name="csrf" value="')[2].partition('"')[0]
    form = {"email": "a@example.org", "password": "x", "csrf": token}
    answer = await without_database.post("/sign-in", data=form)
    assert answer.status_code == 503
    assert "can&#39;t be reached" in answer.text


async def test_a_fault_of_ours_tells_no_detail_and_is_recorded_without_its_words(
    without_database: httpx.AsyncClient,
) -> None:
    with capture_logs() as logs:
        answer = await without_database.get("/api/v1/fault")
    assert [(entry["event"], entry["error"]) for entry in logs] == [("portal.request.failed", "RuntimeError")]
    assert "nobody outside" not in str(logs)
    assert answer.status_code == 500
    assert "nobody outside" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
