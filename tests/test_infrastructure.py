"""Which Kafka and PostgreSQL a test run takes, and that Docker is asked for nothing it does not have."""

from __future__ import annotations

import pytest

from tests.infrastructure import DOCKER, EMBEDDED, GIVEN, chosen_way

IMAGES = ("confluentinc/cp-kafka:7.6.0", "postgres:18")
BOTH = {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "DATABASE_URL": "postgresql+asyncpg://db/encounters"}


def test_given_addresses_go_before_docker_and_docker_before_the_embedded_servers() -> None:
    assert chosen_way(BOTH, IMAGES) == GIVEN
    assert chosen_way({}, IMAGES) == DOCKER
    assert chosen_way({}, None) == EMBEDDED


@pytest.mark.parametrize("one", BOTH)
def test_one_address_without_the_other_is_refused(one: str) -> None:
    with pytest.raises(ValueError, match=f"only {one} is set"):
        chosen_way({one: BOTH[one]}, None)
