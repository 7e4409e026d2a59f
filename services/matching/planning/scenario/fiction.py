"""Invented towns, schools and employers: plausible in shape, found on no map and in no register.

School numbers start at 900001, postcodes lie in the area ZZ, company numbers start with 99: none of these are given out.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.matching.planning.model import Position
from services.matching.planning.scenario.area import EmployerParty, SchoolParty
from services.matching.planning.scenario.draw import Draw

LOCAL_AUTHORITY = "990"
FIRST_URN = 900001
FIRST_COMPANY = 99000001

_FIRSTS = [
    "Harrowen",
    "Elderin",
    "Quill",
    "Marlen",
    "Otterin",
    "Pellow",
    "Wrenna",
    "Brackle",
    "Sallen",
    "Tarnet",
    "Hobbel",
    "Fennick",
    "Gorsel",
    "Larchen",
    "Mallow",
    "Quern",
    "Sedgel",
    "Corbel",
    "Vane",
    "Rookel",
]
_LASTS = [
    "mere",
    "minster",
    "haven",
    "stead",
    "quay",
    "holt",
    "bourne",
    "wick",
    "fold",
    "marrow",
    "cote",
    "staithe",
    "garth",
    "reach",
]
_PATTERNS = (
    "{} Academy",
    "{} High School",
    "{} Community College",
    "The {} School",
    "{} Priory School",
    "North {} Academy",
    "{} Park School",
    "South {} High School",
    "{} Grange Academy",
    "{} Bridge School",
    "{} Road Academy",
    "West {} School",
)
_SPECIAL_PATTERNS = ("{} Lodge School", "The Lantern School, {}", "{} Meadows School", "Stepping Stones, {}")
_FAMILIES = [
    "Abbernathy",
    "Bellwether",
    "Cattermoor",
    "Dunnafold",
    "Elphinwick",
    "Fairbarrow",
    "Gallowglass",
    "Hathersedge",
    "Inchbald",
    "Jessamy",
    "Kettlecombe",
    "Lowenthorn",
    "Mirfold",
    "Nettleship",
    "Oakapple",
    "Pennyquick",
    "Quennelstone",
    "Ramsbarrow",
    "Skelderby",
    "Thistlewood",
    "Umberley",
    "Verrinder",
    "Wintersedge",
    "Yarrowby",
]
_TRADES: dict[str, tuple[int, tuple[str, ...]]] = {
    "A": (3, ("Growers", "Orchards", "Seed Company")),
    "C": (14, ("Foods", "Precision Works", "Turbines", "Packaging", "Joinery")),
    "D": (3, ("Wind Power", "Energy")),
    "E": (2, ("Water", "Recycling")),
    "F": (9, ("Builders", "Civil Engineering", "Roofing")),
    "G": (12, ("Stores", "Motor Company", "Supplies")),
    "H": (6, ("Haulage", "Coaches", "Harbour Company")),
    "I": (6, ("Hotel", "Inns", "Kitchen")),
    "J": (7, ("Software", "Broadband", "Games Studio")),
    "K": (4, ("Building Society", "Insurance")),
    "L": (2, ("Homes", "Property")),
    "M": (8, ("Architects", "Laboratories", "Solicitors", "Veterinary Practice")),
    "N": (5, ("Facilities", "Security", "Travel")),
    "O": (3, ("Borough Council", "Fire Service")),
    "Q": (11, ("Hospital Trust", "Care Homes", "Dental Practice", "Ambulance Service")),
    "R": (4, ("Theatre", "Leisure", "Museum")),
    "S": (3, ("Community Foundation", "Hair Company")),
}


@dataclass(frozen=True, slots=True)
class Town:
    """An invented town; `pull` is how many employers it has in proportion: a rural or coastal cold spot has few."""

    name: str
    outward: str
    centre: Position
    pull: int


def make_towns(count: int, draw: Draw) -> list[Town]:
    """Lay out towns on a jittered grid of about 11 km: the first is the county town, one in three is a cold spot."""
    names = draw.shuffled([first + last for first in _FIRSTS for last in _LASTS])
    wide = 1
    while wide * wide < count:
        wide += 1
    cells = draw.shuffled([(row, column) for row in range(wide) for column in range(wide)])[:count]
    towns = []
    for at, (row, column) in enumerate(cells):
        latitude = 52.62 + 0.10 * row + 0.05 * draw.share()
        longitude = 0.70 + 0.16 * column + 0.08 * draw.share()
        pull = 12 if at == 0 else 1 if at % 3 == 2 else draw.between(4, 7)
        towns.append(Town(names[at], f"ZZ{at + 1}", (latitude, longitude), pull))
    return towns


class Addresses:
    """Gives out places in towns: each with a postcode of its own, and one position for each postcode."""

    _LETTERS = "ABDEFGHJLNPQRSTUWXYZ"

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._given: dict[str, int] = {}

    def place(self, town: Town, spread_km: float) -> tuple[str, Position]:
        """Return a new postcode in the town and its position, within about `spread_km` of the centre."""
        number = self._given[town.outward] = self._given.get(town.outward, -1) + 1
        letters = self._LETTERS[number // 20 % 20] + self._LETTERS[number % 20]
        latitude = town.centre[0] + (2 * self._draw.share() - 1) * spread_km / 111
        longitude = town.centre[1] + (2 * self._draw.share() - 1) * spread_km / 67
        return f"{town.outward} {1 + number // 400}{letters}", (round(latitude, 6), round(longitude, 6))


def make_schools(count: int, towns: list[Town], addresses: Addresses, draw: Draw) -> list[SchoolParty]:
    """Invent schools: one in ten special; the others of 7 to 10 tutor groups a year, six in ten with a sixth form."""
    schools: list[SchoolParty] = []
    pattern_of: dict[str, int] = {}
    sizes: list[tuple[int, bool]] = []
    for at in range(count):
        town = towns[at % len(towns)]
        special = at % 10 == 4
        if not sizes:
            sizes = draw.shuffled([(forms, sixth) for forms in (7, 8, 9, 10) for sixth in (True, True, False)])
        patterns = _SPECIAL_PATTERNS if special else _PATTERNS
        key = f"{town.name}/{special}"
        pattern_of[key] = pattern_of.get(key, draw.between(0, len(patterns) - 1)) + 1
        round_of_names = " East" if pattern_of[key] - 1 >= 2 * len(patterns) else ""
        name = patterns[pattern_of[key] % len(patterns)].format(town.name + round_of_names)
        postcode, position = addresses.place(town, 3.0)
        forms, sixth = (0, True) if special else sizes.pop()
        poor = town.pull <= 1
        schools.append(
            SchoolParty(
                urn=str(FIRST_URN + at),
                name=name,
                local_authority=LOCAL_AUTHORITY,
                postcode=postcode,
                position=position,
                phase="Not applicable" if special else "Secondary",
                type="Community special school" if special else draw.pick(("Academy converter", "Community school")),
                special=special,
                low_age=11,
                high_age=18 if sixth else 16,
                students_a_year=draw.between(14, 22) if special else 24 * forms + draw.between(-3, 6),
                sixth_form_a_year=0 if not sixth else draw.between(8, 14) if special else draw.between(85, 140),
                fsm_percent=Decimal(draw.between(280, 500) if poor or special else draw.between(30, 380)) / 10,
            )
        )
    return schools


def make_employers(count: int, towns: list[Town], addresses: Addresses, draw: Draw) -> list[EmployerParty]:
    """Invent employers, most in the towns that pull them, one in eight with a second sector, one in six no company."""
    weighted_towns = [(town, town.pull) for town in towns]
    weighted_trades = [((section, words), weight) for section, (weight, words) in _TRADES.items()]
    taken: set[str] = set()
    employers = []
    for at in range(count):
        town = draw.weighted(weighted_towns)
        section, words = draw.weighted(weighted_trades)
        name = f"{town.name if draw.chance(0.5) else draw.pick(_FAMILIES)} {draw.pick(words)}"
        while name in taken:
            name = f"{draw.pick(_FAMILIES)} {name}"
        taken.add(name)
        postcode, position = addresses.place(town, 4.0)
        second = {draw.pick(list(_TRADES))} if draw.chance(0.125) else set()
        employers.append(
            EmployerParty(
                id=f"E{at + 1:04d}",
                name=name,
                company_number=None if draw.chance(0.16) else str(FIRST_COMPANY + at),
                postcode=postcode,
                position=position,
                sectors=tuple(sorted({section} | second)),
            )
        )
    return employers
