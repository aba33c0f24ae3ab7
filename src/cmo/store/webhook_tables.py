"""The tables of webhooks, as SQLAlchemy Core sees them.

::

    webhooks 1──n webhook_deliveries (written in the transaction of what they tell of)

Times are seconds since 1970. The secret is sealed where a key is set; it is needed as it is to sign with.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from cmo.store.tables import metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),  # separated by spaces
    Column("secret", LargeBinary, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("by", Text, nullable=False),
    Column("ended", Text, nullable=False),  # why; empty while it is told
    Column("paused_at", Float),
    Column("former", LargeBinary),  # the secret before
    Column("former_until", Float),
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("webhook", ForeignKey("webhooks.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("facts", Text, nullable=False),  # JSON
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("said", Text, nullable=False),
    Column("tried_at", Float),
    Index("webhook_deliveries_due", "state", "due_at"),
)
