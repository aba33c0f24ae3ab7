"""The numbers of a service summed up for people: the shape of `/api/metrics`, with the fields of document 004."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cmo.ops import catalogue as c
from cmo.ops.alerts.rules import RULES
from cmo.ops.counts import Row, Spread, State
from cmo.ops.health import grade_of
from cmo.ops.history import quantile
from cmo.ops.metric import Metric

SHOWN: Final = 20
"""Rows."""


def summary(state: State) -> dict[str, Any]:
    """What was counted since the service began, by all workers."""
    return {
        **documented(state),
        "requests": {**_durations(state), "by_endpoint": _counts(state.by(c.HTTP_REQUESTS, "endpoint"))},
        "in_progress": state.total(c.HTTP_ACTIVE),
        "alerts": _alerts(state),
        "questions": {
            "by_outcome": _counts(state.by(c.QUESTIONS, "outcome")),
            "by_tier": _counts(state.by(c.QUESTIONS, "tier")),
            "by_source": _counts(state.by(c.ANSWERS, "source")),
            "abstentions": _counts(state.by(c.ABSTENTIONS, "reason")),
            "avg_confidence": _mean(state, c.CONFIDENCE),
            "avg_quality": _mean(state, c.QUALITY),
        },
        "stages": _stages(state),
        "cost_usd": round(state.total(c.COST), 6),
        "budget": _budget(state),
        "releases": _releases(state),
        "webhooks": {
            "by_state": _counts(state.by(c.WEBHOOKS, "state")),
            "attempts": _counts(state.by(c.WEBHOOK_ATTEMPTS, "outcome")),
            "waiting": int(state.total(c.WEBHOOKS_WAITING)),
            "oldest_seconds": round(state.total(c.WEBHOOK_OLDEST), 1),
        },
        "health": {name: grade_of(worth).value for name, worth in state.by(c.HEALTH, "component").items()},
        "process": {
            "cpu_seconds": round(state.total(c.CPU), 2),
            "memory_bytes": state.total(c.RESIDENT),
            "open_fds": state.total(c.DESCRIPTORS),
            "machine_cpu": state.total(c.MACHINE_CPU),
            "machine_memory": state.total(c.MACHINE_MEMORY),
        },
        "slowest": slowest(state),
        "refusals": refusals(state),
        "papers": int(state.total(c.PAPERS)),
        "snapshot_age_seconds": round(state.total(c.SNAPSHOT_AGE), 1),
    }


def slowest(state: State) -> list[Row]:
    """The slowest requests, with their stages."""
    return sorted(state.rows.get("slowest", ()), key=lambda row: -float(row["ms"]))[:SHOWN]


def refusals(state: State) -> list[Row]:
    """The last requests that were not granted, newest first."""
    return sorted(state.rows.get("refusals", ()), key=lambda row: str(row["at"]), reverse=True)[:SHOWN]


def documented(state: State) -> dict[str, Any]:
    """The fields of document 004: mean times of a question, and what the graph added."""
    made = state.total(c.ANSWERS)
    enriched = state.spread(c.ENRICHMENT)
    return {
        "total_time_ms": _mean_ms(state.spread(c.QUESTION_SECONDS, tier="made")),
        "retrieval_time_ms": _mean_ms(state.spread(c.STAGE_SECONDS, stage="retrieve")),
        "generation_time_ms": _mean_ms(state.spread(c.STAGE_SECONDS, stage="answer")),
        "enrichment_usage_rate": round(enriched.count / made, 4) if made else None,
        "avg_enrichment_score": _mean(state, c.ENRICHMENT),
        "avg_relationships_per_query": round(state.total(c.RELATIONSHIPS) / enriched.count, 3)
        if enriched.count
        else None,
    }


def _alerts(state: State) -> list[dict[str, str]]:
    """Those that fire, the most urgent first."""
    firing = state.by(c.ALERTS, "alert")
    rules = sorted((rule for rule in RULES if firing.get(rule.name)), key=lambda rule: (rule.priority, rule.name))
    return [{"alert": r.name, "priority": r.priority.value, "summary": r.summary, "runbook": r.runbook} for r in rules]


def _stages(state: State) -> list[dict[str, Any]]:
    """Stages, the one that takes the most time first."""
    found = []
    for stage in c.STAGES:
        spread = state.spread(c.STAGE_SECONDS, stage=stage)
        if spread.count:
            found.append({"stage": stage, "count": spread.count, "avg_ms": _mean_ms(spread), "seconds": spread.total})
    return sorted(found, key=lambda row: -float(row["seconds"]))


def _budget(state: State) -> dict[str, Any]:
    spent, limit = state.by(c.BUDGET_SPENT, "window"), state.by(c.BUDGET_LIMIT, "window")
    return {window: {"spent_usd": spent[window], "limit_usd": limit.get(window)} for window in spent}


def _releases(state: State) -> list[dict[str, Any]]:
    phase = next((name for name, on in state.by(c.RELEASE_PHASE, "phase").items() if on), "")
    stage = state.by(c.RELEASE_STAGE, "release")
    return [
        {"release": name, "percent": round(100 * share, 2), "stage": stage.get(name), "phase": phase}
        for name, share in state.by(c.RELEASE_EXPOSURE, "release").items()
    ]


def _counts(found: Mapping[str, float]) -> dict[str, int]:
    return {name: int(count) for name, count in sorted(found.items(), key=lambda pair: -pair[1])}


def _mean(state: State, metric: Metric) -> float | None:
    spread = state.spread(metric)
    return round(spread.total / spread.count, 4) if spread.count else None


def _mean_ms(spread: Spread) -> float | None:
    return round(1000 * spread.total / spread.count, 3) if spread.count else None


def _durations(state: State) -> dict[str, Any]:
    """Of requests so far, in milliseconds."""
    spread, bounds = state.spread(c.HTTP_SECONDS), c.HTTP_SECONDS.buckets
    shares = {f"p{share}_ms": quantile(spread, bounds, share / 100) for share in (50, 95, 99)}
    found = {name: None if value is None else round(value * 1000, 3) for name, value in shares.items()}
    return {"count": spread.count, "avg_ms": _mean_ms(spread), **found}
