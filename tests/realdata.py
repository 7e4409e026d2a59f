"""The adapter over the real open data that lies beside the repository: scenario tables, and the publishers' own columns.

The data is not part of the project; `available()` tells whether it is there. The trimmed tables are mapped to the tables
that `services.matching.planning.scenario` reads, and to what users download themselves: the register of schools (GIAS
`edubasealldata`), the gender pay gap table, and the postcode directory.
"""

from __future__ import annotations

import csv
import gzip
import io
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from services.matching.planning.geometry import km
from services.matching.planning.model import Hub, Position
from services.matching.planning.scenario import Area, area_from_tables
from services.matching.planning.scenario.build import DEFAULT_SEATS
from services.matching.planning.scenario.tables import read_employers, read_schools, read_terms

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
PLANNED = ("secondary", "all-through", "special")
KENT = "886"
ACADEMIC_YEAR = "2026-27"
SECTIONS = {  # what the Disability Confident list calls a sector, where it says the same as a SIC 2007 section
    "Administration": "N",
    "Agriculture or horticulture": "A",
    "Armed forces": "O",
    "Arts and media": "R",
    "Beauty and therapy": "S",
    "Care, childcare or social care": "Q",
    "Construction trades": "F",
    "Contact centre": "N",
    "Education or teaching": "P",
    "Energy, utilities or environment": "D",
    "Facilities management": "N",
    "Financial services": "K",
    "Health": "Q",
    "Hospitality, leisure and tourism": "I",
    "Information technology and telecoms": "J",
    "Manufacturing and engineering": "C",
    "Public sector": "O",
    "Recruitment agencies": "N",
    "Retail or sales": "G",
    "Security and safety": "N",
    "Sports and recreation": "R",
    "Transport and logistics": "H",
    "Voluntary, charity and social enterprise": "S",
    "Warehouse and forklift": "H",
}
TYPE_GROUPS = (  # how the register of schools groups its types, first match first
    ("Academy", "Academies"),
    ("University technical college", "Academies"),
    ("Free school", "Free Schools"),
    ("independent", "Independent schools"),
    ("special", "Special schools"),
    ("Further education", "Colleges"),
    ("Special post 16", "Colleges"),
    ("", "Local authority maintained schools"),
)

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Tables:
    """A local authority's schools, employers and terms in the columns that a scenario reads."""

    code: str
    name: str
    schools: list[Row]
    employers: list[Row]
    terms: list[Row]
    notes: tuple[str, ...]


def available() -> bool:
    """Tell whether the real data is there."""
    return (DATA / "schools_england.csv.gz").exists()


def raw(name: str) -> list[Row]:
    """Read one of the data's own tables, compressed or not."""
    path = DATA / name
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def local_authorities() -> dict[str, str]:
    """Name the local authorities of England by code, those first that have most schools to plan for."""
    counts = Counter((row["la_code"], row["la_name"]) for row in raw("schools_england.csv.gz") if _planned(row))
    return {code: name for (code, name), _ in counts.most_common()}


def tables(local_authority: str = KENT) -> Tables:
    """Return the tables of a local authority, by code or name.

    Schools: all state-funded secondary, all-through and special ones. Employers: Kent's and Medway's for Kent; elsewhere
    those in the authority's districts and then the nearest others, four for each school.
    """
    every = [row for row in raw("schools_england.csv.gz") if _planned(row)]
    chosen = [row for row in every if local_authority in (row["la_code"], row["la_name"])]
    if not chosen:
        raise LookupError(f"no local authority of code or name {local_authority!r} in the table of schools")
    code, name = chosen[0]["la_code"], chosen[0]["la_name"]
    employers = raw("employers_kent.csv") if code == KENT else _employers_near(chosen, 4 * len(chosen))
    return _tables(code, name, chosen, employers)


def town_tables(town: str = "Maidstone", schools: int = 15) -> Tables:
    """Return the tables of the schools of Kent nearest to the middle of a town, and of the employers around them."""
    every = [row for row in raw("schools_kent.csv") if _planned(row)]
    centre = _middle([row for row in every if row["town"] == town])
    chosen = sorted(every, key=lambda row: (km(centre, _position(row)), row["urn"]))[:schools]
    reach = max(km(centre, _position(row)) for row in chosen) + 10
    employers = [row for row in raw("employers_kent.csv") if km(centre, _position(row)) <= reach]
    return _tables(KENT, town, chosen, employers)


def area(source: Tables, seed: int = 1, seats: Decimal = DEFAULT_SEATS, cornerstones: int = 3) -> Area:
    """Make a scenario over the tables, with a seed."""
    schools, school_notes = read_schools(source.schools, seed)
    employers, employer_notes = read_employers(source.employers, seed)
    return area_from_tables(
        schools,
        employers,
        read_terms(source.terms),
        seed,
        seats,
        cornerstones,
        hub=Hub(source.name.lower().replace(" ", "-"), f"{source.name} Careers Hub", "Europe/London"),
        local_authorities={source.code: source.name},
        notes=[*source.notes, *school_notes, *employer_notes],
    )


def write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows as a CSV file in UTF-8."""
    path.write_text(_csv(rows), encoding="utf-8", newline="")


def gias_csv(rows: Iterable[Row]) -> bytes:
    """Write rows of the schools' table in the columns and the encoding (Windows-1252) of the register's download."""
    return _csv([_gias(row) for row in rows]).encode("cp1252", errors="replace")


def gender_pay_gap_csv(rows: Iterable[Row]) -> bytes:
    """Write rows of the employers' table in the columns of the gender pay gap service's download, in UTF-8 with a mark."""
    return _csv([_gender_pay_gap(row) for row in rows]).encode("utf-8-sig")


def postcode_directory_csv(postcodes: Mapping[str, Position]) -> bytes:
    """Write postcodes in the columns of the Office for National Statistics' postcode directory."""
    return _csv(
        [
            {"pcd": f"{code[:-4]:<4}{code[-3:]}", "pcds": code, "doterm": "", "lat": str(at[0]), "long": str(at[1])}
            for code, at in postcodes.items()
        ]
    ).encode("utf-8")


def _planned(row: Row) -> bool:
    return row["category"] in PLANNED and row["sector"] == "state-funded"


def _tables(code: str, name: str, schools: Sequence[Row], employers: Sequence[Row]) -> Tables:
    usual = {category: _usual_size(schools, category) for category in PLANNED}
    unsized = [row["name"] for row in schools if not row["est_pupils_per_year_y7_11"]]
    terms = [row for row in raw("kent_term_dates.csv") if row["academic_year"] == ACADEMIC_YEAR]
    return Tables(
        code,
        name,
        [_school(row, usual[row["category"]]) for row in schools],
        [_employer(row) for row in employers],
        [{"start": row["start"], "end": row["end"]} for row in terms],
        (f"{len(unsized)} schools have no size estimate, taken as the area's usual one: {', '.join(unsized)}",)
        if unsized
        else (),
    )


def _usual_size(schools: Sequence[Row], category: str) -> float:
    sizes = [float(row["est_pupils_per_year_y7_11"] or 0) for row in schools if row["category"] == category]
    return statistics.median([size for size in sizes if size] or [20 if category == "special" else 180])


def _school(row: Row, usual_size: float) -> Row:
    special = row["category"] == "special"
    size = float(row["est_pupils_per_year_y7_11"] or usual_size)
    stays = special and int(row["high_age"] or 16) >= 18
    return {
        "urn": row["urn"],
        "name": row["name"],
        "local_authority": row["la_code"],
        "postcode": row["postcode"],
        "latitude": row["lat"],
        "longitude": row["lon"],
        "phase": row["phase"],
        "type": row["type"],
        "special": "yes" if special else "no",
        "low_age": row["low_age"] or "11",
        "high_age": row["high_age"] or "16",
        "students_a_year": str(size),
        "sixth_form_a_year": row["est_pupils_per_year_y12_13"] or (str(round(size / 2, 1)) if stays else ""),
        "fsm_percent": row["pct_fsm_2024_25"] or row["pct_fsm6_2022"],
    }


def _employer(row: Row) -> Row:
    return {
        "name": row["name"],
        "company_number": row["company_number"],
        "postcode": row["postcode"],
        "latitude": row["lat"],
        "longitude": row["lon"],
        "sectors": row["sic_section"] or SECTIONS.get(row["sector"], ""),
    }


def _employers_near(schools: Sequence[Row], enough: int) -> list[Row]:
    """Return the employers of the schools' districts, and the nearest others until there are enough."""
    districts = {row["district"] for row in schools}
    centre = _middle(schools)
    everyone = sorted(
        raw("employers_england.csv.gz"),
        key=lambda row: (row["district"] not in districts, km(centre, _position(row)), row["name"]),
    )
    inside = sum(row["district"] in districts for row in everyone)
    return everyone[: max(inside, enough)]


def _middle(rows: Sequence[Row]) -> Position:
    places = [_position(row) for row in rows]
    return statistics.fmean(at[0] for at in places), statistics.fmean(at[1] for at in places)


def _position(row: Row) -> Position:
    return float(row["lat"]), float(row["lon"])


def _gias(row: Row) -> Row:
    kind = row["type"]
    return {
        "URN": row["urn"],
        "LA (code)": row["la_code"],
        "LA (name)": row["la_name"],
        "EstablishmentNumber": "",
        "EstablishmentName": row["name"],
        "TypeOfEstablishment (name)": kind,
        "EstablishmentTypeGroup (name)": next(group for part, group in TYPE_GROUPS if part in kind),
        "EstablishmentStatus (name)": "Open",
        "PhaseOfEducation (name)": row["phase"],
        "StatutoryLowAge": row["low_age"],
        "StatutoryHighAge": row["high_age"],
        "OfficialSixthForm (name)": {"1": "Has a sixth form", "0": "Does not have a sixth form"}.get(
            row["sixth_form"], "Not applicable"
        ),
        "Gender (name)": row["gender"],
        "AdmissionsPolicy (name)": row["admissions"],
        "NumberOfPupils": row["pupils"],
        "PercentageFSM": row["pct_fsm_2024_25"] or row["pct_fsm6_2022"],
        "Town": row["town"],
        "Postcode": row["postcode"],
        "HeadTitle (name)": "Dr",
        "HeadFirstName": "Nobody",
        "HeadLastName": "Invented",
        "DistrictAdministrative (name)": row["district"],
        "Easting": row["easting"],
        "Northing": row["northing"],
    }


def _gender_pay_gap(row: Row) -> Row:
    return {
        "EmployerName": row["name"],
        "EmployerId": row["employer_id"],
        "Address": f"{row['district']}, {row['postcode']}",
        "PostCode": row["postcode"],
        "CompanyNumber": row["company_number"],
        "SicCodes": row["sic_codes"].replace(";", ",\r\n"),
        "DiffMeanHourlyPercent": "",
        "ResponsiblePerson": "Nobody Invented (Director)",
        "EmployerSize": row["size_band"] or "Not Provided",
        "CurrentName": row["name"],
        "DueDate": "",
        "DateSubmitted": "",
    }


def _csv(rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
