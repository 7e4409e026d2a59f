"""Which product a command talks to: the one whose addresses are set, else the one that is up on the state directory."""

from __future__ import annotations

from services.command import embedded
from shared.settings import Settings


def own_settings() -> Settings:
    """Read the settings; where PORTAL_URL is not set, people reach the portal where it listens."""
    settings = Settings()
    if "portal_url" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"portal_url": local_portal(settings)})


def local_portal(settings: Settings) -> str:
    """Give the portal's address on this machine."""
    host = "127.0.0.1" if settings.portal_host in ("", "0.0.0.0", "::") else settings.portal_host  # noqa: S104 - not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.portal_port}"


def reachable_settings() -> Settings:
    """Read the settings; addresses that are not set are those of the product that is up on the state directory."""
    settings = own_settings()
    running = embedded.addresses_in_use(settings.state_dir)
    if running is None:
        return settings
    return settings.model_copy(
        update={
            "kafka_bootstrap_servers": settings.kafka_bootstrap_servers or running.kafka_bootstrap,
            "database_url": settings.database_url or running.database_url,
        }
    )
