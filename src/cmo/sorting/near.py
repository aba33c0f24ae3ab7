"""Decisions found again for questions that are almost the same: by their gist (`cmo.route.gist`), in memory alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cmo.cache import Basis, Key, Memory, key_of
from cmo.cache.entry import Entry
from cmo.kit.clock import Clock
from cmo.model.routes import Conditions
from cmo.route.codec import CODEC

_NAME: Final = "near"


class Near:
    """What is kept by gist. Safe to share between threads.

    Args:
        memory: where.
        gist: of a question; None where it has none.
        clock: wall time.
    """

    def __init__(self, memory: Memory, gist: Callable[[str], str | None], clock: Clock) -> None:
        self._memory = memory
        self._gist = gist
        self._clock = clock

    @property
    def hits(self) -> int:
        """Questions that went the way of another."""
        return self._memory.statistics().hits

    def key(self, text: str, basis: Basis, ways: Conditions) -> Key | None:
        """Under which a question of this gist is kept."""
        gist = self._gist(text)
        return None if gist is None else key_of(gist, basis, _NAME, CODEC, ways)

    def get(self, key: Key | None) -> tuple[bytes, float] | None:
        """What is kept, and for how many seconds it may still be."""
        entry = None if key is None else self._memory.get(key)
        return None if entry is None else (entry.value, entry.until - self._clock.now().timestamp())

    def keep(self, key: Key | None, value: bytes, seconds: float) -> None:
        """Keep a decision."""
        if key is not None:
            now = self._clock.now().timestamp()
            self._memory.set(key, Entry(value, now, now + seconds))

    def clear(self) -> None:
        """Forget everything."""
        self._memory.clear()
