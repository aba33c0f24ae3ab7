"""Progressive delivery: flags, releases, rollouts, what was seen of them, experiments, and who changed what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NAME = sa.String(length=64)


def upgrade() -> None:
    """Nothing was ever rolled out before."""
    op.create_table(
        "flags",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "releases",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "rollouts",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("release", _NAME, nullable=False),
        sa.Column("baseline", _NAME, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("begun_at", sa.Float(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["release"], ["releases.name"]),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index(op.f("ix_rollouts_live"), "rollouts", ["live"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "exposures",
        sa.Column("subject", _NAME, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("arm", sa.String(length=16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "step", "unit"),
    )
    op.create_index("exposures_by_arm", "exposures", ["subject", "step", "arm"], unique=False)
    op.create_table(
        "observations",
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("subject", _NAME, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("arm", sa.String(length=16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("sums", sa.Text(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "subject", "step", "arm"),
    )
    op.create_index("observations_uncounted", "observations", ["subject", "counted"], unique=False)
    op.create_table(
        "findings",
        sa.Column("subject", _NAME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "version"),
    )
    op.create_table(
        "experiments",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "delivery_audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("subject", _NAME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_delivery_audit_subject"), "delivery_audit", ["subject"], unique=False)


def downgrade() -> None:
    """All that was rolled out is forgotten, and with it who did it."""
    op.drop_index(op.f("ix_delivery_audit_subject"), table_name="delivery_audit")
    op.drop_table("delivery_audit")
    op.drop_table("experiments")
    op.drop_table("findings")
    op.drop_index("observations_uncounted", table_name="observations")
    op.drop_table("observations")
    op.drop_index("exposures_by_arm", table_name="exposures")
    op.drop_table("exposures")
    op.drop_table("leases")
    op.drop_index(op.f("ix_rollouts_live"), table_name="rollouts")
    op.drop_table("rollouts")
    op.drop_table("releases")
    op.drop_table("flags")
