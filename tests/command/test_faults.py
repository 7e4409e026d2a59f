"""What is wrong around the product is told in a line, with what to do; a fault of its own keeps its trace."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from services.command.app import in_words
from tests.command.processes import COMMAND, environment

AWAY = {"DATABASE_URL": "postgresql+asyncpg://127.0.0.1:9/x", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
ACCOUNT = "account create --email a@example.org --role coordinator --organisation hub:x"


@pytest.mark.parametrize(
    ("line", "variables", "said"),
    [
        ("up --state-dir file/below", {}, "Not a directory: "),
        ("up", {"PORTAL_PORT": "many"}, "the setting PORTAL_PORT: Input should be a valid integer"),
        ("migrate", AWAY, "Kafka or the database does not answer"),
        ("migrate", AWAY | {"DATABASE_URL": "nonsense"}, "does DATABASE_URL lead to it"),
        (ACCOUNT, AWAY, "Kafka or the database does not answer"),
        (ACCOUNT, {}, "DATABASE_URL is not set"),
        ("letters list", AWAY, "does KAFKA_BOOTSTRAP_SERVERS lead to it?"),
        ("review show kent --token x --portal http://127.0.0.1:9", {}, "the portal does not answer"),
    ],
)
def test_what_is_away_or_wrong_is_told_in_a_line(
    tmp_path: Path, line: str, variables: dict[str, str], said: str
) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [*COMMAND, *line.split()], cwd=tmp_path, env=environment(**variables), check=False, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode in (1, 2), told
    assert said in told.replace("\n│ ", ""), told
    assert "Traceback" not in told
    assert "Unclosed" not in told


def test_a_fault_of_its_own_keeps_its_trace() -> None:
    assert in_words(KeyError("a bug")) is None
    assert in_words(ValueError("a bug")) is None
