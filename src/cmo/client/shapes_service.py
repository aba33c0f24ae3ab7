"""What the service replies about itself, and beside evidence and deep questions, as typed dictionaries.

A test holds them against what the service describes.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from cmo.client.shapes import Evidence, Paper


class Who(TypedDict):
    """Who asks, as the service knows them."""

    name: str
    role: str
    tenant: str
    key: str
    provider: bool
    """Whether they signed in with a provider (OpenID Connect)."""


class Metrics(TypedDict):
    """What was counted since the service began, over all workers, and the last minutes of it."""

    total_time_ms: float | None
    retrieval_time_ms: float | None
    generation_time_ms: float | None
    enrichment_usage_rate: float | None
    avg_enrichment_score: float | None
    avg_relationships_per_query: float | None
    workers: int
    requests_per_second: float
    error_rate: float
    requests: dict[str, Any]
    in_progress: float
    questions: dict[str, Any]
    stages: list[dict[str, Any]]
    cost_usd: float
    budget: dict[str, Any]
    releases: list[dict[str, Any]]
    webhooks: dict[str, Any]
    health: dict[str, Literal["healthy", "degraded", "unhealthy"]]
    process: dict[str, float]
    papers: int
    snapshot_age_seconds: float
    history: dict[str, Any]
    slowest: list[dict[str, Any]]
    refusals: list[dict[str, Any]]
    alerts: list[dict[str, str]]


class Neighbour(TypedDict):
    """A sentence of the same paper."""

    id: str
    text: str
    page: int


class Other(TypedDict):
    """The nearest sentence of another paper."""

    stance: str
    probability: float
    paper: Paper
    evidence: Evidence


class Beside(TypedDict):
    """What stands beside a sentence."""

    id: str
    before: list[Neighbour]
    after: list[Neighbour]
    others: list[Other]


class Thread(TypedDict):
    """What was asked in a thread."""

    thread_id: str
    history: list[dict[str, Any]]
    unfinished: dict[str, Any] | None


class Forgotten(TypedDict):
    """A thread that is no more."""

    thread_id: str
