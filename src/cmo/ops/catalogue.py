"""Every metric that the service tells, with its labels: what alerts, dashboards and the reference page are made from.

::

    catalogue --> ops/metrics.py counts them --> /metrics, /api/metrics
        '-------> docs/reference/metrics.md, deploy/prometheus/*.yml, dashboards

A metric that is not here cannot be counted; one that is here and never told fails a test.
"""

from __future__ import annotations

from typing import Final

from cmo.kit.breaker import Phase as BreakerPhase
from cmo.model.answers import RefusalReason
from cmo.model.money import Window
from cmo.model.routes import Category, Decider, Destination
from cmo.ops.metric import SECONDS, SHARES, Merge, Metric, counter, gauge, histogram

ENDPOINTS: Final = 80
"""Of the service; their names are those of its routes, never what a client made up."""
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TIERS: Final = ("made", "memory", "disk", "shared", "near")
"""Where a reply was found; `made` where it was found nowhere."""
STAGES: Final = ("translate", "route", "retrieve", "walk", "encode", "search", "web", "answer", "llm", "assess")
SOURCES: Final = ("lightrag", "perplexity", "hybrid", "perplexity_fallback", "lightrag_low_quality", "none")
ARMS: Final = ("baseline", "new", "control", "candidate", "fallback", "everybody")
PHASES: Final = ("running", "held", "waiting", "frozen", "backing", "back", "done")
SERVICES: Final = ("llm", "web", "embedding")
COMPONENTS: Final = ("record", "index", "model", "reach", "cache", "llm", "web", "disk")
WORKERS: Final = 64

OVERLOADED: Final = "503-overloaded"
"""The status of a request that was refused as more is asked than can be answered: that protects the service, and is no fault of it."""

# ---- requests: rate, errors, duration
HTTP_REQUESTS: Final = counter(
    "cmo_http_requests_total",
    "Requests that were answered, by route, method and status; `503-overloaded` where more was asked than can be answered.",
    endpoint=ENDPOINTS,
    method=METHODS,
    status=60,
)
HTTP_SECONDS: Final = histogram(
    "cmo_http_request_duration_seconds",
    "From the first byte of a request to the last byte of its reply.",
    endpoint=ENDPOINTS,
)
HTTP_ACTIVE: Final = gauge("cmo_http_requests_in_progress", "Requests that are being answered.")
HTTP_PROBLEMS: Final = counter("cmo_http_problems_total", "Replies that were a problem, by its code.", code=120)
ERROR_RATE: Final = gauge(
    "cmo_error_rate_ratio",
    "Share of the requests of the last five minutes that failed by the service's own fault: 5xx, but no 504, whose deadline "
    "the asker set, no `503-overloaded`, and none that asks how the service is.",
    Merge.MAX,
)
STAGE_SECONDS: Final = histogram("cmo_stage_duration_seconds", "What a stage of a question took.", stage=STAGES)

# ---- questions and their answers
QUESTIONS: Final = counter(
    "cmo_questions_total",
    "Questions, by what came of them and where the reply was found.",
    outcome=("answered", "refused", "failed", "cancelled"),
    tier=TIERS,
)
QUESTION_SECONDS: Final = histogram(
    "cmo_question_duration_seconds", "From the question to its reply, by where that was found.", tier=TIERS
)
QUESTIONS_ACTIVE: Final = gauge("cmo_questions_in_progress", "Questions that are being answered.")
ANSWERS: Final = counter(
    "cmo_answers_total",
    "Replies that were made, not found, by where they come from and which engine made them.",
    source=SOURCES,
    engine=("cmo", "lightrag"),
)
ABSTENTIONS: Final = counter(
    "cmo_abstentions_total",
    "Questions that were not answered although they were understood, by reason.",
    reason=tuple(reason.value for reason in RefusalReason),
)
CONFIDENCE: Final = histogram("cmo_answer_confidence_ratio", "Confidence of answers that were made.", SHARES)
QUALITY: Final = histogram(
    "cmo_answer_quality_ratio", "Composite quality of answers that were made, where they are judged.", SHARES
)
ENRICHMENT: Final = histogram(
    "cmo_answer_enrichment_ratio", "Enrichment score of answers to which the graph added something.", SHARES
)
RELATIONSHIPS: Final = counter(
    "cmo_answer_relationships_total", "Relations that searches of enriched answers went along."
)
CITATIONS: Final = counter("cmo_citations_total", "Sources that answers cite.")
SENTENCES: Final = counter(
    "cmo_answer_sentences_total",
    "Sentences of answers that were made: with a citation, or told apart as borne out by none.",
    kind=("cited", "unsupported"),
)
ROUTES: Final = counter(
    "cmo_routes_total",
    "Questions that were routed, by destination, class and who decided.",
    destination=tuple(d.value for d in Destination),
    category=tuple(c.value for c in Category),
    decided_by=tuple(d.name.lower() for d in Decider),
)
FALLBACKS: Final = counter(
    "cmo_fallbacks_total",
    "Times that something else stood in: another engine, an engine or tongue that failed, the baseline for a release.",
    kind=("web", "notice", "release"),
)

# ---- classes of questions (POST /classify)
CLASSIFICATIONS: Final = counter(
    "cmo_classifications_total",
    "Questions that were classified, by who decided.",
    decided_by=tuple(d.name.lower() for d in Decider),
)
CLASSIFICATION_FALLBACKS: Final = counter(
    "cmo_classification_fallbacks_total", "Classifications that cue words had to make, by why.", reason=24
)
CLASSIFICATION_LLM: Final = counter(
    "cmo_classification_llm_calls_total",
    "Second opinions that a language model was asked for, by what came of it.",
    outcome=("answered", "late", "failed", "unusable"),
)

# ---- what is kept
CACHE_REQUESTS: Final = counter(
    "cmo_cache_requests_total",
    "Looks into a tier, by what came of it.",
    cache=("answers", "classes"),
    tier=TIERS,
    result=("hit", "miss"),
)
CACHE_ENTRIES: Final = gauge(
    "cmo_cache_entries", "Entries of a tier.", Merge.MAX, cache=("answers", "classes"), tier=TIERS
)
CACHE_BYTES: Final = gauge(
    "cmo_cache_bytes", "Bytes that a tier holds.", Merge.MAX, cache=("answers", "classes"), tier=TIERS
)
CACHE_EVICTIONS: Final = counter(
    "cmo_cache_evictions_total", "Entries that had to make room.", cache=("answers", "classes"), tier=TIERS
)
CACHE_ERRORS: Final = counter(
    "cmo_cache_errors_total",
    "Times that a tier failed or took too long; each cost a miss at most.",
    cache=("answers", "classes"),
    tier=TIERS,
)

# ---- money
COST: Final = counter("cmo_cost_dollars_total", "What answers that were made did cost.")
BUDGET_SPENT: Final = gauge(
    "cmo_budget_spent_dollars",
    "What was spent in this day or month (UTC).",
    Merge.MAX,
    window=tuple(w.value for w in Window),
)
BUDGET_LIMIT: Final = gauge(
    "cmo_budget_limit_dollars",
    "What may be spent in a day or month; not told where there is no limit.",
    Merge.MAX,
    window=tuple(w.value for w in Window),
)
BUDGET_LEFT: Final = gauge(
    "cmo_budget_left_ratio",
    "Share of the budget that is left, of the scarcest.",
    Merge.MIN,
)

# ---- the outside
OUTSIDE_CALLS: Final = counter(
    "cmo_outside_calls_total",
    "Calls to language models and the web, by what came of them.",
    service=SERVICES,
    outcome=("answered", "failed", "refused"),
)
OUTSIDE_SECONDS: Final = histogram("cmo_outside_call_duration_seconds", "What such a call took.", service=SERVICES)
BREAKERS: Final = gauge(
    "cmo_breaker_state",
    "1 for the state in which the breaker of an outside service is, else 0.",
    Merge.MAX,
    service=SERVICES,
    state=tuple(phase.value for phase in BreakerPhase),
)

# ---- releases
RELEASE_EXPOSURE: Final = gauge(
    "cmo_release_exposure_ratio", "Share of the users that a release may answer now.", Merge.MAX, release=16
)
RELEASE_STAGE: Final = gauge(
    "cmo_release_stage", "Which stage of its plan a release is at, from 0.", Merge.MAX, release=16
)
RELEASE_PHASE: Final = gauge(
    "cmo_release_phase", "1 for the phase that the rollout is in, else 0.", Merge.MAX, phase=PHASES
)
RELEASE_ANSWERS: Final = counter("cmo_release_answers_total", "Replies by the arm that gave them.", arm=ARMS)

# ---- what is known
SNAPSHOT_AGE: Final = gauge(
    "cmo_snapshot_age_seconds", "Since the snapshot was made that questions are answered from.", Merge.MAX
)
SNAPSHOT_BYTES: Final = gauge("cmo_snapshot_bytes", "What the index takes on the disk.", Merge.MAX)
PAPERS: Final = gauge("cmo_papers", "Papers that can be searched.", Merge.MAX)
PASSAGES: Final = gauge("cmo_passages", "Passages that can be searched.", Merge.MAX)
INDEX_BEHIND: Final = gauge(
    "cmo_index_behind_changes", "Changes of the record that the snapshot does not show yet.", Merge.MAX
)

# ---- what must hold
TENANTS_CROSSED: Final = counter(
    "cmo_tenant_mismatches_total",
    "Requests that would have been served from the base of another tenant, and were refused: a breach that was stopped.",
)
AUDIT_FAULTS: Final = gauge(
    "cmo_audit_faults", "Bases whose audit does not hold: lines were changed, removed or forged.", Merge.MAX
)
RETENTION_AGE: Final = gauge(
    "cmo_retention_age_seconds", "Since what is kept too long was last deleted in all bases.", Merge.MAX
)
RETENTION_DELETED: Final = counter(
    "cmo_retention_deleted_rows_total",
    "Rows that were deleted as they had been kept for their days.",
    kind=("answers", "exposures", "spending", "deliveries"),
)

# ---- other programs that are told
WEBHOOK_ATTEMPTS: Final = counter(
    "cmo_webhook_attempts_total",
    "Attempts to deliver an event to a webhook, by what came of them; `failed` is tried again.",
    outcome=("delivered", "failed", "given-up"),
)
WEBHOOKS_WAITING: Final = gauge("cmo_webhook_deliveries_waiting", "Events on their way to webhooks.", Merge.MAX)
WEBHOOK_OLDEST: Final = gauge(
    "cmo_webhook_oldest_waiting_seconds",
    "Since the event that waits longest for a webhook that is not paused happened; 0 where none waits.",
    Merge.MAX,
)
WEBHOOKS: Final = gauge(
    "cmo_webhooks",
    "Webhooks, by how they stand; `ended` said 410 Gone.",
    Merge.MAX,
    state=("told", "paused", "ended"),
)

# ---- admission: what is taken on, and what is sent away
ADMISSION_WAITING: Final = gauge("cmo_admission_waiting", "Questions that wait to be answered.")
ADMISSION_REFUSED: Final = counter(
    "cmo_admission_refused_total",
    "Requests that were refused to protect the service, by why.",
    reason=("rate", "full", "shed", "late", "broken", "no-time", "quota", "draining"),
)

# ---- the process and the machine
UP: Final = gauge("cmo_ready", "1 where the worker takes questions; 0 while it warms up or drains.", Merge.MIN)
HEALTH: Final = gauge(
    "cmo_health_ratio",
    "How well a component is: 1 healthy, 0.5 degraded, 0 unhealthy.",
    Merge.MIN,
    component=COMPONENTS,
)
CPU: Final = counter("cmo_process_cpu_seconds_total", "Time of processors that workers took.", worker=WORKERS)
RESIDENT: Final = gauge("cmo_process_resident_memory_bytes", "Memory that a worker holds.", worker=WORKERS)
DESCRIPTORS: Final = gauge("cmo_process_open_fds", "Files and connections that a worker has open.", worker=WORKERS)
STARTED: Final = gauge("cmo_process_start_time_seconds", "When a worker started, since 1970.", worker=WORKERS)
LAG: Final = histogram("cmo_event_loop_lag_seconds", "How late the event loop wakes up who asked to be woken.", SECONDS)
MACHINE_CPU: Final = gauge("cmo_machine_cpu_ratio", "Share of all cores that is busy.", Merge.MAX)
MACHINE_MEMORY: Final = gauge(
    "cmo_machine_memory_ratio", "Share of the memory that is taken, of the machine or its container.", Merge.MAX
)
GPU_MEMORY: Final = gauge("cmo_gpu_memory_bytes", "Memory that is taken on a graphics card.", Merge.MAX, device=16)
WORKERS_UP: Final = gauge("cmo_workers", "Workers that tell what they do.", Merge.MAX)
BUILD: Final = gauge(
    "cmo_build_info", "Always 1; the version in its labels.", Merge.MAX, version=4, python=4, model=8, engine=4
)
ALERTS: Final = gauge(
    "cmo_alert_firing", "1 for each alert that fires, where the service watches itself.", Merge.MAX, alert=95
)
TELLING: Final = histogram("cmo_metrics_scrape_duration_seconds", "What it took to tell the metrics.", SECONDS)

METRICS: Final[tuple[Metric, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them, in the order above."""
BY_NAME: Final[dict[str, Metric]] = {metric.name: metric for metric in METRICS}
