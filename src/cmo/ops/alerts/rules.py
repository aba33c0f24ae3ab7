"""The alerts: one table, from which deploy/prometheus/alerts.yml is written and by which the service watches itself.

Thresholds are those of the documents. Where these differ, each holds for what it was meant for: routing and classes in
milliseconds, answers in seconds. `source` names the document (000 the deployment guide, 001 the integration, 002
classification, 004 the runbook of enrichment); "ours" is what they leave open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cmo.model.notices import Severity
from cmo.ops import catalogue as cat
from cmo.ops.alerts import measured as m
from cmo.ops.alerts.rule import Priority, Rule
from cmo.ops.alerts.series import Series
from cmo.ops.alerts.signals import Condition, Share, Signal

_P0, _P1, _P2, _P3 = Priority
_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


def _over(signal: Signal, limit: float) -> tuple[Condition, ...]:
    return (Condition(signal, limit),)


def _under(signal: Signal, limit: float) -> tuple[Condition, ...]:
    return (Condition(signal, limit, below=True),)


_THERE: Final = (
    Rule("ServiceDown", "service-down", _P0, _CRITICAL, _under(m.GONE, 1), 1,
         "Prometheus cannot reach the service.", "004: P0, service down", ""),
    Rule("ServiceMissing", "service-down", _P0, _CRITICAL, _over(m.MISSING, 0), 1,
         "Prometheus knows of no service to look at.", "004: P0, service down", ""),
    Rule("AvailabilityLow", "service-down", _P1, _CRITICAL, _under(m.AVAILABLE, 0.99), 1,
         "The service was there for less than 99 % of the last ten minutes.", "000: critical, below 99 % for 1 min"),
    Rule("NotReady", "not-ready", _P1, _CRITICAL, _under(m.READY, 1), 2,
         "A worker takes no questions.", "ours: it warms up in seconds", ""),
    Rule("RecordUnhealthy", "data-loss", _P0, _CRITICAL, _under(m.RECORD, 0.5), 1,
         "The record of papers cannot be used: data may be lost.", "004: P0, data loss", ""),
    Rule("ComponentUnhealthy", "component", _P1, _CRITICAL, _under(m.PARTS, 0.5), 2,
         "A component is unhealthy.", "001: components of /health", ""),
    Rule("ComponentDegraded", "component", _P3, _WARNING, _under(m.PARTS, 1), 15,
         "A component is degraded.", "003: degraded as a state of its own", ""),
    Rule("KeysRefused", "access", _P1, _WARNING, _over(m.STRANGERS, 100), 0,
         "More than 100 requests of ten minutes came without a key that opens: somebody may be trying keys.",
         "004: P0, breach; ours: what goes before one", ""),
    Rule("TenantsCrossed", "breach", _P0, _CRITICAL, _over(m.CROSSED, 0), 0,
         "A request would have been served from the base of another tenant, and was refused.", "004: P0, breach", ""),
    Rule("AuditBroken", "breach", _P0, _CRITICAL, _over(m.AUDIT, 0), 0,
         "The audit does not hold: somebody changed, removed or forged lines of it.", "004: P0, breach", ""),
    Rule("KeptTooLong", "retention", _P2, _WARNING, _over(m.KEPT_TOO_LONG, 2 * m.DAY), 5,
         "For two days nothing was deleted of what has been kept for its days.", "ours: the days of each kind are a promise",
         "s"),
    Rule("Unattended", "unattended", _P0, _CRITICAL, _over(m.UNATTENDED, 0), 15,
         "A P0 alert has been firing for a quarter of an hour, and nobody silenced or ended it.",
         "000: escalation; 004: escalation contacts", ""),
)  # fmt: skip
_ERRORS: Final = (
    Rule("ErrorsCritical", "errors", _P0, _CRITICAL, _over(m.errors(5), 0.05), 2,
         "More than 5 % of the requests fail by the service's own fault.", "000: critical, 5 % for 2 min; 004: P0"),
    Rule("ErrorsHigh", "errors", _P1, _WARNING, _over(m.errors(5), 0.02), 5,
         "More than 2 % of the requests fail by the service's own fault.", "004: P1, above 2 %"),
)  # fmt: skip
_SLOW: Final = (
    Rule("AnswersCrawl", "answers-slow", _P1, _CRITICAL, _over(m.answers(0.95), 4.0), 5,
         "One answer in twenty takes more than 4 s.", "004: P95 critical at 4000 ms", "s"),
    Rule("AnswersVerySlow", "answers-slow", _P2, _WARNING, _over(m.answers(0.95), 3.5), 5,
         "One answer in twenty takes more than 3.5 s.", "004: P2, P95 above 3500 ms", "s"),
    Rule("AnswersSlow", "answers-slow", _P3, _WARNING, _over(m.answers(0.95), 3.0), 5,
         "One answer in twenty takes more than 3 s.", "004: P95 warning at 3000 ms", "s"),
    Rule("SlowestAnswersCrawl", "answers-slow", _P1, _CRITICAL, _over(m.answers(0.99), 7.0), 5,
         "One answer in a hundred takes more than 7 s.", "004: P1, P99 above 7000 ms", "s"),
    Rule("SlowestAnswersSlow", "answers-slow", _P2, _WARNING, _over(m.answers(0.99), 5.0), 5,
         "One answer in a hundred takes more than 5 s.", "004: P99 warning at 5000 ms", "s"),
    Rule("RequestsOutOfTime", "answers-slow", _P2, _WARNING, _over(m.OUT_OF_TIME, 0.20), 5,
         "More than 20 % of the requests were not answered by the deadline that came with them.", "ours: slow, or too short"),
    Rule("ClassesCrawl", "classes-slow", _P1, _CRITICAL, _over(m.classes(0.95, 5), 2.0), 5,
         "One class in twenty takes more than 2 s.", "000: critical, 2000 ms for 5 min; 002: 2000 ms", "s"),
    Rule("ClassesSlow", "classes-slow", _P3, _WARNING, _over(m.classes(0.95, 10), 0.5), 10,
         "One class in twenty takes more than 0.5 s.", "000: warning, 500 ms for 10 min", "s"),
    Rule("RoutingSlow", "stages-slow", _P3, _WARNING, _over(m.stage("route", 0.95), 0.2), 10,
         "One question in twenty waits more than 0.2 s for its route.", "000: target, P95 200 ms", "s"),
    Rule("RetrievalSlow", "stages-slow", _P3, _WARNING, _over(m.stage("retrieve", 0.95), 0.5), 10,
         "One search in twenty takes more than 0.5 s.", "000: target, 500 ms; 003: search", "s"),
)  # fmt: skip
_MACHINE: Final = (
    Rule("MemoryCritical", "memory", _P1, _CRITICAL, _over(m.MEMORY, 0.90), 5,
         "More than 90 % of the memory is taken.", "000: critical, 90 % for 5 min"),
    Rule("MemoryHigh", "memory", _P3, _WARNING, _over(m.MEMORY, 0.85), 5,
         "More than 85 % of the memory is taken.", "002: 85 %"),
    Rule("WorkerLarge", "memory", _P3, _WARNING, _over(m.OWN_MEMORY, 2 * 1024**3), 10,
         "A worker holds more than 2 GiB.", "000: below 2 GB", "bytes"),
    Rule("CpuCritical", "cpu", _P2, _CRITICAL, _over(m.CPU, 0.85), 10,
         "More than 85 % of all cores are busy.", "002: 85 %"),
    Rule("CpuHigh", "cpu", _P3, _WARNING, _over(m.CPU, 0.80), 10,
         "More than 80 % of all cores are busy.", "000: warning, 80 % for 10 min"),
    Rule("EventLoopLate", "event-loop", _P2, _WARNING, _over(m.LATE, 0.2), 5,
         "The event loop wakes up more than 0.2 s late: something blocks it.", "ours: nothing may block it", "s"),
    Rule("RequestsSentAway", "overload", _P2, _WARNING, _over(m.SENT_AWAY, 0.05), 5,
         "More than 5 % of the requests are refused to protect the service.", "ours: it is too small for its load"),
    Rule("QueueLong", "overload", _P3, _WARNING, _over(m.WAITING, 100), 5,
         "More than 100 questions wait.", "001: scale up at a queue of 100", ""),
)  # fmt: skip
_GOOD: Final = (
    Rule("LlmFallbackHigh", "llm-fallback", _P3, _WARNING, _over(m.FALLBACK, 0.30), 15,
         "More than 30 % of the second opinions on classes do not come in time.", "000: warning, 30 % for 15 min"),
    Rule("OutsideFailing", "outside", _P2, _WARNING, _over(m.OUTSIDE, 0.30), 15,
         "More than 30 % of the calls to a service outside fail.", "000: LLM fallback above 30 % for 15 min"),
    Rule("BreakerOpen", "outside", _P2, _WARNING, _over(m.BREAKER, 0), 5,
         "A service outside is not called any more, as too many calls failed.", "001: circuit breaker", ""),
    Rule("ConfidenceFell", "confidence", _P3, _WARNING, _over(m.LESS_CONFIDENCE, 0.10), 1,
         "Over half an hour confidence is more than 10 % below that of the day.", "000: warning, down 10 % for 30 min"),
    Rule("ConfidenceLow", "confidence", _P3, _WARNING, _under(m.CONFIDENCE, 0.6), 5,
         "The mean confidence of half an hour is below 0.6.", "000: performance_monitor.py warns below 0.6", ""),
    Rule("QualityVeryLow", "quality", _P1, _CRITICAL, _under(m.mean(cat.QUALITY, 10), 0.7), 10,
         "The mean quality of answers is below 0.7.", "001: rollback below 0.7 for 10 min", ""),
    Rule("QualityLow", "quality", _P3, _WARNING, _under(m.mean(cat.QUALITY, 15), 0.8), 15,
         "The mean quality of answers is below 0.8.", "001: warning, below 0.8 for 15 min", ""),
    Rule("EnrichmentVeryLow", "enrichment", _P2, _CRITICAL, _under(m.mean(cat.ENRICHMENT, 15), 0.3), 15,
         "The graph adds next to nothing to answers.", "004: enrichment score, critical at 0.3", ""),
    Rule("EnrichmentLow", "enrichment", _P3, _WARNING, _under(m.mean(cat.ENRICHMENT, 15), 0.5), 15,
         "The graph adds little to answers.", "004: enrichment score, warning at 0.5", ""),
    Rule("SentencesUnsupported", "citations", _P2, _WARNING, _over(m.UNSUPPORTED, 0.05), 15,
         "More than 5 % of the sentences are borne out by no source.", "ours: every sentence is to be traced"),
    Rule("QuestionsRefused", "refusals", _P3, _WARNING, _over(m.REFUSED, 0.5), 30,
         "More than half of the questions get no answer.", "ours: the papers may not fit what is asked"),
    Rule("CacheHitsFew", "cache", _P3, _WARNING, _under(m.HITS, 0.6), 30,
         "Fewer than 60 % of the classes are found in the cache.", "002: below 0.6"),
)  # fmt: skip
_MONEY: Final = (
    Rule("BudgetSpent", "budget", _P2, _CRITICAL, _under(m.MONEY_LEFT, 0.001), 1,
         "The budget is spent: what costs money is left out.", "001: daily budget"),
    Rule("BudgetNearlySpent", "budget", _P3, _WARNING, _under(m.MONEY_LEFT, 0.2), 1,
         "Less than 20 % of the budget is left.", "001: LIGHTRAG_COST_ALERT_THRESHOLD 0.8"),
    Rule("AnswersDear", "cost", _P3, _WARNING, _over(m.COST, 0.10), 15,
         "An answer costs more than 10 cents on average.", "001: average query cost above 0.10 $", "$"),
)  # fmt: skip
_KNOWN: Final = (
    Rule("IndexBehind", "index-behind", _P3, _WARNING, _over(m.BEHIND, 0), 15,
         "Answers are given from an index that lacks changes of the record.", "ours: a change is published in seconds",
         "changes"),
    Rule("NothingToSearch", "index-behind", _P2, _WARNING, _under(m.PAPERS, 1), 10,
         "There is no paper to answer from.", "ours: every question is refused", ""),
)  # fmt: skip
_TOLD: Final = (
    Rule("WebhooksFailing", "webhooks", _P3, _WARNING, _over(m.NOT_DELIVERED, 0.5), 15,
         "More than half of the attempts to deliver to webhooks fail.", "ours: a receiver is down or refuses"),
    Rule("WebhooksGivenUp", "webhooks", _P2, _WARNING, _over(m.GIVEN_UP, 0), 0,
         "Events were given up after three days: a receiver does not know of them.", "ours: nothing is lost unseen", ""),
    Rule("WebhooksWaiting", "webhooks", _P3, _WARNING, _over(m.WAITS, 7_200), 5,
         "An event has been on its way to a webhook for more than 2 h.", "ours: four attempts were not taken, or none made",
         "s"),
    Rule("WebhookEnded", "webhooks", _P3, _WARNING, _over(m.ENDED, 0), 0,
         "A webhook said 410 Gone and is told no more.", "ours: nothing is lost unseen", ""),
)  # fmt: skip
_RELEASES: Final = (
    Rule("ReleaseTakenBack", "release", _P1, _CRITICAL,
         (Condition(m.STAGE, -1), Condition(m.phase("back", "backing"), 0)), 0,
         "A release was taken back by its gates or by hand.", "001: rollback tells people", ""),
    Rule("ReleaseFailing", "release", _P1, _CRITICAL,
         (Condition(m.STAGE, -1), Condition(m.RELEASE_FALLBACKS, 0.02)), 2,
         "More than 2 % of the answers of a release had to be given by the baseline.", "001: canary, errors above 2 %",
         ""),
    Rule("ReleaseWaits", "release", _P3, _WARNING,
         (Condition(m.STAGE, -1), Condition(m.phase("held", "waiting"), 0)), 5,
         "A release waits for somebody: too little was seen of it, or its next stage needs approval.",
         "001: handle_rollout_pause", ""),
)  # fmt: skip


_WINDOWS: Final = (
    ("Fast", 14.4, m.HOUR, 5 * m.MINUTE, 2, _P1, _CRITICAL, "in two days"),
    ("Steadily", 6.0, 6 * m.HOUR, 30 * m.MINUTE, 15, _P2, _WARNING, "in five days"),
    ("Slowly", 1.0, 3 * m.DAY, 6 * m.HOUR, 60, _P3, _WARNING, "within the month"),
)
"""How much faster than allowed, the long and the short window, minutes: Site Reliability Workbook, chapter 5, table 5-8."""
_LEAST: Final = {m.HOUR: 50, 6 * m.HOUR: 100, 3 * m.DAY: 500}


def _burning() -> Iterator[Rule]:
    """Alerts on the speed at which what may go wrong in a month is used up: over a long time, and still now."""
    for speed, factor, long, short, minutes, priority, severity, when in _WINDOWS:
        windows = (long, _LEAST[long]), (short, 20)

        def burnt(name: str, subject: str, conditions: Iterator[Condition], what: str, source: str) -> Rule:
            said = f"{what} so fast that what a month allows is used up {when}."  # noqa: B023 - called at once
            return Rule(name, subject, priority, severity, tuple(conditions), minutes, said, source)  # noqa: B023

        lost = (Condition(Share(m.FAILED, m.ASKED, over, least), factor * 0.005) for over, least in windows)
        yield burnt(f"ErrorBudgetBurns{speed}", "errors", lost, "Requests fail",
                    "000: errors below 0.5 %; SRE workbook")  # fmt: skip
        slow = (_slow(m.MADE, 3.0, 0.05 * factor, over, least) for over, least in windows)
        yield burnt(f"AnswerTimeBurns{speed}", "answers-slow", slow, "Answers take more than 3 s",
                    "004: P95 3000 ms; SRE workbook")  # fmt: skip
        late = (_slow(m.CLASSIFIED, 2.0, 0.01 * factor, over, least) for over, least in windows)
        yield burnt(f"ClassTimeBurns{speed}", "classes-slow", late, "Classes take more than 2 s",
                    "000: below 2000 ms for 99 %; SRE workbook")  # fmt: skip


def _slow(of: Series, bound: float, allowed: float, over: float, least: float) -> Condition:
    return Condition(m.in_time(of, bound, over, least), round(1 - allowed, 6), below=True)


RULES: Final = (
    *_THERE, *_ERRORS, *_burning(), *_SLOW, *_MACHINE, *_GOOD, *_MONEY, *_KNOWN, *_TOLD, *_RELEASES,
)  # fmt: skip
"""All alerts."""
WATCHED: Final = tuple(rule for rule in RULES if rule.name not in {"ReleaseTakenBack", "ReleaseWaits"})
"""What the service tells people of itself; of those two the releases' own controller tells them, with the evidence."""
