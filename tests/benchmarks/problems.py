"""The problems of the engine's benchmark, each made anew from its name.

    county:LOCAL AUTHORITY:SEATS:SEED     real schools and employers of a local authority, by code
    town:TOWN:SEATS:SEED                  the 15 schools of Kent nearest to a town
    planted:SCHOOLS:SEED                  an optimum of all students is hidden
    fictional:SCHOOLS:SEATS:SEED          invented schools and employers

`python -m tests.benchmarks.problems NAME FILE` writes one. Real ones need the open data beside the repository.
`python -m tests.benchmarks.problems england:SEATS:SEED[:EVERY] FOLDER` writes one for each local authority of England
(the largest first), or for every tenth of them where EVERY is 10.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from services.matching.planning.model import Problem, Session
from services.matching.planning.scenario import fictional_area
from services.matching.planning.scenario.planted import planted_problem
from services.matching.planning.writing import problem_to_json, write_json
from tests import realdata

COUNTIES = {"886": "Kent", "881": "Essex", "888": "Lancashire", "919": "Hertfordshire", "850": "Hampshire"}
TOWNS = ("Maidstone", "Canterbury", "Dartford")


def problem_named(name: str) -> Problem:
    """Make the problem of a name. Raises ValueError for a name of another form."""
    kind, *parts = name.split(":")
    if kind == "county" and len(parts) == 3:
        return realdata.area(realdata.tables(parts[0]), int(parts[2]), Decimal(parts[1])).problem
    if kind == "town" and len(parts) == 3:
        return realdata.area(realdata.town_tables(parts[0]), int(parts[2]), Decimal(parts[1])).problem
    if kind == "planted" and len(parts) == 2:
        return planted_problem(int(parts[0]), int(parts[1])).problem
    if kind == "fictional" and len(parts) == 3:
        return fictional_area(int(parts[0]), int(parts[2]), Decimal(parts[1])).problem
    raise ValueError(f"{name!r} names no problem; see the forms in this module")


def one_county() -> str:
    """Name the county of a short run: Kent, or an invented one of its size where the real data is not there."""
    return "county:886:1.05:1" if realdata.available() else "fictional:110:1.05:1"


def one_town() -> str:
    """Name the town of a short run."""
    return "town:Maidstone:1.05:1" if realdata.available() else "fictional:15:1.05:1"


def every_county() -> list[str]:
    """Name the counties of the whole matrix: Kent with three seeds and three scarcities, and four others."""
    if not realdata.available():
        return [f"fictional:110:{seats}:{seed}" for seats in ("0.7", "1.05", "1.5") for seed in (1, 2)]
    kent = [f"county:886:{seats}:{seed}" for seats in ("1.05", "0.7", "1.5") for seed in (1, 2, 3)]
    return kent + [f"county:{code}:{seats}:1" for code in list(COUNTIES)[1:] for seats in ("1.05", "0.7", "1.5")]


def every_town() -> list[str]:
    """Name the towns of the whole matrix."""
    if not realdata.available():
        return [f"fictional:15:1.05:{seed}" for seed in (1, 2, 3)]
    return [f"town:{town}:{seats}:1" for town in TOWNS for seats in ("1.05", "0.7", "1.5")]


def every_planted() -> list[str]:
    """Name the planted problems of the whole matrix."""
    return [f"planted:{schools}:{seed}" for schools in (12, 20, 30, 40) for seed in (1, 2)]


def withdrawn(problem: Problem, sessions: tuple[Session, ...]) -> tuple[Problem, str]:
    """Make the repair that follows when the employer with most sessions in a plan withdraws; give its id too."""
    employer_of = {offer.id: offer.employer for offer in problem.offers}
    counts: dict[str, int] = {}
    for session in sessions:
        counts[employer_of[session.offer]] = counts.get(employer_of[session.offer], 0) + 1
    gone = max(sorted(counts), key=lambda employer: counts[employer])
    offers = tuple(offer for offer in problem.offers if offer.employer != gone)
    return replace(
        problem,
        policy=replace(problem.policy, repair=True),
        employers=tuple(employer for employer in problem.employers if employer.id != gone),
        offers=offers,
        pledges=tuple(pledge for pledge in problem.pledges if pledge.employer != gone),
        in_force=sessions,
    ), gone


def write_england(folder: Path, seats: str, seed: str, every: int = 1) -> list[Path]:
    """Write a problem for each (every tenth, ...) local authority of England; give the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for code in list(realdata.local_authorities())[::every]:
        paths.append(folder / f"{code}.json.gz")
        write_json(paths[-1], problem_to_json(problem_named(f"county:{code}:{seats}:{seed}")))
    return paths


def main() -> None:
    """Write the problem of a name to a file, or those of England to a folder."""
    name, path = sys.argv[1:]
    kind, *parts = name.split(":")
    if kind == "england":
        write_england(Path(path), parts[0], parts[1], int(parts[2]) if len(parts) > 2 else 1)
    else:
        write_json(Path(path), problem_to_json(problem_named(name)))


if __name__ == "__main__":
    main()
