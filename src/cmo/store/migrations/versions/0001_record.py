"""The record: papers, their versions and contents, vectors, and the log of changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From an empty database."""
    op.create_table(
        "changes",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("paper_id", sa.String(length=32), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("changes_by_paper", "changes", ["paper_id"], unique=False)
    op.create_table(
        "embeddings",
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("sentences", sa.LargeBinary(), nullable=False),
        sa.Column("scales", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", "model"),
    )
    op.create_table(
        "papers",
        sa.Column("paper_id", sa.String(length=32), nullable=False),
        sa.Column("retracted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retract_reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("paper_id"),
    )
    op.create_table(
        "files",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("paper_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"],
            ["papers.paper_id"],
        ),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index(op.f("ix_files_paper_id"), "files", ["paper_id"], unique=False)
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("paper_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_key", sa.String(length=32), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("doi", sa.Text(), nullable=False),
        sa.Column("pmid", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"],
            ["papers.paper_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("paper_id", "version"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_versions_doi"), "versions", ["doi"], unique=False)
    op.create_index(op.f("ix_versions_paper_id"), "versions", ["paper_id"], unique=False)
    op.create_index(op.f("ix_versions_pmid"), "versions", ["pmid"], unique=False)
    op.create_index(op.f("ix_versions_sha256"), "versions", ["sha256"], unique=False)
    op.create_index(op.f("ix_versions_title_key"), "versions", ["title_key"], unique=False)
    op.create_table(
        "chunks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("section", sa.String(length=16), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("version_id", "ordinal"),
    )
    op.create_index(op.f("ix_chunks_key"), "chunks", ["key"], unique=False)
    op.create_table(
        "pages",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("width", sa.Float(), nullable=False),
        sa.Column("height", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("version_id", "number"),
    )
    op.create_table(
        "sentences",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("section", sa.String(length=16), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("boxes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("version_id", "ordinal"),
    )


def downgrade() -> None:
    """Back to an empty database."""
    op.drop_table("sentences")
    op.drop_table("pages")
    op.drop_index(op.f("ix_chunks_key"), table_name="chunks")
    op.drop_table("chunks")
    op.drop_index(op.f("ix_versions_title_key"), table_name="versions")
    op.drop_index(op.f("ix_versions_sha256"), table_name="versions")
    op.drop_index(op.f("ix_versions_pmid"), table_name="versions")
    op.drop_index(op.f("ix_versions_paper_id"), table_name="versions")
    op.drop_index(op.f("ix_versions_doi"), table_name="versions")
    op.drop_table("versions")
    op.drop_index(op.f("ix_files_paper_id"), table_name="files")
    op.drop_table("files")
    op.drop_table("papers")
    op.drop_table("embeddings")
    op.drop_index("changes_by_paper", table_name="changes")
    op.drop_table("changes")
