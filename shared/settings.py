"""What an operator can set, by environment variable; every service reads the same names."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url


class Settings(BaseSettings):
    """Settings of one process; each field is read from the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", validate_by_name=True, validate_by_alias=True)

    kafka_bootstrap_servers: str | None = Field(
        default=None, description="Kafka's addresses, host:port with commas. Unset: the product starts its own Kafka."
    )
    database_url: str | None = Field(
        default=None,
        description="PostgreSQL as postgresql+asyncpg://host/database. Unset: the product starts its own. "
        "Its user is replaced by the role of the service.",
    )
    database_admin_url: str | None = Field(
        default=None,
        description="The same database for an owner who may create roles; only `encounters migrate` uses it.",
    )
    database_roles_password: SecretStr | None = Field(
        default=None, description="Password of the services' database roles; not needed over a local socket."
    )
    topic_prefix: str = Field(default="encounters.", description="Goes before every topic and consumer group.")
    topic_replication: int = Field(default=1, ge=1, description="Copies of each topic that Kafka keeps.")
    state_dir: Path = Field(
        default=Path(".state"),
        validation_alias="ENCOUNTERS_STATE_DIR",
        description="Where the embedded form keeps all its data.",
    )
    portal_host: str = Field(default="127.0.0.1", description="Address that the portal listens on.")
    portal_port: int = Field(default=8700, ge=0, le=65535, description="Port of the portal; 0 takes a free one.")
    portal_url: str = Field(default="http://127.0.0.1:8700", description="The portal's address as people know it.")
    session_secret: SecretStr | None = Field(
        default=None,
        description="Signs sign-in cookies; required when distributed, kept in the state directory when embedded.",
    )
    smtp_url: str | None = Field(
        default=None,
        description="smtp://user:password@host:port or smtps://...; unset: mail is written to the mailbox folder.",
    )
    mail_from: str = Field(default="encounters@example.org", description="Sender and organiser of invitations.")
    planning_workers: int = Field(default=2, ge=1, description="Processor cores that one planning run may use.")
    planning_seconds: float = Field(
        default=60, gt=0, description="Budget of a planning run unless the coordinator says more."
    )
    planning_lease_seconds: float = Field(
        default=15, gt=0, description="A planning run whose worker is silent this long is taken up by another."
    )
    repair_delay_seconds: float = Field(
        default=2, ge=0, description="Quiet time after a changed fact before the plan in force is repaired."
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: str = Field(default="json", description="json, or console for people.")

    def mailbox(self) -> Path:
        """Give the folder into which mail is printed where no SMTP server is set."""
        return self.state_dir / "mailbox"

    def kafka(self) -> str:
        """Give Kafka's addresses. Raises MissingAddress when none is set."""
        if not self.kafka_bootstrap_servers:
            raise MissingAddress("KAFKA_BOOTSTRAP_SERVERS")
        return self.kafka_bootstrap_servers

    def admin_database(self) -> URL:
        """Give the database as an owner sees it. Raises MissingAddress when none is set."""
        url = self.database_admin_url or self.database_url
        if not url:
            raise MissingAddress("DATABASE_URL")
        return make_url(url)

    def service_database(self, service: str) -> URL:
        """Give the database as the role of `service` sees it. Raises MissingAddress when none is set."""
        if not self.database_url:
            raise MissingAddress("DATABASE_URL")
        password = self.database_roles_password
        return make_url(self.database_url).set(
            username=role_of(service), password=password.get_secret_value() if password else None
        )


class MissingAddress(RuntimeError):
    """A service was started by itself without the address of Kafka or PostgreSQL."""

    def __init__(self, variable: str) -> None:
        super().__init__(f"{variable} is not set: give the address, or start everything together with `encounters up`")
        self.variable = variable


def role_of(service: str) -> str:
    """Name the database role of a service; it owns nothing and reads its own schema only."""
    return f"encounters_{service}"
