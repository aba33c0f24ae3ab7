"""What the service sends about itself: health, status, the kinds of problems."""

from __future__ import annotations

from typing import Any, Literal

from cmo.web.schemas import Sent


class ComponentOut(Sent):
    """One part of the service."""

    status: Literal["healthy", "degraded", "unhealthy"]
    detail: str


class HealthOut(Sent):
    """Whether the service works, as a whole and by parts."""

    status: Literal["healthy", "degraded", "unhealthy"]
    components: dict[Literal["record", "index", "model", "reach", "disk", "cache", "llm", "web"], ComponentOut]
    timestamp: str
    details: dict[str, str | int]


class WellOut(Sent):
    """Whether the service works, for whoever shows no key where one is needed."""

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: str


class LiveOut(Sent):
    """That the process answers."""

    status: Literal["alive"]


class ReadyOut(Sent):
    """Whether questions are taken."""

    ready: bool
    reason: str
    """Why not; empty where they are."""


class StatusOut(Sent):
    """What the knowledge base holds."""

    papers: int
    retracted: int
    passages: int
    snapshot: str
    model: str
    up_to_date: bool
    nodes: int
    edges: int
    curated_edges: int
    facts: int
    reader: str
    stale_readings: int
    missing_readings: int


class MetricsOut(Sent):
    """What was counted since the service began, over all workers, and the last minutes of it."""

    total_time_ms: float | None
    """Mean time of a question that was not answered from what is kept."""
    retrieval_time_ms: float | None
    generation_time_ms: float | None
    enrichment_usage_rate: float | None
    """Share of the answers to which the graph added something."""
    avg_enrichment_score: float | None
    avg_relationships_per_query: float | None
    """Of enriched answers."""
    workers: int
    requests_per_second: float
    """Over the last minute."""
    error_rate: float
    """Share of the requests of the last five minutes that failed by the service's own fault."""
    requests: dict[str, Any]
    in_progress: float
    alerts: list[dict[str, str]]
    """Those that fire, the most urgent first; none where Prometheus watches the service instead (`CMO_ALERTS`)."""
    questions: dict[str, Any]
    stages: list[dict[str, Any]]
    """The one that takes the most time first."""
    cost_usd: float
    budget: dict[str, Any]
    releases: list[dict[str, Any]]
    webhooks: dict[str, Any]
    """How they stand (`by_state`), `attempts` by what came of them, events that are `waiting`, and since when the oldest is."""
    health: dict[str, Literal["healthy", "degraded", "unhealthy"]]
    process: dict[str, float]
    papers: int
    snapshot_age_seconds: float
    history: dict[str, Any]
    """Figures of every few seconds, oldest first."""
    slowest: list[dict[str, Any]]
    """Requests, with what their stages took."""
    refusals: list[dict[str, Any]]
    """The last requests that were not granted, newest first."""


class KindOut(Sent):
    """A kind of problem."""

    code: str
    status: int
    title: str
