"""Videos: one row from the first byte of the upload to the last play."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
STATES = "status in ('uploading', 'uploaded', 'processing', 'completed', 'failed', 'rejected', 'cancelled')"


def upgrade() -> None:
    op.create_table(
        "videos",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="uploading", nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("upload_metadata", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("percent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("chain_id", sa.Uuid(), nullable=True),
        sa.Column("plan", JSONB(), nullable=True),
        sa.Column("made", JSONB(), server_default="{}", nullable=False),
        sa.Column("poster", sa.Integer(), nullable=True),
        sa.Column("storyboard", sa.Integer(), nullable=True),
        sa.Column("published", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("uploaded_at", MOMENT, nullable=True),
        sa.Column("completed_at", MOMENT, nullable=True),
        sa.Column("source_deleted_at", MOMENT, nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.CheckConstraint(STATES, name="videos_status"),
        sa.CheckConstraint("size >= 0", name="videos_size"),
        sa.CheckConstraint("percent between 0 and 100", name="videos_percent"),
    )
    _indexes()


def _indexes() -> None:
    alive, open_ = sa.text("deleted_at is null"), sa.text("status in ('uploaded', 'processing')")
    op.create_index("videos_of_user", "videos", ["user_id", sa.text("id desc")], postgresql_where=alive)
    op.create_index("videos_expiring", "videos", ["expires_at"], postgresql_where=sa.text("status = 'uploading'"))
    kept = sa.text("source_deleted_at is null")
    op.create_index("videos_with_source", "videos", ["completed_at"], postgresql_where=kept)
    op.create_index("videos_under_way", "videos", ["updated_at"], postgresql_where=open_)
    gone = sa.text("deleted_at is not null")
    op.create_index("videos_deleted", "videos", ["deleted_at"], postgresql_where=gone)
