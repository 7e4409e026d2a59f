"""The demo as a visitor sees it: a summary with true figures, a sign-in for each role, and a clean end at Ctrl-C.

One demo is started for this module; the tests go through what a visitor does with it, in their order.
"""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from services.command.app import build
from services.matching.planning.scenario import fictional_area
from tests.command.processes import COMMAND, Program, environment, listening, program
from tests.ports import free_port

WORDS = ("demo", "--schools", "3", "--seed", "11", "--seats", "0.9", "--seconds", "14")
GROUPS, STUDENTS, SUBMISSIONS = 152, 3669, 180


@dataclass(frozen=True, slots=True)
class Shown:
    """A demo that is up."""

    program: Program
    folder: Path
    variables: dict[str, str]

    @property
    def portal(self) -> str:
        """Give the portal's address."""
        return f"http://127.0.0.1:{self.variables['PORTAL_PORT']}"

    def run(self, *words: str, **variables: str) -> tuple[int, str]:
        """Run another command beside it, on its state directory."""
        there = environment(PORTAL_URL=self.portal, ENCOUNTERS_STATE_DIR=".state/demo", **variables)
        done = subprocess.run(
            [*COMMAND, *words], check=False, cwd=self.folder, env=there, capture_output=True, text=True, timeout=180
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Start a demo, with addresses in the environment that it must not use, and wait for its last line."""
    folder = tmp_path_factory.mktemp("demo")
    nowhere = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "SMTP_URL": "smtp://127.0.0.1:9"}
    variables = {"PORTAL_PORT": str(free_port()), **nowhere}
    with program(folder / "log", variables, *WORDS) as demo:
        demo.wait_for("Ctrl-C stops everything")
        yield Shown(demo, folder, variables)


def figure(said: str, meaning: str) -> float:
    found = re.search(rf"([\d,.]+)%? +{meaning}", said)
    assert found, f"no figure for {meaning!r} in:\n{said}"
    return float(found[1].replace(",", ""))


def test_the_figures_of_its_summary_fit_together(shown: Shown) -> None:
    said = shown.program.said()
    students, covered = (
        figure(said, f"students in {GROUPS} groups of 3 schools"),
        figure(said, "of them meet an employer"),
    )
    bound, gap = figure(said, "is the most that could, with what is offered "), figure(said, "gap: at most")
    assert 0 < covered <= bound < students == STUDENTS
    assert gap == pytest.approx(100 * (bound - covered) / bound, abs=0.006)
    assert figure(said, "of [0-9,]+ pledged student encounters kept, by 3 Cornerstone Employers") > 0
    assert figure(said, "sessions confirmed") > 0
    assert figure(said, "submissions went through as events, 0 were refused") == SUBMISSIONS
    left_out = figure(said.replace("Left out: ", ""), "students, and why")
    assert left_out == students - covered
    reasons = re.findall(r"^ +([\d,]+)  \S.* \(\d+ groups?\): \S", said, re.MULTILINE)
    assert sum(int(count.replace(",", "")) for count in reasons) == left_out
    assert re.search(r"^Left out: ", said, re.MULTILINE)


async def sign_in(portal: str, email: str, password: str) -> str:
    """Sign in as a person does; gives the page that follows."""
    async with httpx.AsyncClient(base_url=portal, follow_redirects=True) as client:
        form = await client.get("/sign-in")
        token = re.search(r'name="csrf" value="([^"]+)"', form.text)
        assert token
        page = await client.post("/sign-in", data={"email": email, "password": password, "csrf": token[1]})
        assert page.status_code == 200, page.text
        return page.text


async def test_each_role_gets_in_with_what_it_prints(shown: Shown) -> None:
    said = shown.program.said()
    assert f"Sign in at {shown.portal}" in said
    people = re.findall(r"^  (\w+) +(\S+@\S+) +password (\S+)$", said, re.MULTILINE)
    headings = {"coordinator": "Review", "employer": "My pledges", "school": "My groups", "admin": "Hubs"}
    assert [role for role, _, _ in people] == list(headings)
    for role, email, password in people:
        assert headings[role] in await sign_in(shown.portal, email, password)


def test_it_is_of_this_machine_only_and_sends_no_mail(shown: Shown) -> None:
    assert {address for address, _ in listening(shown.program.family())} == {"127.0.0.1"}
    letters = list((shown.folder / ".state" / "demo" / "mailbox").glob("*.eml"))
    assert len(letters) == figure(shown.program.said(), "invitations to employers and schools")


def test_a_second_one_is_refused_on_its_directory_and_on_its_port(shown: Shown) -> None:
    pid = shown.program.process.pid
    with program(shown.folder / "second", shown.variables, "demo") as same_directory:
        assert same_directory.process.wait(60) == 1
    assert f"process {pid} already runs on the state directory" in same_directory.said()
    with program(shown.folder / "third", shown.variables, "demo", "--state-dir", "other") as same_port:
        assert same_port.process.wait(60) == 1
    assert "listens on port" in same_port.said()
    assert "PORTAL_PORT" in same_port.said()


def test_a_coordinator_decides_by_command(shown: Shown) -> None:
    hub = fictional_area(3, 11, Decimal("0.9")).problem.hub.id
    code, said = shown.run("token", "create", "--name", "t", "--role", "coordinator", "--organisation", f"hub:{hub}")
    assert code == 0, said
    token = said.split()[-1]
    code, before = shown.run("review", "show", hub, ENCOUNTERS_TOKEN=token)
    assert code == 0, before
    first = re.match(r"version 1: .* (\d+) sessions: 0 to decide, 0 approved, 0 returned, \1 published", before)
    assert first, before
    encounters = re.findall(r"^(\S+)  20\S+  (.*): \d+ students .*\[published", before, re.MULTILINE)
    assert len(encounters) == int(first[1])

    pinned, its_employer = encounters[0]
    returned = next(encounter for encounter, employer in encounters if employer != its_employer)
    assert shown.run("review", "pin", hub, pinned, ENCOUNTERS_TOKEN=token)[0] == 0
    code, said = shown.run("review", "plan", hub, "--seconds", "6", ENCOUNTERS_TOKEN=token)
    assert code == 0, said
    assert "Nothing better was found" in said or "version 2: " in said, said
    why = ("--why", "not_this_match", "--reason", "They met in autumn")
    code, said = shown.run("review", "return", hub, returned, *why, ENCOUNTERS_TOKEN=token)
    assert (code, "1 sessions changed" in said) == (0, True), said
    code, said = shown.run("review", "plan", hub, "--seconds", "6", ENCOUNTERS_TOKEN=token)
    assert code == 0, said
    assert not re.search("Nothing better|version 1: ", said), said
    assert shown.run("review", "approve", hub, "--all", ENCOUNTERS_TOKEN=token)[0] == 0
    assert shown.run("review", "publish", hub, ENCOUNTERS_TOKEN=token)[0] == 0
    _, after = shown.run("review", "show", hub, ENCOUNTERS_TOKEN=token)
    assert re.search(rf"^{pinned} .*\[published pinned, ", after, re.MULTILINE), after
    assert returned not in after
    code, said = shown.run("review", "show", hub, ENCOUNTERS_TOKEN="of-nobody")
    assert (code, "401" in said) == (1, True), said


def test_ctrl_c_ends_it_with_all_that_it_started(shown: Shown) -> None:
    family = shown.program.family()
    assert len(family) > len({"demo", "kafka", "postgres", "portal", "intake", "matching", "confirmations"})
    assert shown.program.stop(signal.SIGINT) == 0
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


async def test_one_that_is_interrupted_before_its_summary_says_so_by_its_exit_code(tmp_path: Path) -> None:
    with program(tmp_path / "log", {"PORTAL_PORT": str(free_port())}, *WORDS, "--once") as demo:
        await asyncio.to_thread(demo.wait_for, "starting the services")
        assert await asyncio.to_thread(demo.stop, signal.SIGINT) == 130


def test_a_directory_that_is_no_demo_s_is_never_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    result = CliRunner().invoke(build(["demo"]), ["demo", "--state-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "is not a demo's directory" in result.output
    assert (tmp_path / "precious").read_text() == "data"


def test_the_hub_that_make_demo_shows_is_of_realistic_size() -> None:
    problem = fictional_area(12, 2026, Decimal("1.05")).problem
    assert len(problem.schools) >= 12
    assert len(problem.groups) >= 500
    assert sum(group.size for group in problem.groups) >= 12_000
    assert len({pledge.employer for pledge in problem.pledges}) == 3
