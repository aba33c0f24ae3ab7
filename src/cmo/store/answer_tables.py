"""The tables of answers that were given, as SQLAlchemy Core sees them.

::

    answers 1──n ratings (one a person)
"""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Integer, LargeBinary, String, Table, Text

from cmo.store.tables import metadata

answers = Table(
    "answers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, index=True),
    Column("tenant", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("release", String(64), nullable=False),
    Column("version", String(32), nullable=False),
    Column("question", Text, nullable=False),
    Column("asked", LargeBinary, nullable=False),  # JSON, compressed, as is the reply
    Column("reply", LargeBinary, nullable=False),
)

ratings = Table(
    "ratings",
    metadata,
    Column("answer", ForeignKey("answers.id"), primary_key=True),
    Column("tenant", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("score", Integer, nullable=False),
    Column("comment", Text, nullable=False),
)
