"""first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

__all__ = ["downgrade", "op", "postgresql", "sa", "upgrade"]


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("encounter", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_of_hub", "audit", ["hub", "id"], unique=False)
    op.create_table(
        "availability",
        sa.Column("availability", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("employer", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("availability"),
    )
    op.create_index("availability_of_employer", "availability", ["employer"], unique=False)
    op.create_index("availability_of_hub", "availability", ["hub"], unique=False)
    op.create_table(
        "employers",
        sa.Column("employer", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("employer"),
    )
    op.create_table(
        "files",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("take", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("refused_as_a_whole", sa.Boolean(), nullable=False),
        sa.Column("submitted_by", sa.String(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("files_of_organisation", "files", ["organisation", "content_sha256"], unique=False)
    op.create_table(
        "heads",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hub"),
    )
    op.create_table(
        "hubs",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("hub"),
    )
    op.create_table(
        "inbox",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("source", "id"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "planning_runs",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("budget_seconds", sa.Float(), nullable=False),
        sa.Column("students", sa.Integer(), nullable=False),
        sa.Column("groups", sa.Integer(), nullable=False),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("covered", sa.Integer(), nullable=False),
        sa.Column("bound", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job"),
    )
    op.create_index("planning_runs_of_hub", "planning_runs", ["hub", "began_at"], unique=False)
    op.create_table(
        "pledges",
        sa.Column("employer", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("employer", "hub"),
    )
    op.create_table(
        "profiles",
        sa.Column("school", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("school"),
    )
    op.create_table(
        "remedies",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("cost_minutes", sa.Integer(), nullable=False),
        sa.Column("would_cover", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hub", "academic_year", "version", "rank"),
    )
    op.create_table(
        "requests",
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("school", sa.String(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("group"),
    )
    op.create_index("requests_of_hub", "requests", ["hub"], unique=False)
    op.create_index("requests_of_school", "requests", ["school"], unique=False)
    op.create_table(
        "schools",
        sa.Column("school", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("school"),
    )
    op.create_index("schools_of_hub", "schools", ["hub"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("encounter", sa.String(), nullable=False),
        sa.Column("employer", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("start", sa.String(), nullable=False),
        sa.Column("schools", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("students", sa.Integer(), nullable=False),
        sa.Column("compared", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stands", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("hub", "academic_year", "version", "encounter"),
    )
    op.create_table(
        "shortfalls",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("school", sa.String(), nullable=False),
        sa.Column("students", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hub", "academic_year", "version", "group"),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("sign_in_failures_who", "sign_in_failures", ["who", "failed_at"], unique=False)
    op.create_table(
        "submissions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("file", sa.String(), nullable=True),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("submitted_by", sa.String(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("submissions_about", "submissions", ["about"], unique=False)
    op.create_index("submissions_by_key", "submissions", ["organisation", "idempotency_key"], unique=True)
    op.create_index("submissions_of_file", "submissions", ["file", "row"], unique=False)
    op.create_index("submissions_of_organisation", "submissions", ["organisation", "submitted_at"], unique=False)
    op.create_table(
        "timetables",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_sessions", sa.Integer(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hub", "academic_year", "version"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_sha256"),
    )
    op.create_table(
        "told",
        sa.Column("encounter", sa.String(), nullable=False),
        sa.Column("party_kind", sa.String(), nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("start", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("encounter", "party_kind", "party"),
    )
    op.create_index("told_of_hub", "told", ["hub"], unique=False)
    op.create_index("told_to_party", "told", ["party_kind", "party", "start"], unique=False)


def downgrade() -> None:
    """Go one step back."""
    op.drop_index("told_to_party", table_name="told")
    op.drop_index("told_of_hub", table_name="told")
    op.drop_table("told")
    op.drop_table("tokens")
    op.drop_table("timetables")
    op.drop_index("submissions_of_organisation", table_name="submissions")
    op.drop_index("submissions_of_file", table_name="submissions")
    op.drop_index("submissions_by_key", table_name="submissions")
    op.drop_index("submissions_about", table_name="submissions")
    op.drop_table("submissions")
    op.drop_index("sign_in_failures_who", table_name="sign_in_failures")
    op.drop_table("sign_in_failures")
    op.drop_table("shortfalls")
    op.drop_table("sessions")
    op.drop_index("schools_of_hub", table_name="schools")
    op.drop_table("schools")
    op.drop_index("requests_of_school", table_name="requests")
    op.drop_index("requests_of_hub", table_name="requests")
    op.drop_table("requests")
    op.drop_table("remedies")
    op.drop_table("profiles")
    op.drop_table("pledges")
    op.drop_index("planning_runs_of_hub", table_name="planning_runs")
    op.drop_table("planning_runs")
    op.drop_table("outbox")
    op.drop_table("inbox")
    op.drop_table("hubs")
    op.drop_table("heads")
    op.drop_index("files_of_organisation", table_name="files")
    op.drop_table("files")
    op.drop_table("employers")
    op.drop_index("availability_of_hub", table_name="availability")
    op.drop_index("availability_of_employer", table_name="availability")
    op.drop_table("availability")
    op.drop_index("audit_of_hub", table_name="audit")
    op.drop_table("audit")
    op.drop_table("accounts")
