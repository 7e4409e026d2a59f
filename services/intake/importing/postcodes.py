"""The postcode directory of the Office for National Statistics, or any table of postcode, latitude and longitude."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from services.intake.importing.files import TableRefused, open_table, rows_of, tidy_postcode

WHERE = "the ONS postcode directory (columns pcds or pcd, lat, long) or a table with postcode, lat, lon"

_NAMES = {
    "postcode": ("pcds", "pcd", "pcd7", "pcd8", "postcode"),
    "latitude": ("lat", "latitude"),
    "longitude": ("long", "lon", "longitude"),
}
_NOWHERE = 90.0
"""The directory gives 99.999999 as the latitude of postcodes that have no place, such as those of the islands."""


def read_postcodes(path: Path, left_out: Counter[str]) -> Iterator[tuple[str, float, float]]:
    """Read postcodes with their positions in degrees, one at a time; counts in `left_out` what is not usable.

    Raises TableRefused when the columns are not there.
    """
    with open_table(path) as text:
        header = text.readline()
        text.seek(0)
        known = {name.strip().strip('"').lower(): name.strip().strip('"') for name in header.split(",")}
        columns = {
            meaning: next((known[name] for name in names if name in known), None) for meaning, names in _NAMES.items()
        }
        postcode, latitude, longitude = columns["postcode"], columns["latitude"], columns["longitude"]
        if postcode is None or latitude is None or longitude is None:
            missing = ", ".join(meaning for meaning, name in columns.items() if name is None)
            raise TableRefused(f"the table has no column for {missing}: take {WHERE}")
        for _, row in rows_of(text, (), WHERE):
            tidy = tidy_postcode(row[postcode])
            try:
                at = (float(row[latitude]), float(row[longitude]))
            except ValueError:
                at = (_NOWHERE, 0.0)
            if tidy is None:
                left_out["not a postcode"] += 1
            elif not (-_NOWHERE < at[0] < _NOWHERE and -180 <= at[1] <= 180):
                left_out["no position"] += 1
            else:
                yield tidy, *at
