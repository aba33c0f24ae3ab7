"""What came of the last requests: how many, how long, from where, in time or not. Numbers, and nothing of what was asked."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """One request."""

    at: float
    """Monotonic seconds when it was answered."""
    seconds: float
    marks: tuple[str, ...] = ()
    """What it was, such as ``memory`` or ``fallback``."""
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests, summed up."""

    total: int
    failed: int
    window: int
    """Requests that the figures below are of."""
    mean: float
    p50: float
    p95: float
    p99: float
    longest: float
    within: float
    """Share that took no longer than the target."""
    within_limit: float
    rate: float
    """Requests a second over the window, from its first to its last."""
    marks: Mapping[str, int]
    """Of all requests."""

    @property
    def success(self) -> float:
        """Share that did not fail; 1 before the first."""
        return 1 - self.failed / self.total if self.total else 1.0


class Tally:
    """The last requests. Threads may share it.

    Args:
        window: how many are looked at.
        target: seconds that a request should take at most.
        limit: seconds that it must not exceed.
    """

    def __init__(self, window: int, target: float, limit: float) -> None:
        self._last: deque[Served] = deque(maxlen=window)
        self._target = target
        self._limit = limit
        self._total = self._failed = 0
        self._marks: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, served: Served) -> None:
        """Count one more."""
        with self._lock:
            self._last.append(served)
            self._total += 1
            self._failed += not served.ok
            self._marks.update(served.marks)

    def figures(self) -> Figures:
        """What it comes to."""
        with self._lock:
            last, marks, total, failed = list(self._last), dict(self._marks), self._total, self._failed
        return summed(last, total=total, failed=failed, marks=marks, bounds=(self._target, self._limit))


def summed(
    last: Sequence[Served], *, total: int, failed: int, marks: Mapping[str, int], bounds: tuple[float, float]
) -> Figures:
    """Figures of some requests; `bounds` are target and limit in seconds."""
    times = sorted(served.seconds for served in last)
    count = len(times)
    passed = last[-1].at - last[0].at + last[0].seconds if last else 0.0
    return Figures(
        total,
        failed,
        count,
        sum(times) / count if count else 0.0,
        quantile(times, 0.5),
        quantile(times, 0.95),
        quantile(times, 0.99),
        times[-1] if times else 0.0,
        _share(times, bounds[0]),
        _share(times, bounds[1]),
        count / passed if passed > 0 else 0.0,
        marks,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that a share of ordered values does not exceed; 0 where there are none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _share(times: Sequence[float], bound: float) -> float:
    return sum(t <= bound for t in times) / len(times) if times else 1.0
