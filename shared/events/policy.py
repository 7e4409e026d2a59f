"""A hub's policy, as its coordinator sets it; the planning file's `policy` has the same fields and defaults."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.events.fields import Part, Sector


class PointsPolicy(Part):
    """What one student's attendance is worth to preference, by what it brings."""

    asked: Annotated[float, Field(ge=0, le=1000)] = 3
    new_sector: Annotated[float, Field(ge=0, le=1000)] = 2
    stem: Annotated[float, Field(ge=0, le=1000)] = 3
    in_person: Annotated[float, Field(ge=0, le=1000)] = 2
    meaningful: Annotated[float, Field(ge=0, le=1000)] = 4


class HubPolicy(Part):
    """How a hub plans: steps, journeys, floors, points, and the price of moving people who have been told."""

    start_step_minutes: Annotated[int, Field(ge=1, le=60, strict=True)] = 5
    transfer_minutes: Annotated[int, Field(ge=0, le=240, strict=True)] = 10
    road_factor: Annotated[float, Field(ge=1, le=10)] = 1.3
    speed_kmh: Annotated[float, Field(gt=0, le=200)] = 40
    max_travel_km: Annotated[float, Field(ge=0, le=1000)] = 25
    floor_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    floor_weight_special: Annotated[float, Field(ge=0, le=100)] = 2
    floor_weight_disadvantaged: Annotated[float, Field(ge=0, le=100)] = 2
    disadvantaged_from: Annotated[float, Field(ge=0, le=1)] = 0.35
    stem_sectors: tuple[Sector, ...] = ("C", "D", "F", "J", "M")
    points: PointsPolicy = PointsPolicy()
    min_part: Annotated[int, Field(ge=1, le=1000, strict=True)] = 5
    move_price: Annotated[float, Field(ge=0, le=100)] = 0.25
