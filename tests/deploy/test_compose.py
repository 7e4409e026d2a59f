"""The distributed form as Docker would start it.

Docker itself is not run here: what is compared are compose's services, images and variables with the product's own
services and settings, so that a service or a variable that is renamed, added or forgotten is found.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices, AliasPath

from shared.database import SERVICES
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
LEFT_AT_DEFAULT = {"ENCOUNTERS_STATE_DIR", "PLANNING_LEASE_SECONDS", "REPAIR_DELAY_SECONDS"}
"""Settings that compose leaves alone; the first is set in the image."""


def variables_of_settings() -> set[str]:
    names = set()
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        assert not isinstance(alias, AliasChoices | AliasPath)
        names.add(alias or field.upper())
    return names


def environment_of(service: str) -> dict[str, str]:
    """Give a service's variables, with defaults filled in and a word for each that people must set."""
    environment: dict[str, str] = COMPOSE["services"][service].get("environment", {})
    return {name: re.sub(r"\$\{\w+:(-|\?)([^}]*)\}", _filled_in, value) for name, value in environment.items()}


def _filled_in(variable: re.Match[str]) -> str:
    return variable[2] if variable[1] == "-" else "a-secret"


def test_compose_runs_every_service_twice_from_its_own_image() -> None:
    assert set(COMPOSE["services"]) == {"kafka", "postgres", "migrate", *SERVICES}
    for service in SERVICES:
        described = COMPOSE["services"][service]
        assert described["build"]["args"] == {"SERVICE": service}
        assert described["deploy"]["replicas"] == 2
        assert described["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("service", [*SERVICES, "migrate"])
def test_every_variable_of_compose_is_a_setting_and_the_settings_are_accepted(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = environment_of(service)
    assert set(environment) <= variables_of_settings()
    for name in variables_of_settings():
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.kafka() == "kafka:9092"
    assert settings.admin_database().database == "encounters"
    if service == "migrate":
        assert settings.admin_database().username == COMPOSE["services"]["postgres"]["environment"]["POSTGRES_USER"]
    else:
        assert settings.service_database(service).password == "a-secret"
        assert settings.database_admin_url is None, "only migrate is an owner"


def test_every_setting_is_given_somewhere_or_left_at_its_default_on_purpose() -> None:
    given = {name for service in [*SERVICES, "migrate"] for name in environment_of(service)}
    assert variables_of_settings() - given == LEFT_AT_DEFAULT


def test_secrets_are_never_written_down() -> None:
    for service in COMPOSE["services"]:
        for name, value in COMPOSE["services"][service].get("environment", {}).items():
            if re.search("PASSWORD|SECRET", name):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{service} {name}"


def test_the_image_installs_by_checksum_and_runs_the_service_as_an_ordinary_user() -> None:
    installs = [line for line in DOCKERFILE.splitlines() if re.search("pip (install|sync)", line)]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE) == ["encounters"]
    assert f'case "$SERVICE" in {"|".join(SERVICES)})' in DOCKERFILE, "another service is refused"
    assert re.search(r"^CMD .* = matching .*python -m services\.matching\.planning\.warm;", DOCKERFILE, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists()
            assert f"!{name}" in ignored or name.startswith("requirements")
