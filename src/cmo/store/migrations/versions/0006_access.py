"""Keys, sessions, and the trail of what was done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_SQLITE = """
CREATE TRIGGER access_trail_no_{what} BEFORE {what} ON access_trail
BEGIN SELECT RAISE(ABORT, 'the trail is only ever added to'); END
"""
_POSTGRES = """
CREATE FUNCTION access_trail_stands() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the trail is only ever added to'; END $$;
CREATE TRIGGER access_trail_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON access_trail
FOR EACH STATEMENT EXECUTE FUNCTION access_trail_stands()
"""


def upgrade() -> None:
    """Nobody had a key before, and what was done nobody chained."""
    op.create_table(
        "access_keys",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.Column("replaced_by", sa.String(length=12), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "access_sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["access_keys.id"]),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "access_uses",
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["access_keys.id"]),
        sa.PrimaryKeyConstraint("key", "day"),
    )
    op.create_table(
        "access_trail",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("before", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "access_height",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(what=what))
    else:
        op.execute(_POSTGRES)


def downgrade() -> None:
    """Keys, sessions and the trail are gone: the service is open again."""
    for name in ("access_height", "access_trail", "access_uses", "access_sessions", "access_keys"):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION access_trail_stands()")
