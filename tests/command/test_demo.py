"""The demo as a visitor sees it: a summary with true figures, a sign-in for each role, and a clean end at Ctrl-C."""

from __future__ import annotations

import asyncio
import re
import signal
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from services.command.app import build
from services.matching.planning.scenario import fictional_area
from tests.command.processes import Program, listening, program
from tests.ports import free_port


def figure(said: str, meaning: str) -> float:
    found = re.search(rf"([\d,.]+)%? +{meaning}", said)
    assert found, f"no figure for {meaning!r} in:\n{said}"
    return float(found[1].replace(",", ""))


async def sign_in(portal: str, email: str, password: str) -> str:
    """Sign in as a person does; gives the page that follows."""
    async with httpx.AsyncClient(base_url=portal, follow_redirects=True) as client:
        form = await client.get("/sign-in")
        token = re.search(r'name="csrf" value="([^"]+)"', form.text)
        assert token
        page = await client.post("/sign-in", data={"email": email, "password": password, "csrf": token[1]})
        assert page.status_code == 200, page.text
        return page.text


def assert_figures_fit_together(said: str) -> None:
    students, covered = figure(said, "students in 152 groups of 3 schools"), figure(said, "of them meet an employer")
    bound, gap = figure(said, "is the proven bound"), figure(said, "gap: at most")
    assert 0 < covered <= bound < students == 3669
    assert gap == pytest.approx(100 * (bound - covered) / bound, abs=0.006)
    assert figure(said, "of [0-9,]+ pledged student encounters kept, by 3 Cornerstone Employers") > 0
    assert figure(said, "sessions confirmed") > 0
    assert figure(said, "submissions went through as events, 0 were refused") == 180
    left_out = figure(said.replace("Left out: ", ""), "students, and why")
    assert left_out == students - covered
    reasons = re.findall(r"^ +([\d,]+)  \S.* \(\d+ groups?\): \S", said, re.MULTILINE)
    assert sum(int(count.replace(",", "")) for count in reasons) == left_out
    assert re.search(r"What would help most.*\n +\+\d+  Ask ", said)


async def test_a_demo_sums_up_lets_each_role_in_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    port = str(free_port())
    variables = {"PORTAL_PORT": port, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "SMTP_URL": "smtp://127.0.0.1:9"}
    words = ("demo", "--schools", "3", "--seed", "11", "--seats", "0.9", "--seconds", "15")
    with program(tmp_path / "log", variables, *words) as demo:
        await asyncio.to_thread(demo.wait_for, "Ctrl-C stops everything")
        said = demo.said()
        assert_figures_fit_together(said)
        assert f"http://127.0.0.1:{port}" in said
        people = re.findall(r"^  (\w+) +(\S+@\S+) +password (\S+)$", said, re.MULTILINE)
        assert [role for role, _, _ in people] == ["coordinator", "employer", "school", "admin"]
        headings = {"coordinator": "Review", "employer": "My pledges", "school": "My groups", "admin": "Hubs"}
        for role, email, password in people:
            assert headings[role] in await sign_in(f"http://127.0.0.1:{port}", email, password)
        await _assert_a_second_one_is_refused(tmp_path, demo, variables)
        family = demo.family()
        assert {address for address, _ in listening(family)} == {"127.0.0.1"}
        assert await asyncio.to_thread(demo.stop, signal.SIGINT) == 0
        assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert (tmp_path / ".state" / "demo" / "mailbox").is_dir(), "mail is printed, never sent"


async def _assert_a_second_one_is_refused(folder: Path, first: Program, variables: dict[str, str]) -> None:
    with program(folder / "second", variables, "demo") as same_directory:
        assert await asyncio.to_thread(same_directory.process.wait, 60) == 1
    assert f"process {first.process.pid} already runs on the state directory" in same_directory.said()
    with program(folder / "third", variables, "demo", "--state-dir", "other") as same_port:
        assert await asyncio.to_thread(same_port.process.wait, 60) == 1
    assert "listens on port" in same_port.said()
    assert "PORTAL_PORT" in same_port.said()


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
