"""Distances and journeys, for one pair of places and for whole arrays of them.

`km` is the great-circle distance on a sphere of radius 6371.0088 km (the Earth's mean radius, IUGG), by the haversine
formula. Distances are compared with a tolerance of `KM_TOLERANCE`.
"""

from __future__ import annotations

from math import asin, ceil, cos, radians, sin, sqrt
from typing import TYPE_CHECKING

from services.matching.planning.model import Policy, Position

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EARTH_RADIUS_KM = 6371.0088
KM_TOLERANCE = 1e-9
_NEAR_A_WHOLE_MINUTE = 1e-6


def km(a: Position, b: Position) -> float:
    """Give the great-circle distance in kilometres."""
    latitude_a, latitude_b = radians(a[0]), radians(b[0])
    across = sin((latitude_b - latitude_a) / 2) ** 2
    across += cos(latitude_a) * cos(latitude_b) * sin(radians(b[1] - a[1]) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(across)))


def travel_minutes(policy: Policy, a: Position, b: Position) -> int:
    """Give the whole minutes of a journey, changing over included; 0 from a place to itself."""
    if a == b:
        return 0
    return _minutes(policy, km(a, b))


def _minutes(policy: Policy, distance_km: float) -> int:
    return ceil(policy.transfer_minutes + 60 * float(policy.road_factor) * distance_km / float(policy.speed_kmh))


def within_km(distance_km: float, limit_km: float) -> bool:
    """Tell whether a distance keeps a limit, with the format's tolerance."""
    return distance_km <= limit_km + KM_TOLERANCE


def km_table(froms: NDArray[np.float64], tos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give all distances in kilometres: positions of shape (m, 2) and (n, 2) in degrees to a table of shape (m, n)."""
    import numpy as np

    first, second = np.radians(froms)[:, None, :], np.radians(tos)[None, :, :]
    across = np.sin((second[..., 0] - first[..., 0]) / 2) ** 2
    across += np.cos(first[..., 0]) * np.cos(second[..., 0]) * np.sin((second[..., 1] - first[..., 1]) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(across))), dtype=np.float64)


def travel_minutes_table(
    policy: Policy, froms: NDArray[np.float64], tos: NDArray[np.float64], table_km: NDArray[np.float64] | None = None
) -> NDArray[np.int64]:
    """Give all journeys in whole minutes, shape (m, n), each equal to `travel_minutes` of its pair.

    `table_km` saves reckoning the distances again. Entries so near a whole minute that the last bit of a sine could
    decide are reckoned one by one, so that this table and the scalar never differ.
    """
    import numpy as np

    table = km_table(froms, tos) if table_km is None else table_km
    exact = policy.transfer_minutes + 60 * float(policy.road_factor) * table / float(policy.speed_kmh)
    minutes = np.ceil(exact).astype(np.int64)
    near = np.abs(exact - np.rint(exact)) < _NEAR_A_WHOLE_MINUTE
    for row, column in np.argwhere(near):
        a, b = froms[row], tos[column]
        minutes[row, column] = travel_minutes(policy, (float(a[0]), float(a[1])), (float(b[0]), float(b[1])))
    minutes[np.all(froms[:, None, :] == tos[None, :, :], axis=2)] = 0
    return minutes
