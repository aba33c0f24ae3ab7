"""The tables of progressive delivery, as SQLAlchemy Core sees them.

::

    releases 1──n rollouts 1──n observations (sums by arm and stretch, counted once)
                           1──n exposures (who was put where, once a stretch)
                           1──n findings (what the gates said, over time)
    talks: conversations that go on, with the share that each carries
    flags, experiments: each with a version, raised by one with every change
    leases: who may act now; delivery_audit: who changed what, and why

Times are seconds since 1970; JSON is text, so that SQLite and PostgreSQL hold the same.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from cmo.store.tables import metadata

NAME = 64
"""Longest name of a flag, a release, a rollout or an experiment."""

flags = Table(
    "flags",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("spec", Text, nullable=False),  # JSON: value, percent, salt, allowed, denied, cohorts
    Column("version", Integer, nullable=False),
    Column("at", Float, nullable=False),
)

releases = Table(  # never changed: other settings are another release
    "releases",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("settings", Text, nullable=False),  # JSON
    Column("about", Text, nullable=False),
    Column("at", Float, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("release", ForeignKey("releases.name"), nullable=False),
    Column("baseline", String(NAME), nullable=False),  # a release; empty: the settings
    Column("spec", Text, nullable=False),  # JSON: plan, gates, salt, who is always in or out
    Column("status", Text, nullable=False),  # JSON
    Column("evidence", Text, nullable=False),  # JSON: what the gates have seen
    Column("version", Integer, nullable=False),  # rises by one with each write: compare-and-set
    Column("live", Boolean, nullable=False, index=True),  # whether it may decide over answers
    Column("begun_at", Float, nullable=False),
    Column("at", Float, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("term", Integer, nullable=False),  # rises with each new holder
    Column("until", Float, nullable=False),
)

exposures = Table(
    "exposures",
    metadata,
    Column("subject", String(NAME), primary_key=True),  # a rollout or an experiment
    Column("step", Integer, primary_key=True),  # number of the stretch in which the shares stood still
    Column("unit", String(32), primary_key=True),  # hash of a user or a session
    Column("arm", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Index("exposures_by_arm", "subject", "step", "arm"),
)

talks = Table(
    "talks",
    metadata,
    Column("name", String(32), primary_key=True),  # hash of a session
    Column("rollout", String(NAME), nullable=False),
    Column("step", Integer, nullable=False),  # in which it began
    Column("place", Float, nullable=False),  # of its user, 0 to 1
    Column("percent", Float, nullable=False),  # the lowest share since it began
    Column("at", Float, nullable=False, index=True),
)

observations = Table(
    "observations",
    metadata,
    Column("batch", String(32), primary_key=True),  # made by whoever writes: a second try changes nothing
    Column("subject", String(NAME), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("arm", String(16), primary_key=True),
    Column("at", Float, nullable=False),
    Column("sums", Text, nullable=False),  # JSON
    Column("counted", Integer, nullable=False),  # version of the rollout that counted it; 0: nobody yet
    Index("observations_uncounted", "subject", "counted"),
)

findings = Table(
    "findings",
    metadata,
    Column("subject", String(NAME), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("facts", Text, nullable=False),  # JSON: percent, and of each gate verdict, evidence, text
)

experiments = Table(
    "experiments",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("spec", Text, nullable=False),  # JSON
    Column("status", Text, nullable=False),  # JSON
    Column("version", Integer, nullable=False),
    Column("begun_at", Float, nullable=False),
    Column("ended_at", Float),
)

delivery_audit = Table(
    "delivery_audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", String(NAME), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON: what changed
)
