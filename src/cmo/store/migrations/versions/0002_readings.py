"""Readings: what a reader found in a paper, beside the paper."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Papers that are there already have no reading until the next rebuild."""
    op.create_table(
        "readings",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("version_id", "reader"),
    )


def downgrade() -> None:
    """Readings go, and with them the lines of the log that an older release does not know."""
    op.drop_table("readings")
    op.execute(sa.text("DELETE FROM changes WHERE kind = 'read'"))
