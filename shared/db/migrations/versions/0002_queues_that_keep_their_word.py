"""Queues that keep their word: batches, locks, rates, breakers, alerts, and pictures of the products."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
BLOCKED = sa.text("state = 'blocked'")
COUNTERS = "pending >= 0 and failed >= 0 and cancelled >= 0 and pending + failed + cancelled <= total"


def upgrade() -> None:
    _jobs()
    _batches()
    _limits()
    _alerts()
    _pictures()


def _jobs() -> None:
    op.create_index("jobs_blocked", "jobs", ["created_at"], postgresql_where=BLOCKED)
    op.add_column("job_attempts", sa.Column("due_at", MOMENT, nullable=True))
    op.create_index("job_attempts_finished", "job_attempts", ["finished_at"])
    bad = sa.text("outcome in ('failed', 'lost')")
    op.create_index("job_attempts_bad", "job_attempts", ["finished_at"], postgresql_where=bad)
    op.add_column("schedule_slots", sa.Column("reason", sa.Text(), nullable=True))


def _batches() -> None:
    op.add_column("batches", sa.Column("cancelled", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("batches", sa.Column("chain_id", sa.Uuid(), nullable=True))
    op.add_column("batches", sa.Column("cancelled_because", sa.Text(), nullable=True))
    op.drop_constraint("batches_counters", "batches")
    op.create_check_constraint("batches_counters", "batches", COUNTERS)
    op.create_index("batches_created", "batches", ["created_at"])


def _limits() -> None:
    op.create_table(
        "job_locks",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("taken_at", MOMENT, server_default=NOW, nullable=False),
    )
    op.create_index("ix_job_locks_taken_at", "job_locks", ["taken_at"])
    op.create_table(
        "job_rates",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("full_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("line_until", MOMENT, nullable=True),
    )
    op.create_index("ix_job_rates_full_at", "job_rates", ["full_at"])
    op.create_table(
        "job_breakers",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("open_until", MOMENT, nullable=True),
        sa.Column("failed_at", MOMENT, server_default=NOW, nullable=False),
    )
    op.create_index("ix_job_breakers_failed_at", "job_breakers", ["failed_at"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("seen_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=True),
    )
    still_open = sa.text("resolved_at is null")
    op.create_index("alerts_open", "alerts", ["rule", "subject"], unique=True, postgresql_where=still_open)
    op.create_index("alerts_opened", "alerts", ["opened_at"])


def _pictures() -> None:
    op.create_table(
        "product_pictures",
        sa.Column("product_id", sa.Uuid(), sa.ForeignKey("products.id"), primary_key=True),
        sa.Column("size", sa.String(), primary_key=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("height", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("made_at", MOMENT, server_default=NOW, nullable=False),
    )


def downgrade() -> None:
    for table in ("product_pictures", "alerts", "job_breakers", "job_rates", "job_locks"):
        op.drop_table(table)
    op.drop_index("batches_created", "batches")
    op.drop_constraint("batches_counters", "batches")
    op.create_check_constraint("batches_counters", "batches", "pending >= 0 and failed >= 0")
    for column in ("cancelled_because", "chain_id", "cancelled"):
        op.drop_column("batches", column)
    op.drop_column("schedule_slots", "reason")
    op.drop_index("job_attempts_bad", "job_attempts")
    op.drop_index("job_attempts_finished", "job_attempts")
    op.drop_column("job_attempts", "due_at")
    op.drop_index("jobs_blocked", "jobs")
