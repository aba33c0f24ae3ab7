"""The tables of access, as SQLAlchemy Core sees them.

::

    access_keys 1──n access_sessions
                1──n access_uses (one a day)
    access_trail: what was done, each line with the hash of the one before; access_height: how far it goes

Times are seconds since 1970. A secret is kept nowhere, only its SHA-256.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Integer, String, Table, Text

from cmo.store.tables import metadata

keys = Table(
    "access_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("tenant", Text, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("replaced_by", String(12), nullable=False),
    Column("per_minute", Integer, nullable=False),
    Column("per_day", Integer, nullable=False),
    Column("used_at", Float),
)

sessions = Table(
    "access_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("key", ForeignKey("access_keys.id"), nullable=False),
    Column("expires_at", Float, nullable=False),
)

uses = Table(
    "access_uses",
    metadata,
    Column("key", ForeignKey("access_keys.id"), primary_key=True),
    Column("day", String(10), primary_key=True),  # UTC
    Column("times", Integer, nullable=False),
)

trail = Table(  # the database itself refuses to change or delete its rows
    "access_trail",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON
    Column("before", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

height = Table(
    "access_height",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
