"""Intake's table of postcodes, filled from a directory in one go."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from shared.database import Database

PostcodeRow = tuple[str, float, float]
"""A postcode as people write it, latitude and longitude in degrees (WGS 84)."""

_MERGE = text(
    "INSERT INTO postcodes (postcode, latitude, longitude) "
    "SELECT DISTINCT ON (postcode) postcode, latitude, longitude FROM new_postcodes "
    "ON CONFLICT (postcode) DO UPDATE SET latitude = excluded.latitude, longitude = excluded.longitude "
    "WHERE (postcodes.latitude, postcodes.longitude) IS DISTINCT FROM (excluded.latitude, excluded.longitude)"
)


async def put_postcodes(database: Database, rows: Iterable[PostcodeRow]) -> int:
    """Add postcodes, or move those that are known; all or none. Returns how many are new or have moved."""
    async with database.transaction() as session:
        connection = await session.connection()
        await connection.execute(text("CREATE TEMPORARY TABLE new_postcodes (LIKE postcodes) ON COMMIT DROP"))
        raw = await connection.get_raw_connection()
        copying = raw.driver_connection
        if copying is None:
            raise ConnectionError("the database connection was closed")
        await copying.copy_records_to_table(
            "new_postcodes", records=rows, columns=["postcode", "latitude", "longitude"]
        )
        merged = await connection.execute(_MERGE)
        return merged.rowcount
