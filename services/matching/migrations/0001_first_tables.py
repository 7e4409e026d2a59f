"""First tables."""

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
        "facts",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
    )
    op.create_index("facts_of_hub", "facts", ["hub"], unique=False)
    op.create_index("facts_of_owner", "facts", ["owner"], unique=False)
    op.create_table(
        "hub_changes",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hub"),
    )
    op.create_table(
        "in_force",
        sa.Column("encounter", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("encounter"),
    )
    op.create_index("in_force_of_hub", "in_force", ["hub", "academic_year"], unique=False)
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
        "pinned",
        sa.Column("encounter", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("session", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("encounter"),
    )
    op.create_index("pinned_of_hub", "pinned", ["hub", "academic_year"], unique=False)
    op.create_table(
        "plan_versions",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("changes_seen", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("header", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("problem_file", sa.LargeBinary(), nullable=False),
        sa.Column("timetable_file", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("hub", "academic_year", "version"),
        sa.UniqueConstraint("job"),
    )
    op.create_table(
        "planned_sessions",
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("encounter", sa.String(), nullable=False),
        sa.Column("session", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("hub", "academic_year", "version", "encounter"),
    )
    op.create_table(
        "planning_jobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("not_before", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "jobs_due",
        "planning_jobs",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_index(
        "one_run_a_hub", "planning_jobs", ["hub"], unique=True, postgresql_where=sa.text("status = 'running'")
    )
    op.create_index(
        "one_waiting_repair_a_hub",
        "planning_jobs",
        ["hub"],
        unique=True,
        postgresql_where=sa.text("status = 'queued' AND why = 'repair'"),
    )
    op.create_table(
        "returned",
        sa.Column("encounter", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("hub", sa.String(), nullable=False),
        sa.Column("academic_year", sa.String(), nullable=False),
        sa.Column("session", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("encounter", "version", "why"),
    )
    op.create_index("returned_of_hub", "returned", ["hub", "academic_year"], unique=False)


def downgrade() -> None:
    """Go one step back."""
    op.drop_index("returned_of_hub", table_name="returned")
    op.drop_table("returned")
    op.drop_index(
        "one_waiting_repair_a_hub",
        table_name="planning_jobs",
        postgresql_where=sa.text("status = 'queued' AND why = 'repair'"),
    )
    op.drop_index("one_run_a_hub", table_name="planning_jobs", postgresql_where=sa.text("status = 'running'"))
    op.drop_index("jobs_due", table_name="planning_jobs", postgresql_where=sa.text("status IN ('queued', 'running')"))
    op.drop_table("planning_jobs")
    op.drop_table("planned_sessions")
    op.drop_table("plan_versions")
    op.drop_index("pinned_of_hub", table_name="pinned")
    op.drop_table("pinned")
    op.drop_table("outbox")
    op.drop_table("inbox")
    op.drop_index("in_force_of_hub", table_name="in_force")
    op.drop_table("in_force")
    op.drop_table("hub_changes")
    op.drop_index("facts_of_owner", table_name="facts")
    op.drop_index("facts_of_hub", table_name="facts")
    op.drop_table("facts")
