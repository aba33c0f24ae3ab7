"""The first tier: entries in this process, the longest unused going first.

It counts entries and bytes and keeps both below their limits. Time is told by two clocks: the monotonic one says how
long an entry was here, whatever is done to the wall clock; the wall clock says when it was made.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from cmo.cache.counts import Counts, TierStatistics
from cmo.cache.entry import Entry
from cmo.cache.keys import Key
from cmo.cache.span import Span
from cmo.kit.clock import Clock

_OVERHEAD: Final = 600
"""Bytes that an entry takes besides its value, about."""


@dataclass(frozen=True, slots=True)
class _Held:
    scope: str
    entry: Entry
    until: float
    """By the monotonic clock."""


class Memory:
    """Entries of this process; safe to share between threads.

    Args:
        entries: how many it holds at most; 0 for none at all.
        size: bytes that they take at most.
        span: how long it keeps one.
        clock: both clocks.
    """

    name = "memory"

    def __init__(self, *, entries: int, size: int, span: Span, clock: Clock) -> None:
        self._most = entries
        self._limit = size
        self._span = span
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._bytes = 0
        self._counts = Counts()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Entry | None:
        """What is kept under a key and still fresh."""
        now = self._clock.now().timestamp()
        with self._lock:
            held = self._held.get(key.digest)
            if held is not None and not (self._clock.monotonic() < held.until and held.entry.fresh(now)):
                self._remove(key.digest)
                held = None
            if held is None:
                self._counts.misses += 1
                return None
            self._held.move_to_end(key.digest)
            self._counts.hit(now - held.entry.made)
        return held.entry

    def set(self, key: Key, entry: Entry) -> bool:
        """Keep an entry; whether there was a place for it."""
        size = _size(entry)
        left = entry.until - self._clock.now().timestamp()
        if left <= 0 or size > self._limit or not self._most:
            return False
        until = self._clock.monotonic() + min(left, self._span.drawn())
        with self._lock:
            self._remove(key.digest)
            self._held[key.digest] = _Held(key.scope, entry, until)
            self._bytes += size
            while len(self._held) > self._most or self._bytes > self._limit:
                self._remove(next(iter(self._held)))
                self._counts.evictions += 1
        return True

    def drop(self, scope: str, *, others: bool = False) -> None:
        """Forget what was kept in a scope, or in all others."""
        with self._lock:
            for digest in [digest for digest, held in self._held.items() if (held.scope == scope) is not others]:
                self._remove(digest)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def statistics(self) -> TierStatistics:
        """What it did so far."""
        with self._lock:
            return self._counts.told(self.name, len(self._held), self._bytes, self._limit)

    def _remove(self, digest: str) -> None:
        if (held := self._held.pop(digest, None)) is not None:
            self._bytes -= _size(held.entry)


def _size(entry: Entry) -> int:
    return len(entry.value) + _OVERHEAD
