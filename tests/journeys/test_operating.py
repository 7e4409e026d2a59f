"""The README's section on operating, done as it stands there, with what can go wrong: a second start, a kill, a restart."""

from __future__ import annotations

import asyncio
import csv
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil
import pytest

from tests.command.processes import COMMAND, Program, environment, listening, program
from tests.ports import free_port
from tests.test_readme import README

OPERATING = README.partition("## Operating it")[2]
BLOCK = re.search(r"```sh\n(.*?)```", OPERATING, re.DOTALL)
COMMANDS = [line.split("  #")[0].strip() for line in BLOCK[1].splitlines()] if BLOCK else []
FILES: dict[str, list[dict[str, str]]] = {
    "ONSPD.csv": [
        {"pcds": "ZZ1 1AA", "lat": "51.28", "long": "1.08"},
        {"pcds": "ZZ2 2BB", "lat": "51.30", "long": "1.10"},
    ],
    "edubasealldata.csv": [
        {
            "URN": "900001", "EstablishmentName": "Invented School", "LA (code)": "886", "Postcode": "ZZ1 1AA",
            "TypeOfEstablishment (name)": "Foundation school", "EstablishmentStatus (name)": "Open",
            "EstablishmentTypeGroup (name)": "Local authority maintained schools",
            "PhaseOfEducation (name)": "Secondary", "StatutoryLowAge": "11", "StatutoryHighAge": "18",
            "NumberOfPupils": "860", "PercentageFSM": "20.7",
        }
    ],
    "gender-pay-gap.csv": [
        {"EmployerName": "Invented Foods", "EmployerId": "77", "PostCode": "ZZ2 2BB", "CompanyNumber": "00000001",
         "SicCodes": "1110"}
    ],
}  # fmt: skip
"""What an operator has downloaded, by the names that the README gives; the hub's file is the help's example."""
WANTED = {
    "import hub": r"Kent Careers Hub is registered as kent",
    "import postcodes": r"2 postcodes are new",
    "import schools": r"1 taken, 0 refused",
    "import employers": r"1 taken, 0 refused",
    "account create": r"can sign in now",
    "token create": r"Authorization: Bearer",
    "export-problem": r"^$",
    "letters list": r"0 dead letters",
    "down": r"stopped \(process \d+\)",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the operator's files."""
    for name, rows in FILES.items():
        with (tmp_path / name).open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    shown = subprocess.run([*COMMAND, "import", "hub", "--help"], capture_output=True, text=True, check=True)
    example = re.search(r"\{ *\"hub.*?\]\}", re.sub(r"[│\n]", " ", shown.stdout))
    assert example, shown.stdout
    (tmp_path / "kent-hub.json").write_text(example[0])
    return tmp_path


def run(folder: Path, variables: Mapping[str, str], line: str) -> tuple[int, str]:
    """Run a line of the README."""
    words = shlex.split(line.removeprefix(".venv/bin/encounters "))
    done = subprocess.run(
        [*COMMAND, *words],
        check=False,
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


async def address_of(product: Program) -> str:
    """Wait until it is up; gives its address."""
    found = await asyncio.to_thread(product.wait_for, r"Seven Encounters is up: (\S+)$")
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{found[1]}/health")).is_success
    return found[1]


async def may_sign_in(portal: str, password: str) -> bool:
    async with httpx.AsyncClient(base_url=portal, follow_redirects=True) as client:
        token = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/sign-in")).text)
        assert token
        form = {"email": "you@example.org", "password": password, "csrf": token[1]}
        return "Kent Careers Hub" in (await client.post("/sign-in", data=form)).text


async def test_what_the_readme_says_of_operating_works_and_lasts(folder: Path) -> None:
    variables = {"PORTAL_PORT": str(free_port())}
    first, *middle, last = COMMANDS
    said: dict[str, str] = {}
    with program(folder / "first.log", variables, *shlex.split(first)[1:]) as product:
        portal = await address_of(product)
        assert portal == f"http://127.0.0.1:{variables['PORTAL_PORT']}", "the address follows the port"
        for line in middle:
            (kind,) = [words for words in WANTED if line.startswith(f".venv/bin/encounters {words}")]
            code, said[kind] = await asyncio.to_thread(run, folder, variables, line)
            assert code == 0, (line, said[kind])
            assert re.search(WANTED[kind], said[kind]), (line, said[kind])
        assert set(said) == WANTED.keys() - {"down"}
        assert b"Invented School" in (folder / "kent.json").read_bytes()
        password = said["account create"].split()[-1]
        assert await may_sign_in(portal, password)

        code, refusal = await asyncio.to_thread(run, folder, {"PORTAL_PORT": str(free_port())}, first)
        assert (code, f"process {product.process.pid} already runs on" in refusal) == (1, True), refusal
        assert await may_sign_in(portal, password), "the first is not disturbed"
        family = product.family()
        assert {address for address, _ in listening(family)} == {"127.0.0.1"}

        product.process.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, family, 30)
        assert alive == [], "nothing outlives a kill"
    with program(folder / "second.log", variables, "up") as product:
        portal = await address_of(product)
        assert await may_sign_in(portal, password)
        line = next(line for line in middle if "import postcodes" in line)
        assert "0 postcodes are new" in (await asyncio.to_thread(run, folder, variables, line))[1]
        code, stopped = await asyncio.to_thread(run, folder, variables, last)
        assert code == 0
        assert re.search(WANTED["down"], stopped)
        assert await asyncio.to_thread(product.process.wait, 30) == 0


async def test_a_server_that_dies_stops_the_product_with_a_failure(folder: Path) -> None:
    with program(folder / "log", {"PORTAL_PORT": "0"}, "up") as product:
        await address_of(product)
        (postgres,) = [one for one in psutil.Process(product.process.pid).children() if one.name() == "postgres"]
        postgres.kill()
        assert await asyncio.to_thread(product.process.wait, 60) == 1
    assert "PostgreSQL has ended: everything stops now" in product.said()


def test_a_hub_file_with_a_fault_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "hub.json").write_text('{"hub": "kent", "name": "Kent", "local_authorities": ["88"], "terms": []}')
    code, said = run(tmp_path, {}, "import hub hub.json")
    assert code == 2
    assert "/local_authorities/0 has something that is not a local authority's code: give 3 digits" in said
    assert "/academic_year is missing: add it" in said
