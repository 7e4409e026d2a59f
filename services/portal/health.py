"""Whether the portal can do its work: asked by whoever runs it, without signing in."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from services.portal.asking import Portal, Running

_PATIENCE_SECONDS = 3.0

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """What answers."""

    database: bool
    kafka: bool


@router.get("/health", responses={503: {"model": Health, "description": "Something does not answer"}})
async def health(portal: Running, response: Response) -> Health:
    """Ask the database and Kafka whether they answer."""
    found = Health(database=await _database_answers(portal), kafka=await portal.ping())
    if not (found.database and found.kafka):
        response.status_code = 503
    return found


async def _database_answers(portal: Portal) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), portal.database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError):
        return False
    return True
