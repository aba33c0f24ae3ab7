"""Conversations that go on, with the share that each carries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Which conversation had what was known to one process alone."""
    op.create_table(
        "talks",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("rollout", sa.String(length=64), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("place", sa.Float(), nullable=False),
        sa.Column("percent", sa.Float(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index(op.f("ix_talks_at"), "talks", ["at"], unique=False)


def downgrade() -> None:
    """A conversation may change its release while one gains users."""
    op.drop_table("talks")
