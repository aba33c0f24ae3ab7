"""How sorting goes, as plain values for JSON, and what to do about it. Nothing of what was asked is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from cmo.cache.counts import TierStatistics
from cmo.kit.tally import Figures
from cmo.model.routes import Route
from cmo.model.sorting import Sorted
from cmo.route.decide import category
from cmo.sorting.cast import OpenSorter

ENOUGH: Final = 20
"""Questions before anything is advised."""
COMPLIANCE, HITS, CPU, MEMORY, FALLBACKS, LLM_TROUBLE = 0.95, 0.7, 80.0, 85.0, 0.01, 0.1
_LEVELS: Final = {"memory": "l1_cache", "disk": "l2_cache", "shared": "l3_cache"}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do, and the measurement that it follows from."""

    priority: str
    """``high``, ``medium`` or ``low``."""
    category: str
    issue: str
    suggestions: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "suggestions": list(self.suggestions)}


def confidence(route: Route) -> float:
    """Probability of the category: that of all destinations that belong to it."""
    return round(min(1.0, sum(p for d, p in route.probabilities.items() if category(d) is route.category)), 4)


def told(value: Sorted, target_seconds: float) -> dict[str, Any]:
    """What came of one question."""
    route = value.route
    return {
        "category": route.category.value,
        "confidence": confidence(route),
        "reasoning": "; ".join(reason.text for reason in route.reasons),
        "destination": route.destination.value,
        "research_category": route.research.value,
        "decided_by": route.decided_by.value,
        "response_time_ms": round(value.seconds * 1000, 4),
        "target_met": value.seconds <= target_seconds,
        "cache_hit": value.cached,
        "cache_tier": value.tier,
        "optimizations": list(value.steps),
        "fallback": value.why,
    }


def stats(opened: OpenSorter) -> dict[str, Any]:
    """All figures."""
    reading, plan = opened.sorter.reading(), opened.sorter.plan
    figures, usage = reading.figures, opened.machine.usage()
    batch, counsel = reading.batch, reading.counsel
    return {
        "router": {"version": opened.router, "fault": opened.fault},
        "requests": {
            "total": figures.total,
            "success_rate": round(figures.success, 4),
            "failed": figures.failed,
            "fallbacks": figures.marks.get("fallback", 0),
            "fallback_reasons": _named(figures.marks, "why-"),
            "decided_by": {
                name.lower(): figures.marks[name] for name in ("RULES", "HEAD", "LLM", "KEYWORDS") if name in figures.marks
            },
        },
        "response_times": {
            "window": figures.window,
            "avg_ms": _ms(figures.mean),
            "p50_ms": _ms(figures.p50),
            "p95_ms": _ms(figures.p95),
            "p99_ms": _ms(figures.p99),
            "max_ms": _ms(figures.longest),
            "target_ms": _ms(plan.target_seconds),
            "limit_ms": _ms(plan.limit_seconds),
        },
        "compliance": {"overall_rate": round(figures.within, 4), "limit_rate": round(figures.within_limit, 4)},
        "throughput": {"requests_per_second": round(figures.rate, 2), "target_rps": plan.target_rate},
        "cache": _cache(opened, figures, reading.near),
        "optimizations": {
            name: figures.marks.get(name, 0)
            for name in ("deduplicated", "batched", "near-match", "second-opinion", "second-opinion-later", "no-second-opinion", "keywords")
        },
        "batching": None if batch is None else {
            "runs": batch.runs,
            "mean_size": round(batch.mean, 3),
            "longest": batch.longest,
            "limit": batch.limit,
            "waiting": batch.waiting,
            "refused": batch.refused,
        },
        "tuning": None if batch is None else {
            "ms_per_question_by_run_length": {str(n): _ms(c.seconds) for n, c in sorted(batch.costs.items())},
            "changes": [
                {
                    "after_questions": c.after,
                    "from": c.old,
                    "to": c.new,
                    "ms_per_question_before": _ms(c.old_seconds),
                    "ms_per_question_expected": _ms(c.new_seconds),
                    "ms_per_question_now": _ms(batch.costs[c.new].seconds) if c.new in batch.costs else None,
                }
                for c in batch.changes
            ],
        },
        "llm": {"model": opened.model, **(asdict(counsel) if counsel is not None else {})},
        "resources": {
            "cpu": {"current_usage_percent": usage.cpu_percent, "process_percent": usage.process_cpu_percent, "cores": usage.cores},
            "memory": {"current_usage_percent": usage.memory_percent, "process_bytes": usage.memory_bytes},
            "workers": {
                "current": batch.workers if batch else 0,
                "peak": batch.most_workers if batch else 0,
                "most": plan.workers_most,
            },
        },
    }  # fmt: skip


def advise(facts: Mapping[str, Any]) -> list[Advice]:
    """What follows from figures as `stats` gives them; nothing before there are enough."""
    if facts["requests"]["total"] < ENOUGH:
        return []
    order = {"high": 0, "medium": 1, "low": 2}
    return sorted(
        [*_of_times(facts), *_of_fallbacks(facts), *_of_llm(facts), *_of_caches(facts), *_of_resources(facts)],
        key=lambda advice: order[advice.priority],
    )


def _of_times(facts: Mapping[str, Any]) -> Iterator[Advice]:
    rate, times = facts["compliance"]["overall_rate"], facts["response_times"]
    if rate >= COMPLIANCE:
        return
    issue = f"{100 * rate:.1f} % of the last {times['window']} questions met {times['target_ms']:.0f} ms; p95 is {times['p95_ms']:.0f} ms"
    asked = facts["llm"].get("asked", 0)
    ways = ["give the process more cores, or run more processes"]
    if asked:
        ways.insert(0, f"a language model was asked {asked} times: shorten its time, or let the head decide alone")
    yield Advice("high", "response_time", issue, tuple(ways))


def _of_fallbacks(facts: Mapping[str, Any]) -> Iterator[Advice]:
    requests = facts["requests"]
    share = requests["fallbacks"] / requests["total"]
    if share <= FALLBACKS:
        return
    reasons = ", ".join(f"{name} {count}" for name, count in requests["fallback_reasons"].items())
    ways = ["raise the limit, or ask less at once"]
    if facts["batching"] and facts["batching"]["refused"]:
        ways.append(
            f"{facts['batching']['refused']} could not have been served in time: more processes would serve them"
        )
    yield Advice(
        "high", "reliability", f"cue words decided {100 * share:.1f} % of the questions ({reasons})", tuple(ways)
    )


def _of_llm(facts: Mapping[str, Any]) -> Iterator[Advice]:
    llm = facts["llm"]
    asked = llm.get("asked", 0)
    trouble = llm.get("late", 0) + llm.get("failed", 0) + llm.get("unusable", 0)
    if asked >= ENOUGH and trouble / asked > LLM_TROUBLE:
        issue = f"of {asked} calls {llm['late']} were late, {llm['failed']} failed or were refused, {llm['unusable']} said no label"
        yield Advice("high", "llm", issue, ("check the endpoint, its quota and the budget (`cmo budget status`)",))


def _of_caches(facts: Mapping[str, Any]) -> Iterator[Advice]:
    cache, total = facts["cache"], facts["requests"]["total"]
    first = cache["l1_cache"]
    if first["evictions"] > first["size"]:
        issue = f"{first['evictions']} decisions had to make room for others, and {first['size']} are held"
        yield Advice("medium", "cache", issue, ("let the first tier hold more (l1_cache_size, memory_pool_size_mb)",))
    elif total >= 5 * ENOUGH and cache["overall"]["hit_rate"] < HITS:
        issue = f"{100 * cache['overall']['hit_rate']:.1f} % of the questions were decided before; {100 * HITS:.0f} % are usual"
        yield Advice("low", "cache", issue, ("warm the cache with what is asked most", "keep decisions for longer"))
    for name in ("l2_cache", "l3_cache"):
        if (tier := cache[name])["errors"]:
            issue = (
                f"the {name[:2].upper()} tier failed {tier['errors']} times and was left alone {tier['skipped']} times"
            )
            yield Advice(
                "medium", "cache", issue, ("look at its disk or its server; questions are answered without it",)
            )


def _of_resources(facts: Mapping[str, Any]) -> Iterator[Advice]:
    cpu, memory = (facts["resources"][name]["current_usage_percent"] for name in ("cpu", "memory"))
    if cpu is not None and cpu > CPU:
        own = facts["resources"]["cpu"]["process_percent"]
        ways = (
            ("add cores or machines",)
            if own > cpu / 2
            else ("other programs use most of it: give it a machine of its own",)
        )
        yield Advice("medium", "resources", f"the processors are {cpu:.0f} % busy, {own:.0f} % by this process", ways)
    if memory is not None and memory > MEMORY:
        yield Advice("medium", "resources", f"{memory:.0f} % of the memory is taken", ("let the first tier hold less",))


def _cache(opened: OpenSorter, figures: Figures, near: int) -> dict[str, Any]:
    """Shares are of questions: of those that came as far as a tier, how many it answered."""
    statistics = {tier.name: tier for tier in opened.sorter.reading().cache.tiers}
    found = {name: figures.marks.get(f"{name}-cache", 0) for name in _LEVELS}
    left, told = figures.total, {}
    for name, level in _LEVELS.items():
        told[level] = _tier(statistics.get(name), found[name], left)
        left -= found[name]
    hits = sum(found.values()) + figures.marks.get("near-match", 0)
    overall = {"hits": hits, "hit_rate": round(hits / figures.total, 4) if figures.total else 0.0}
    return {**told, "near": {"hits": near}, "overall": overall, "distributed": opened.shared}


def _tier(told: TierStatistics | None, hits: int, asked: int) -> dict[str, Any]:
    rate = round(hits / asked, 4) if asked > 0 else 0.0
    facts = {"enabled": told is not None, "hits": hits, "hit_rate": rate}
    if told is None:
        return {**facts, "size": 0, "bytes": 0, "limit_bytes": 0, "evictions": 0, "errors": 0, "skipped": 0}
    return {
        **facts,
        "size": told.size,
        "bytes": told.bytes,
        "limit_bytes": told.limit_bytes,
        "evictions": told.evictions,
        "errors": told.errors,
        "skipped": told.skipped,
    }


def _named(marks: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in marks.items() if name.startswith(prefix)}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 4)
