"""What the benchmark remembers: results of one version of the engine, and the best known plan and bound of a problem."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.matching.planning.writing import write_json

ROOT = Path(__file__).resolve().parents[2]
BEST_KNOWN = Path(__file__).with_name("best_known.json")
RESULTS = ROOT / "build" / "bench-engine.jsonl"
ENGINE = "services/matching/planning"


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of one planner reached on one problem; `bound` and `gap` are the engine's, proof included.

    `floor` is the weighted shortfall at the schools' floors, `first` the seconds until a plan at least as good as best
    fit was there (or, in a repair, any plan). `valid`: no hard rule is broken; `holds`: nor is any claim (proof, reasons,
    remedies) refused by the checker; `certified` is the bound that the checker itself reckons.
    """

    problem: str
    sha256: str
    planner: str
    budget: float
    version: str
    seconds: float
    covered: int
    floor: float
    students: int
    valid: bool
    bound: int | None = None
    certified: int | None = None
    first: float | None = None
    cpu_seconds: float | None = None
    memory_mb: float | None = None
    check_seconds: float | None = None
    told: int | None = None
    holds: bool | None = None

    @property
    def key(self) -> tuple[str, str, float, str]:
        """Tell results apart that are not runs of the same thing."""
        return self.sha256, self.planner, self.budget, self.version

    @property
    def gap(self) -> float | None:
        """Give the gap to the bound, as the format defines it."""
        return None if self.bound is None else (self.bound - self.covered) / max(1, self.bound)


def engine_version() -> str:
    """Name the engine's content by git: a run is repeated when the engine has changed."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", f"HEAD:{ENGINE}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


class Book:
    """Results on file, one JSON object a line, so that a long run can be taken up where it ended."""

    def __init__(self, path: Path = RESULTS) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._found = {result.key: result for result in (Result(**json.loads(line)) for line in lines)}

    def get(self, key: tuple[str, str, float, str]) -> Result | None:
        """Give the result of this very run, if there is one."""
        return self._found.get(key)

    def add(self, result: Result) -> None:
        """Keep a result."""
        self._found[result.key] = result
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(result)) + "\n")


class BestKnown:
    """The best plan and the tightest certified bound ever seen of each problem, with the commands that made them."""

    def __init__(self, path: Path = BEST_KNOWN) -> None:
        self._path = path
        self._known: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def covered(self, sha256: str) -> int | None:
        """Give the most students that any plan is known to cover."""
        return self._known.get(sha256, {}).get("covered")

    def bound(self, sha256: str) -> int | None:
        """Give the tightest bound whose certificate has been checked."""
        return self._known.get(sha256, {}).get("bound")

    def learn(self, result: Result, command: str) -> None:
        """Take over what is better than what was known; only valid plans and checked certificates count."""
        if not result.valid:
            return
        known = self._known.setdefault(result.sha256, {"problem": result.problem, "students": result.students})
        if result.covered > known.get("covered", -1):
            known |= {"covered": result.covered, "covered_by": command}
        if result.certified is not None and result.certified < known.get("bound", result.students + 1):
            known |= {"bound": result.certified, "bound_by": command}
        self._known = dict(sorted(self._known.items(), key=lambda item: (item[1]["problem"], item[0])))
        write_json(self._path, self._known)
