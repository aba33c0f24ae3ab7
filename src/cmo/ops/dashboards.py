"""What is shown to whom: seven dashboards as plain values. `dashboards_grafana` writes them as Grafana reads them.

Each expression names metrics of the catalogue; limits are those of the alerts. What nobody did yet is shown as 0, where
it is a count of troubles, so that an empty panel always means that something is not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from cmo.ops import catalogue as c
from cmo.ops.alerts.measured import ASKED, FAILED, MADE
from cmo.ops.alerts.rules import RULES
from cmo.ops.metric import Metric

_LIMITS: Final = {rule.name: rule.when[0].limit for rule in RULES}


@dataclass(frozen=True, slots=True)
class Line:
    """One expression, and what its series are called: ``{{label}}`` stands for a label's value."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    lines: tuple[Line, ...]
    about: str
    """One sentence: what to look for."""
    unit: str = "short"
    """As Grafana has it: ``s``, ``percentunit``, ``reqps``, ``bytes``, ``currencyUSD``."""
    kind: Literal["graph", "number"] = "graph"
    limits: tuple[float, ...] = ()
    """Where it gets worrying, then bad."""
    below: bool = False
    """Whether less is worse."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Pictures for somebody."""

    name: str
    """Of its file."""
    title: str
    about: str
    panels: tuple[Panel, ...]
    since: str = "now-6h"
    refresh: str = "1m"


def _rate(metric: Metric | str, by: str = "", where: str = "", over: str = "5m") -> str:
    name = metric if isinstance(metric, str) else f"{metric.name}{{{where}}}" if where else metric.name
    return f"sum{f' by ({by}) ' if by else ''}(rate({name}[{over}]))"


def _rise(metric: Metric | str, over: str, by: str = "") -> str:
    name = metric if isinstance(metric, str) else metric.name
    return f"sum{f' by ({by}) ' if by else ''}(increase({name}[{over}]))"


def _zero(expr: str) -> str:
    """The same, 0 where it never happened."""
    return f"{expr} or on () vector(0)"


def _share(part: str, whole: str) -> str:
    return f"({_zero(part)}) / ({whole} > 0)"


def _quantiles(series: str, *shares: float, over: str = "5m") -> tuple[Line, ...]:
    return tuple(Line(_quantile(series, share, over=over), f"P{100 * share:g}") for share in shares)


def _quantile(series: str, share: float, by: str = "", over: str = "5m") -> str:
    name, brace, rest = series.partition("{")
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({name}_bucket{brace}{rest}[{over}])))"


def _mean(metric: Metric, over: str = "30m") -> str:
    return f"sum(rate({metric.name}_sum[{over}])) / (sum(rate({metric.name}_count[{over}])) > 0)"


def _limits(*names: str) -> tuple[float, ...]:
    return tuple(_LIMITS[name] for name in names)


_ERRORS = Panel(
    "Requests that fail", (Line(_share(_rate(str(FAILED)), _rate(str(ASKED))), "failed"),),
    "By the service's own fault (5xx); 0.5 % is what we allow ourselves.", "percentunit",
    limits=_limits("ErrorsHigh", "ErrorsCritical"),
)  # fmt: skip
_ANSWER_TIME = Panel(
    "What an answer takes", _quantiles(str(MADE), 0.5, 0.95, 0.99),
    "Answers that were made; those found in the cache take next to nothing.", "s",
    limits=_limits("AnswersSlow", "AnswersCrawl"),
)  # fmt: skip
_REQUESTS = Panel(
    "Requests", (Line(_rate(c.HTTP_REQUESTS, "endpoint"), "{{endpoint}}"),), "A second, by route.", "reqps"
)
_FOUND = Panel(
    "Where replies are found", (Line(_rate(c.QUESTIONS, "tier"), "{{tier}}"),),
    "`made` was found nowhere; the others are tiers of the cache.", "reqps",
)  # fmt: skip
_OUTCOMES = Panel(
    "What comes of questions", (Line(_rate(c.QUESTIONS, "outcome"), "{{outcome}}"),),
    "Refused is honest: the papers do not say enough.", "reqps",
)  # fmt: skip
_CONFIDENCE = Panel(
    "Confidence", (Line(_mean(c.CONFIDENCE), "confidence"),), "Mean of half an hour.", "percentunit",
    limits=_limits("ConfidenceLow"), below=True,
)  # fmt: skip
_CITED = Panel(
    "Sentences with a source",
    (Line(_share(_rate(c.SENTENCES, where='kind="cited"', over="30m"), _rate(c.SENTENCES, over="30m")), "cited"),),
    "All should have one.", "percentunit", limits=(1 - _LIMITS["SentencesUnsupported"],), below=True,
)  # fmt: skip
_ALARMS = Panel(
    "Alerts that fire", (Line(_zero('count by (priority) (ALERTS{alertstate="firing", priority=~"P."})'), "{{priority}}"),),
    "Each has its page in docs/runbooks.",
)  # fmt: skip
_MONEY_LEFT = Panel(
    "Budget that is left", (Line(f"min({c.BUDGET_LEFT.name})", "left"),), "Of the scarcest: day or month.",
    "percentunit", "number", _limits("BudgetNearlySpent", "BudgetSpent"), below=True,
)  # fmt: skip
_MEMORY = Panel(
    "Memory", (Line(f"max({c.MACHINE_MEMORY.name})", "machine"),), "Of the machine or its container.", "percentunit",
    limits=_limits("MemoryHigh", "MemoryCritical"),
)  # fmt: skip
_CPU = Panel(
    "Processors", (Line(f"max({c.MACHINE_CPU.name})", "busy"),), "Of all cores.", "percentunit",
    limits=_limits("CpuHigh", "CpuCritical"),
)  # fmt: skip
_HEALTH = Panel(
    "Health", (Line(f"min by (component) ({c.HEALTH.name})", "{{component}}"),), "1 is well, 0.5 degraded, 0 ill.",
    limits=(1.0, 0.5), below=True,
)  # fmt: skip
_ACTIVE = Panel(
    "Under way", (Line(f"sum({c.QUESTIONS_ACTIVE.name})", "questions"), Line(f"sum({c.HTTP_ACTIVE.name})", "requests")),
    "What is being answered now.",
)  # fmt: skip
_AWAY = Panel(
    "Sent away", (Line(_zero(_rate(c.ADMISSION_REFUSED, "reason")), "{{reason}}"),),
    "Refused to protect the service, by why.", "reqps",
)  # fmt: skip
_KEPT = Panel(
    "Found in the cache", (Line(_share(_rate(c.QUESTIONS, where='tier!="made"'), _rate(c.QUESTIONS)), "answers"),),
    "Share of the questions.", "percentunit",
)  # fmt: skip
_FALLBACKS = Panel(
    "Stood in", (Line(_zero(_rate(c.FALLBACKS, "kind")), "{{kind}}"),),
    "Another engine, or the baseline for a release.", "reqps",
)  # fmt: skip
_WEBHOOKS = Panel(
    "Webhooks", (Line(_zero(_rate(c.WEBHOOK_ATTEMPTS, "outcome")), "{{outcome}}"),),
    "Attempts to tell other programs, a second, by what came of them.", "reqps",
)  # fmt: skip
_OLDEST_EVENT = Panel(
    "Oldest event for a webhook", (Line(f"max({c.WEBHOOK_OLDEST.name})", "waits"),),
    "Since when it waits; those of paused webhooks do not count.", "s", limits=_limits("WebhooksWaiting"),
)  # fmt: skip

DASHBOARDS: Final = (
    Dashboard(
        "executive", "CMO: is it worth it?", "A month at a glance, for those who answer for the service.",
        (
            Panel("Was there", (Line('avg(avg_over_time(up{job="cmo"}[30d]))'),), "Of the last 30 days; 99.9 % is promised.",
                  "percentunit", "number", (0.999, 0.99), below=True),
            Panel("Requests that went well", (Line(f"1 - {_share(_rise(str(FAILED), '30d'), _rise(str(ASKED), '30d'))}"),),
                  "Of the last 30 days; 99.5 % is promised.", "percentunit", "number", (0.995, 0.98), below=True),
            Panel("Questions a day", (Line(_rise(c.QUESTIONS, "1d")),), "Of the last 24 hours.", kind="number"),
            Panel("Answered", (Line(_share(_rate(c.QUESTIONS, where='outcome="answered"', over="1d"),
                                           _rate(c.QUESTIONS, over="1d"))),),
                  "Share of the questions of the last 24 hours.", "percentunit", "number"),
            Panel("19 in 20 answers take less than", (Line(_quantile(str(MADE), 0.95, over="1d")),), "Of the last 24 hours.",
                  "s", "number", _limits("AnswersSlow", "AnswersCrawl")),
            _MONEY_LEFT,
            Panel("Spent", (Line(f"max by (window) ({c.BUDGET_SPENT.name})", "{{window}}"),), "In this day and month.",
                  "currencyUSD"),
            Panel("What an answer costs", (Line(f"{_rise(c.COST, '1d')} / ({_rise(c.ANSWERS, '1d')} > 0)", "an answer"),),
                  "On average of a day.", "currencyUSD", limits=_limits("AnswersDear")),
            _CONFIDENCE, _CITED,
            Panel("Papers", (Line(f"max({c.PAPERS.name})", "papers"),), "That can be searched."),
            _OUTCOMES,
        ),
        "now-30d", "15m",
    ),
    Dashboard(
        "operational", "CMO: is it well?", "For whoever is on call: begin at the top left.",
        (_ALARMS, _HEALTH, _ERRORS, _ANSWER_TIME, _REQUESTS, _ACTIVE, _AWAY, _OUTCOMES, _KEPT, _MEMORY, _CPU,
         Panel("Services outside", (Line(_zero(_rate(c.OUTSIDE_CALLS, "service, outcome")), "{{service}} {{outcome}}"),),
               "Language models and the web.", "reqps"),
         Panel("Breakers", (Line(_zero(f'max by (service) ({c.BREAKERS.name}{{state="open"}})'), "{{service}}"),),
               "1 where a service outside is left alone for a while.", limits=(0.5,)),
         _FALLBACKS,
         Panel("Changes that are not searchable yet", (Line(f"max({c.INDEX_BEHIND.name})", "changes"),),
               "More than 0 for minutes: `cmo kb rebuild`."),
         _MONEY_LEFT, _WEBHOOKS, _OLDEST_EVENT,
         Panel("Workers", (Line(f"max({c.WORKERS_UP.name})", "there"), Line(f"min({c.UP.name})", "ready")),
               "Ready is 0 while one warms up or drains.")),
    ),
    Dashboard(
        "developer", "CMO: where does the time go?", "For those who make it faster.",
        (
            Panel("Stages", (Line(_quantile(c.STAGE_SECONDS.name, 0.95, "stage"), "{{stage}}"),), "P95 of each.", "s"),
            Panel("Routes of the service", (Line(_quantile(c.HTTP_SECONDS.name, 0.95, "endpoint"), "{{endpoint}}"),),
                  "P95 of each.", "s"),
            Panel("Event loop", _quantiles(c.LAG.name, 0.5, 0.99), "How late it wakes up: nothing may block it.", "s",
                  limits=_limits("EventLoopLate")),
            _FOUND,
            Panel("Looks into the cache", (Line(_rate(c.CACHE_REQUESTS, "cache, tier, result"), "{{cache}} {{tier}} {{result}}"),),
                  "By tier.", "ops"),
            Panel("What the cache holds", (Line(f"sum by (cache, tier) ({c.CACHE_BYTES.name})", "{{cache}} {{tier}}"),),
                  "By tier.", "bytes"),
            Panel("Problems", (Line(_zero(_rate(c.HTTP_PROBLEMS, "code")), "{{code}}"),), "By code.", "reqps"),
            Panel("Why there was no answer", (Line(_zero(_rate(c.ABSTENTIONS, "reason")), "{{reason}}"),), "By reason.", "reqps"),
            Panel("Where questions go", (Line(_zero(_rate(c.ROUTES, "destination")), "{{destination}}"),), "By destination.",
                  "reqps"),
            Panel("Classes", (Line(_zero(_rate(c.CLASSIFICATIONS, "decided_by")), "{{decided_by}}"),), "By who decided.", "reqps"),
            Panel("Memory of workers", (Line(f"sum by (worker) ({c.RESIDENT.name})", "{{worker}}"),), "Should be flat.", "bytes",
                  limits=_limits("WorkerLarge")),
            Panel("Processors of workers", (Line(_rate(c.CPU, "worker"), "{{worker}}"),), "Cores that each takes."),
            Panel("Open files", (Line(f"sum by (worker) ({c.DESCRIPTORS.name})", "{{worker}}"),), "Should be flat."),
            Panel("The index", (Line(f"max({c.SNAPSHOT_BYTES.name})", "on the disk"),), "Bytes on the disk.", "bytes"),
            Panel("Telling the metrics", _quantiles(c.TELLING.name, 0.5, 0.99), "What a scrape costs.", "s"),
        ),
    ),
    Dashboard(
        "realtime", "CMO: now", "The last quarter of an hour, anew every minute.",
        (
            Panel("Requests a second", (Line(_rate(c.HTTP_REQUESTS, over="1m")),), "Of the last minute.", "reqps", "number"),
            Panel("Fail", (Line(_share(_rate(str(FAILED), over="1m"), _rate(str(ASKED), over="1m"))),), "Of the last minute.",
                  "percentunit", "number", _limits("ErrorsHigh", "ErrorsCritical")),
            Panel("19 in 20 take less than", (Line(_quantile(c.HTTP_SECONDS.name, 0.95, over="1m")),), "Of the last minute.", "s",
                  "number", _limits("AnswersSlow", "AnswersCrawl")),
            Panel("Under way", (Line(f"sum({c.HTTP_ACTIVE.name})"),), "Requests.", kind="number"),
            _ALARMS, _HEALTH,
            Panel("Requests", (Line(_rate(c.HTTP_REQUESTS, "endpoint", over="1m"), "{{endpoint}}"),), "A second.", "reqps"),
            Panel("What requests take", _quantiles(c.HTTP_SECONDS.name, 0.5, 0.95, 0.99, over="1m"), "All routes.", "s"),
            _FOUND, _AWAY,
        ),
        "now-15m", "1m",
    ),
    Dashboard(
        "history", "CMO: how it went", "A quarter of a year, day by day.",
        (
            Panel("Questions", (Line(_rise(c.QUESTIONS, "1d", "outcome"), "{{outcome}}"),), "A day."),
            Panel("Requests that fail", (Line(_share(_rise(str(FAILED), "1d"), _rise(str(ASKED), "1d")), "failed"),),
                  "Of a day.", "percentunit", limits=(0.005,)),
            Panel("What an answer takes", _quantiles(str(MADE), 0.5, 0.95, 0.99, over="1d"), "Of a day.", "s"),
            Panel("Confidence", (Line(_mean(c.CONFIDENCE, "1d"), "confidence"),), "Mean of a day.", "percentunit"),
            Panel("Cost", (Line(_rise(c.COST, "1d"), "dollars"),), "A day.", "currencyUSD"),
            Panel("Found in the cache", (Line(_share(_rate(c.QUESTIONS, where='tier!="made"', over="1d"),
                                                     _rate(c.QUESTIONS, over="1d")), "answers"),), "Of a day.", "percentunit"),
            Panel("Papers", (Line(f"max({c.PAPERS.name})", "papers"), Line(f"max({c.PASSAGES.name})", "passages")),
                  "That can be searched."),
            Panel("Memory of workers", (Line(f"sum({c.RESIDENT.name})", "all"),), "A leak shows here.", "bytes"),
            Panel("Age of the snapshot", (Line(f"max({c.SNAPSHOT_AGE.name})", "age"),), "Since papers last changed.", "s"),
        ),
        "now-90d", "15m",
    ),
    Dashboard(
        "release", "CMO: releases", "For whoever lets a change loose: is the new one as good?",
        (
            Panel("Users that may get it", (Line(_zero(f"max by (release) ({c.RELEASE_EXPOSURE.name})"), "{{release}}"),),
                  "Grows with evidence, falls to 0 without anybody's help.", "percentunit"),
            Panel("Stage", (Line(_zero(f"max by (release) ({c.RELEASE_STAGE.name})"), "{{release}}"),), "Of its plan, from 0."),
            Panel("Phase", (Line(_zero(f"max by (phase) ({c.RELEASE_PHASE.name}) > 0"), "{{phase}}"),),
                  "`held` and `waiting` want somebody to look."),
            Panel("Replies by arm", (Line(_zero(_rate(c.RELEASE_ANSWERS, "arm")), "{{arm}}"),), "A second.", "reqps"),
            _FALLBACKS, _ERRORS, _ANSWER_TIME, _CONFIDENCE, _CITED, _OUTCOMES,
        ),
    ),
    Dashboard(
        "docmind", "DocMind AI", "The panels of monitoring/grafana-dashboard.json, document 003, by its own names.",
        (
            Panel("Query Latency", _quantiles("docmind_query_duration_seconds", 0.5, 0.95, 0.99), "All kinds of queries.", "s"),
            Panel("GPU Utilization", (Line(_zero("sum by (device) (docmind_gpu_memory_bytes)"), "{{device}}"),),
                  "Memory that is taken; 0 without a card.", "bytes"),
            Panel("Cache Performance", (Line(
                "sum by (cache_type) (rate(docmind_cache_hits_total[5m])) / (sum by (cache_type) (rate(docmind_cache_hits_total[5m]))"
                " + sum by (cache_type) (rate(docmind_cache_misses_total[5m])) > 0)", "{{cache_type}}"),),
                  "Share of the looks that hit.", "percentunit"),
            Panel("Query Throughput", (Line("sum by (query_type, status) (rate(docmind_queries_total[5m]))",
                                            "{{query_type}} {{status}}"),), "A second.", "reqps"),
        ),
    ),
)  # fmt: skip
"""All of them."""
