"""Webhooks that are told nothing for a while, and the secret that one had before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """A webhook can be paused, and its secret be rotated."""
    op.add_column("webhooks", sa.Column("paused_at", sa.Float(), nullable=True))
    op.add_column("webhooks", sa.Column("former", sa.LargeBinary(), nullable=True))
    op.add_column("webhooks", sa.Column("former_until", sa.Float(), nullable=True))


def downgrade() -> None:
    """None is paused, and each has one secret."""
    for column in ("former_until", "former", "paused_at"):
        op.drop_column("webhooks", column)
