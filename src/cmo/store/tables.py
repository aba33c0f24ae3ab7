"""The tables, as SQLAlchemy Core sees them. `migrations/` holds the same schema step by step.

::

    papers 1──n files
           1──n versions 1──n pages
                         1──n sentences
                         1──n chunks ──key──> embeddings (kept per model, survives re-chunking)
                         1──n readings (one a reader)
    changes: one row for each add, replace, retract, reading; a snapshot says up to which row it goes

    ledger: one row for each call that costs; balances: its sums by account and period; limits: what they may come to
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

papers = Table(
    "papers",
    metadata,
    Column("paper_id", String(32), primary_key=True),
    Column("retracted_at", DateTime(timezone=True)),
    Column("retract_reason", Text, nullable=False, server_default=""),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("paper_id", ForeignKey("papers.paper_id"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # current | superseded | retracted
    Column("sha256", String(64), nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("format", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("title_key", String(32), nullable=False, index=True),
    Column("authors", Text, nullable=False),  # JSON list
    Column("doi", Text, nullable=False, index=True),
    Column("pmid", Text, nullable=False, index=True),
    Column("year", Integer),
    Column("journal", Text, nullable=False),
    Column("licence", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("paper_id", "version"),
    sqlite_autoincrement=True,  # the index knows rows by this id, so it must never be given twice
)

files = Table(  # every file that was read and led to a paper, so that it is not read again
    "files",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("paper_id", ForeignKey("papers.paper_id"), nullable=False, index=True),
)

pages = Table(
    "pages",
    metadata,
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("width", Float, nullable=False),
    Column("height", Float, nullable=False),
)

sentences = Table(
    "sentences",
    metadata,
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("page", Integer, nullable=False),
    Column("section", String(16), nullable=False),
    Column("heading", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("boxes", LargeBinary, nullable=False),  # float32 rows (page, x0, y0, x1, y1)
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("section", String(16), nullable=False),
    Column("heading", Text, nullable=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("key", String(32), nullable=False, index=True),  # hash of text and sentence spans
    UniqueConstraint("version_id", "ordinal"),
)

readings = Table(
    "readings",
    metadata,
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("reader", Text, primary_key=True),  # name@digest of what it reads by
    Column("digest", String(16), nullable=False),  # of the content
    Column("payload", LargeBinary, nullable=False),  # see `reading_codec`
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("model", Text, primary_key=True),  # ModelIdentity, as text
    Column("vector", LargeBinary, nullable=False),  # float16 (dim,)
    Column("sentences", LargeBinary, nullable=False),  # int8 (n, dim)
    Column("scales", LargeBinary, nullable=False),  # float16 (n,), 1 / norm of the int8 row
)

changes = Table(
    "changes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", String(16), nullable=False),  # added | replaced | retracted | read
    Column("paper_id", String(32), nullable=False),
    Column("version_id", Integer),
    Index("changes_by_paper", "paper_id"),
)

ledger = Table(  # amounts are millionths of a dollar
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("day", String(10), nullable=False, index=True),  # UTC
    Column("tenant", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("service", String(16), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("question", String(64), nullable=False),
    Column("state", String(8), nullable=False),  # reserved | settled | unknown | void
    Column("expected", BigInteger, nullable=False),
    Column("most", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),  # what counts as spent
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("failed", Boolean, nullable=False),
    Index("ledger_by_kind", "provider", "model", "purpose", "id"),
    Index("ledger_by_expiry", "state", "expires_at"),
    sqlite_autoincrement=True,  # whoever holds an entry's number must never close another one
)

balances = Table(
    "balances",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),  # both empty: everybody
    Column("period", String(10), primary_key=True),  # 2026-01-31, 2026-01
    Column("spent", BigInteger, nullable=False),
    Column("exposed", BigInteger, nullable=False),
    Column("alerted", BigInteger, nullable=False),
)

limits = Table(
    "limits",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("per", String(8), primary_key=True),  # day | month
    Column("micros", BigInteger, nullable=False),
)

asked = Table(
    "asked",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("day", String(10), nullable=False, index=True),
    Column("tenant", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("source", String(64), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("failed", Boolean, nullable=False),
)
