"""The last minutes of the service in memory, for the page of those without Grafana: one point every few seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from cmo.ops import catalogue as c
from cmo.ops.alerts.measured import ASKED, FAILED
from cmo.ops.alerts.series import Series
from cmo.ops.counts import Spread, State

EVERY_SECONDS: Final = 5.0
POINTS: Final = 180
"""A quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Point:
    """What had been counted at one moment."""

    at: float
    """Monotonic seconds."""
    requests: float
    asked: float
    """Of those, the ones that do not only ask how the service is."""
    errors: float
    """Of these, the ones that failed as the alerts count it."""
    questions: float
    kept: float
    refused: float
    cost: float
    spread: Spread
    """Of durations of requests."""
    active: float
    resident: float
    cpu: float


class History:
    """Points, the oldest of which are forgotten."""

    def __init__(self, points: int = POINTS) -> None:
        self._points: deque[Point] = deque(maxlen=points)

    def add(self, at: float, state: State) -> None:
        """One more."""
        tiers = state.by(c.QUESTIONS, "tier")
        self._points.append(
            Point(
                at,
                state.total(c.HTTP_REQUESTS),
                _total(state, ASKED),
                _total(state, FAILED),
                sum(tiers.values()),
                sum(count for tier, count in tiers.items() if tier != "made"),
                state.total(c.QUESTIONS, outcome="refused"),
                state.total(c.COST),
                state.spread(c.HTTP_SECONDS),
                state.total(c.HTTP_ACTIVE),
                state.total(c.RESIDENT),
                state.total(c.CPU),
            )
        )

    def series(self) -> dict[str, list[float | None]]:
        """Figures between each two points, oldest first; None where nothing happened that they could be of."""
        pairs = list(zip(self._points, list(self._points)[1:], strict=False))
        rows = [_between(before, after) for before, after in pairs]
        names = list(rows[0]) if rows else list(_between(_NOTHING, _NOTHING))
        return {name: [row[name] for row in rows] for name in names}

    def error_rate(self, seconds: float = 300.0) -> float:
        """Share of requests that failed by our fault over the last seconds; 0 where there were none."""
        if not self._points:
            return 0.0
        last = self._points[-1]
        first = next(point for point in self._points if last.at - point.at <= seconds)
        asked = last.asked - first.asked
        return (last.errors - first.errors) / asked if asked > 0 else 0.0

    def rate(self, seconds: float = 60.0) -> float:
        """Requests a second over the last seconds."""
        if not self._points:
            return 0.0
        last = self._points[-1]
        first = next(point for point in self._points if last.at - point.at <= seconds)
        return (last.requests - first.requests) / (last.at - first.at) if last.at > first.at else 0.0


_NOTHING: Final = Point(0, 0, 0, 0, 0, 0, 0, 0, Spread([0] * (len(c.HTTP_SECONDS.buckets) + 1)), 0, 0, 0)


def _between(before: Point, after: Point) -> dict[str, float | None]:
    seconds = max(1e-9, after.at - before.at)
    requests, questions = after.requests - before.requests, after.questions - before.questions
    asked = after.asked - before.asked
    spread = Spread([b - a for a, b in zip(before.spread.counts, after.spread.counts, strict=True)])
    return {
        "requests_per_second": round(requests / seconds, 3),
        "error_rate": round((after.errors - before.errors) / asked, 4) if asked else None,
        "questions_per_second": round(questions / seconds, 3),
        "cache_hit_rate": round((after.kept - before.kept) / questions, 4) if questions else None,
        "abstention_rate": round((after.refused - before.refused) / questions, 4) if questions else None,
        "p50_ms": _ms(quantile(spread, c.HTTP_SECONDS.buckets, 0.5)),
        "p95_ms": _ms(quantile(spread, c.HTTP_SECONDS.buckets, 0.95)),
        "p99_ms": _ms(quantile(spread, c.HTTP_SECONDS.buckets, 0.99)),
        "in_progress": after.active,
        "memory_bytes": after.resident,
        "cpu_cores": round((after.cpu - before.cpu) / seconds, 3),
        "cost_usd": round(after.cost - before.cost, 6),
    }


def quantile(spread: Spread, bounds: tuple[float, ...], share: float) -> float | None:
    """About which value a share does not exceed, evenly spread within its bucket, as Prometheus has it; None of nothing."""
    wanted, passed = share * spread.count, 0.0
    if not spread.count:
        return None
    for place, count in enumerate(spread.counts[:-1]):
        if count and passed + count >= wanted:
            low = bounds[place - 1] if place else 0.0
            return low + (bounds[place] - low) * (wanted - passed) / count
        passed += count
    return bounds[-1]


def _total(state: State, of: Series) -> float:
    """All requests of some series."""
    labels, name = c.HTTP_REQUESTS.labels, c.HTTP_REQUESTS.name
    return sum(
        value
        for (metric, told), value in state.numbers.items()
        if metric == name and of.takes(dict(zip(labels, told, strict=True)))
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
