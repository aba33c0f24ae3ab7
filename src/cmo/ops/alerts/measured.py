"""The signals that alerts are made of: which metrics of the catalogue tell them, over which time."""

from __future__ import annotations

from typing import Final

from cmo.ops import catalogue as cat
from cmo.ops.alerts.series import Series, series
from cmo.ops.alerts.signals import Fall, Level, Mean, Quantile, Rise, Scraped, Share, within
from cmo.ops.metric import Metric

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0

_PROBES: Final = "!~/metrics|/api/metrics|/health.*|/live|/ready"
"""What asks how the service is says nothing about how it serves."""
ASKED: Final = series(cat.HTTP_REQUESTS.name, endpoint=_PROBES)
FAILED: Final = series(cat.HTTP_REQUESTS.name, endpoint=_PROBES, status="~5(0[0-35-9]|[1-9].)")
"""All but 504: that is a deadline which the asker set, and nobody outside may wake people by setting one too short. Nor is
`503-overloaded` among them: who asks more than can be answered is sent away, and `SENT_AWAY` says how many are."""
MADE: Final = series(cat.QUESTION_SECONDS.name, tier="made")
"""Answers that were made: those that were found are fast, and would hide the others."""
CLASSIFIED: Final = series(cat.HTTP_SECONDS.name, endpoint="/classify")
JOB: Final = 'job="cmo"'


def errors(minutes: float) -> Share:
    """Requests that fail by the service's own fault."""
    return Share(FAILED, ASKED, minutes * MINUTE)


def answers(share: float) -> Quantile:
    """Seconds that an answer takes."""
    return Quantile(share, MADE)


def classes(share: float, minutes: float) -> Quantile:
    """Seconds that a class takes, with whatever second opinion it needed."""
    return Quantile(share, CLASSIFIED, minutes * MINUTE)


def stage(name: str, share: float) -> Quantile:
    """Seconds that a stage of a question takes."""
    return Quantile(share, series(cat.STAGE_SECONDS.name, stage=name), 10 * MINUTE)


def mean(of: Metric, minutes: float) -> Mean:
    """The mean of what a histogram counts."""
    return Mean(Series(of.name), minutes * MINUTE)


def share(of: Series, among: Series, minutes: float, *, least: float = 20, by: str = "") -> Share:
    """How many of some events are of a kind."""
    return Share(of, among, minutes * MINUTE, least, by)


def in_time(of: Series, bound: float, seconds: float, least: float) -> Share:
    """How many took no longer than a bound."""
    return Share(within(of, bound), of.part("_count"), seconds, least)


OUT_OF_TIME: Final = share(series(cat.HTTP_REQUESTS.name, endpoint=_PROBES, status="504"), ASKED, 5, least=50)
GONE: Final = Scraped(f"up{{{JOB}}}", by="instance")
MISSING: Final = Scraped(f"absent(up{{{JOB}}})")
AVAILABLE: Final = Scraped(f"avg(avg_over_time(up{{{JOB}}}[10m]))")
READY: Final = Level(Series(cat.UP.name), "min")
RECORD: Final = Level(series(cat.HEALTH.name, component="record"), "min")
PARTS: Final = Level(series(cat.HEALTH.name, component="!record"), "min", by="component")
MEMORY: Final = Level(Series(cat.MACHINE_MEMORY.name))
OWN_MEMORY: Final = Level(Series(cat.RESIDENT.name), by="worker")
CPU: Final = Level(Series(cat.MACHINE_CPU.name))
LATE: Final = Quantile(0.99, Series(cat.LAG.name))
FALLBACK: Final = share(
    series(cat.CLASSIFICATION_LLM.name, outcome="!answered"), Series(cat.CLASSIFICATION_LLM.name), 15
)
OUTSIDE: Final = share(
    series(cat.OUTSIDE_CALLS.name, outcome="!answered"), Series(cat.OUTSIDE_CALLS.name), 15, by="service"
)
BREAKER: Final = Level(series(cat.BREAKERS.name, state="open"), by="service")
CONFIDENCE: Final = mean(cat.CONFIDENCE, 30)
LESS_CONFIDENCE: Final = Fall(CONFIDENCE, Mean(Series(cat.CONFIDENCE.name), DAY, 100))
UNSUPPORTED: Final = share(series(cat.SENTENCES.name, kind="unsupported"), Series(cat.SENTENCES.name), 15, least=50)
REFUSED: Final = share(series(cat.QUESTIONS.name, outcome="refused"), Series(cat.QUESTIONS.name), 30, least=50)
# Every look begins in memory, so that the looks there are the questions.
HITS: Final = Share(
    series(cat.CACHE_REQUESTS.name, cache="classes", result="hit"),
    series(cat.CACHE_REQUESTS.name, cache="classes", tier="memory"),
    30 * MINUTE,
    least=200,
    lacking=True,
)
SENT_AWAY: Final = share(series(cat.ADMISSION_REFUSED.name, reason="!draining"), ASKED, 5, least=50)
STRANGERS: Final = Rise(series(cat.HTTP_PROBLEMS.name, code="~not-known|not-allowed"), 10 * MINUTE)
CROSSED: Final = Rise(Series(cat.TENANTS_CROSSED.name), HOUR)
AUDIT: Final = Level(Series(cat.AUDIT_FAULTS.name))
KEPT_TOO_LONG: Final = Level(Series(cat.RETENTION_AGE.name))
NOT_DELIVERED: Final = share(
    series(cat.WEBHOOK_ATTEMPTS.name, outcome="~failed|given-up"), Series(cat.WEBHOOK_ATTEMPTS.name), 60, least=10
)
WAITS: Final = Level(Series(cat.WEBHOOK_OLDEST.name))
ENDED: Final = Level(series(cat.WEBHOOKS.name, state="ended"))
GIVEN_UP: Final = Rise(series(cat.WEBHOOK_ATTEMPTS.name, outcome="given-up"), HOUR)
WAITING: Final = Level(Series(cat.ADMISSION_WAITING.name), "sum")
MONEY_LEFT: Final = Level(Series(cat.BUDGET_LEFT.name), "min")
COST: Final = share(Series(cat.COST.name), Series(cat.ANSWERS.name), 60)
BEHIND: Final = Level(Series(cat.INDEX_BEHIND.name))
PAPERS: Final = Level(Series(cat.PAPERS.name))
STAGE: Final = Level(Series(cat.RELEASE_STAGE.name), by="release")
RELEASE_FALLBACKS: Final = share(
    series(cat.FALLBACKS.name, kind="release"), series(cat.RELEASE_ANSWERS.name, arm="new"), 5
)
UNATTENDED: Final = Scraped(
    'max by (of) (label_replace(ALERTS{alertstate="firing", priority="P0", alertname!="Unattended"}, "of", "$1",'
    ' "alertname", "(.*)"))',
    by="of",
)


def phase(*names: str) -> Level:
    """Whether the rollout is in one of some phases."""
    return Level(series(cat.RELEASE_PHASE.name, phase="~" + "|".join(names)))
