"""`make bench-engine`: what the engine reaches, each figure beside its peer or its bound, in one run on one machine.

    python -m tests.benchmarks.bench_engine             one county, one town, one planted problem: under 30 minutes
    FULL=1 python -m tests.benchmarks.bench_engine      the whole matrix; started again, it goes on where it ended
    python -m tests.benchmarks.bench_engine --only town one part of it: county, town, planted or hubs

Every planner gets the same file, the same seconds and the same cores, in a process of its own. Nothing here passes or
fails: a figure that is not reached is printed as such. Results lie in `build/`, the best known plans and bounds in
`best_known.json` beside this file.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.console import Console
from rich.table import Table

from services.matching.planning.reading import read_timetable
from services.matching.planning.writing import problem_to_json, write_json
from tests.benchmarks.peers import PEERS
from tests.benchmarks.problems import every_county, every_planted, every_town, one_county, one_town, withdrawn
from tests.benchmarks.records import ROOT, BestKnown, Book, Result, engine_version
from tests.benchmarks.runs import ENGINE, Bench

GREEDY = ("first come first served", "best fit")
WHOLE_MODELS = ("whole model, CP-SAT", "whole model, HiGHS")
HUBS = 44
COUNTIES_TO_EXTRAPOLATE_FROM = 5
PARTS = ("county", "town", "planted", "hubs")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what is measured, what was to be reached, what was, and whether that is it."""

    what: str
    where: str
    to_reach: str
    reached: str
    is_reached: bool | None


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part only; may be repeated")
    parts = parser.parse_args().only or PARTS
    full = os.environ.get("FULL", "") not in ("", "0")
    bench = Bench(ROOT / "build" / "bench-engine", engine_version(), Book(), BestKnown(), resume=full)
    console = Console(width=150)
    counties, towns = (every_county(), every_town()) if full else ([one_county()], [one_town()])
    figures: list[Figure] = []
    for name in counties if "county" in parts else ():
        figures += _told(console, _county(bench, name, full=full))
    for name in towns if "town" in parts else ():
        figures += _told(console, _town(bench, name, full=full))
    for name in (every_planted() if full else ["planted:30:1"]) if "planted" in parts else ():
        figures += _told(console, _planted(bench, name))
    if "hubs" in parts:
        figures += _told(console, _all_hubs(bench, counties))
    _print(console, figures)
    sys.stdout.flush()


def _told(console: Console, figures: list[Figure]) -> list[Figure]:
    for figure in figures:
        console.print(f"{figure.where}: {figure.what}: {figure.reached} (to reach: {figure.to_reach})", highlight=False)
    return figures


def _county(bench: Bench, name: str, *, full: bool) -> list[Figure]:
    greedy = {(peer, 120.0): bench.run(name, peer, 120) for peer in GREEDY}
    enough = greedy["best fit", 120.0].covered
    engine = {seconds: bench.run(name, ENGINE, seconds, enough) for seconds in (5.0, 20.0, 120.0, 180.0, 600.0)}
    seconds_of_models = (5.0, 20.0, 120.0) if full else (120.0,)
    models = {(peer, seconds): bench.run(name, peer, seconds) for peer in WHOLE_MODELS for seconds in seconds_of_models}
    peers = greedy | models
    best_covered = bench.best.covered(engine[20.0].sha256) or 0
    best_bound = bench.best.bound(engine[180.0].sha256) or engine[180.0].students
    share = engine[20.0].covered / max(1, best_covered)
    certified = engine[180.0].certified
    looser = None if certified is None else (certified - best_bound) / max(1, best_bound)
    holding = sum(result.holds is True for result in engine.values())
    slowest_check = max(result.check_seconds or 0 for result in engine.values())
    memory = max(result.memory_mb or 0 for result in engine.values())
    first = engine[20.0].first
    return [
        _figure("first plan no worse than best fit", name, "5 s", first, lambda value: value <= 5, "{:.1f} s"),
        _figure("covered after 20 s, of the best known", name, "97.5 %", share, lambda value: value >= 0.975, "{:.2%}"),
        _gap("gap after 180 s", engine[180.0], 0.015),
        _gap("gap after 600 s", engine[600.0], 0.010),
        _figure("certified bound above the tightest", name, "0.1 %", looser, lambda value: value <= 0.001, "{:.3%}"),
        _figure(
            "check of plan, certificate, remedies", name, "15 s", slowest_check, lambda value: value <= 15, "{:.1f} s"
        ),
        Figure("plans whose every claim holds", name, "all", f"{holding} of {len(engine)}", holding == len(engine)),
        _figure(
            "memory of the engine's processes", name, "1,024 MiB", memory, lambda value: value <= 1024, "{:,.0f} MiB"
        ),
        *against_peers(name, engine, peers, (5.0, 20.0, 120.0)),
        *_repair(bench, name),
    ]


def _town(bench: Bench, name: str, *, full: bool) -> list[Figure]:
    budgets = (5.0, 20.0, 30.0, 120.0, 180.0) if full else (30.0, 180.0)
    engine = {seconds: bench.run(name, ENGINE, seconds) for seconds in budgets}
    compared = tuple(seconds for seconds in budgets if seconds in (5.0, 20.0, 120.0)) or (30.0,)
    greedy = {(peer, compared[-1]): bench.run(name, peer, compared[-1]) for peer in GREEDY}
    models = {(peer, seconds): bench.run(name, peer, seconds) for peer in WHOLE_MODELS for seconds in compared}
    return [
        _gap("gap after 30 s", engine[30.0], 0.006),
        _gap("gap after 180 s", engine[180.0], 0.003),
        *against_peers(name, engine, greedy | models, compared),
    ]


def _planted(bench: Bench, name: str) -> list[Figure]:
    result = bench.run(name, ENGINE, 60)
    proven = result.covered == result.students == result.bound
    reached = f"{result.covered:,} of {result.students:,} in {result.seconds:.0f} s"
    return [Figure("planted: all students, proven, in 60 s", name, "all", reached, proven and result.holds)]


def _repair(bench: Bench, name: str) -> list[Figure]:
    """Withdraw the employer with most sessions from the plan of 20 s, and repair for 20 s."""
    _, file = bench.problem(name)
    plan = bench.plan_path(name, ENGINE, 20.0)
    if not plan.exists():
        bench.run(name, ENGINE, 20.0)
    if not plan.exists():
        return []
    problem, _ = withdrawn(file.problem, read_timetable(plan).sessions)
    repair = f"repair of {name}"
    path = bench.folder / f"{repair}.json.gz".replace(":", "-").replace(" ", "-")
    write_json(path, problem_to_json(problem))
    bench.adopt(repair, path)
    result = bench.run(repair, ENGINE, 20.0)
    moved = f"; {result.covered:,} covered, {result.told:,} students told otherwise" if result.told is not None else ""
    figure = _figure("first answer of a repair", name, "2 s", result.first, lambda value: value <= 2, "{:.1f} s")
    return [Figure(figure.what, figure.where, figure.to_reach, figure.reached + moved, figure.is_reached)]


def against_peers(
    name: str, engine: dict[float, Result], peers: dict[tuple[str, float], Result], budgets: Sequence[float]
) -> list[Figure]:
    """Compare at each budget, floors first and then coverage; a peer that is done early counts at every later budget."""
    figures = []
    for seconds in budgets:
        ours = engine[seconds]
        for peer in PEERS:
            theirs = [
                result
                for (who, budget), result in peers.items()
                if who == peer and (budget == seconds or result.seconds <= seconds)
            ]
            if not theirs:
                continue
            best = min(theirs, key=rank)
            proven = ours.bound == ours.covered
            ahead = rank(ours) < rank(best) or (proven and rank(ours) == rank(best))
            reached = f"{ours.covered:,} (floors {ours.floor:g}) against {best.covered:,} (floors {best.floor:g})"
            figures.append(Figure(f"{seconds:g} s against {peer}", name, "ahead", reached, ahead and ours.valid))
    return figures


def rank(result: Result) -> tuple[float, int]:
    """Order results: floors first, then students covered; a plan that breaks a rule is behind every other."""
    return (result.floor, -result.covered) if result.valid else (float("inf"), 0)


def _all_hubs(bench: Bench, counties: Sequence[str]) -> list[Figure]:
    """Reckon what all hubs of the country would take, from the processor time of the runs of 180 s."""
    different = [name for name in counties if name.endswith(":1.05:1")][:COUNTIES_TO_EXTRAPOLATE_FROM]
    measured = [bench.run(name, ENGINE, 180.0) for name in different]
    times = [result.cpu_seconds for result in measured if result.cpu_seconds]
    hours = fmean(times) * HUBS / 3600 if times else None
    what = f"{HUBS} hubs, CPU hours (from {len(times)}, 180 s each)"
    return [_figure(what, "all", "8 h", hours, lambda value: value <= 8, "{:.1f} h")]


def _gap(what: str, result: Result, to_reach: float) -> Figure:
    figure = _figure(what, result.problem, f"{to_reach:.1%}", result.gap, lambda value: value <= to_reach, "{:.2%}")
    beside = f" ({result.covered:,} of at most {result.bound:,})" if result.bound is not None else ""
    return Figure(
        what, figure.where, figure.to_reach, figure.reached + beside, bool(figure.is_reached) and result.valid
    )


def _figure(
    what: str, where: str, to_reach: str, value: float | None, good: Callable[[float], bool], form: str
) -> Figure:
    if value is None:
        return Figure(what, where, to_reach, "not measured", None)
    return Figure(what, where, to_reach, form.format(value), good(value))


def _print(console: Console, figures: Sequence[Figure]) -> None:
    table = Table("figure", "problem", "to reach", "reached", "", title="The engine's figures", title_justify="left")
    for figure in figures:
        mark = {True: "yes", False: "NO", None: "?"}[figure.is_reached]
        table.add_row(figure.what, figure.where, figure.to_reach, figure.reached, mark)
    console.print(table)
    reached = sum(figure.is_reached is True for figure in figures)
    console.print(f"{reached} of {len(figures)} figures reached.")


if __name__ == "__main__":
    main()
