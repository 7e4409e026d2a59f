"""The ring's benchmark runs and prints its figures; how good they are is for whoever reads them."""

from __future__ import annotations

import re
import subprocess
import sys

from shared.database import SERVICES


def test_it_prints_a_ratio_for_each_way_and_the_memory_of_each_service() -> None:
    words = ("--submissions", "300", "--sessions", "20", "--planning-seconds", "7")
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bench_ring", *words],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for what, events in (("from submission to accepted fact", 300), ("from approval to confirmation", 40)):
        row = re.search(rf"{what} +│ {events} +│ [\d.]+ +│ [\d,]+ +│ [\d.]+ +│ ([\d.]+) +│ [\d.]+ / ", done.stdout)
        assert row, done.stdout
        assert float(row[1]) > 0
    for service in SERVICES:
        memory = re.search(rf"│ {service} +│ (\d+) +│ (\d+) +│", done.stdout)
        assert memory, done.stdout
        assert 20 < int(memory[1]) <= int(memory[2])
    assert re.search(r"planning this hub, below matching │ 0 +│ [1-9]\d+ +│", done.stdout), done.stdout
