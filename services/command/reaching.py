"""Which product a command talks to: the one whose addresses are set, else the one that is up on the state directory."""

from __future__ import annotations

from services.command import embedded
from shared.settings import Settings


def reachable_settings() -> Settings:
    """Read the settings; addresses that are not set are those of the product that is up on the state directory."""
    settings = Settings()
    running = embedded.addresses_in_use(settings.state_dir)
    if running is None:
        return settings
    return settings.model_copy(
        update={
            "kafka_bootstrap_servers": settings.kafka_bootstrap_servers or running.kafka_bootstrap,
            "database_url": settings.database_url or running.database_url,
        }
    )
