"""How long something took the last times, exactly: for stages that ask whether there is time for them."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, insort
from collections import deque

_ENOUGH = 20
"""Durations below which nothing is said of their tail."""


class Pace:
    """The last durations, in order of time and of length.

    Args:
        size: how many are remembered; older ones are forgotten, so it follows a service that changes.
    """

    def __init__(self, size: int = 128) -> None:
        self._size = size
        self._last: deque[float] = deque()
        self._sorted: list[float] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._last)

    def add(self, seconds: float) -> None:
        """It took so long. What is no duration does not count."""
        if not (math.isfinite(seconds) and seconds >= 0):
            return
        with self._lock:
            if len(self._last) >= self._size:
                del self._sorted[bisect_left(self._sorted, self._last.popleft())]
            self._last.append(seconds)
            insort(self._sorted, seconds)

    def quantile(self, share: float) -> float | None:
        """A duration that this share of them did not exceed; None while there are too few."""
        with self._lock:
            if len(self._sorted) < _ENOUGH:
                return None
            return self._sorted[max(0, math.ceil(share * len(self._sorted)) - 1)]
