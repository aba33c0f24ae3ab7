"""What a store said of something lately: asked again after half a second, and believed for a minute where it is silent.

::

    name --known, and young--> that
         '--else--> ask --answered--> kept
                      '--silent--> what it said within the last minute, or its error
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from cmo.errors import StoreError
from cmo.kit.clock import Clock

T = TypeVar("T")
FRESH_SECONDS: Final = 0.5
STALE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """What was said, when, and when it was asked for last."""

    value: T
    at: float
    asked: float


class Lately(Generic[T]):
    """What was heard of each name. Threads may share it.

    Args:
        ask: the store; raises StoreError where it is silent.
        clock: the time.
        most: names that are remembered.
    """

    def __init__(self, ask: Callable[[str], T], clock: Clock, *, most: int = 10_000) -> None:
        self._ask = ask
        self._clock = clock
        self._most = most
        self._heard: OrderedDict[str, Heard[T]] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, name: str) -> Heard[T] | None:
        """What was heard within the last half second; costs no look at the store."""
        heard = self._heard.get(name)
        return heard if heard and self._clock.monotonic() - heard.asked < FRESH_SECONDS else None

    def now(self, name: str) -> T:
        """What holds now.

        Raises:
            StoreError: the store is silent, and has been for too long.
        """
        if heard := self.known(name):
            return heard.value
        asked = self._clock.monotonic()
        try:
            value = self._ask(name)
        except StoreError:
            old = self._heard.get(name)
            if old is None or asked - old.at > STALE_SECONDS:
                raise
            # Whoever comes within the next half second does not wait for a silent store as well.
            return self._keep(name, Heard(old.value, old.at, self._clock.monotonic()))
        return self._keep(name, Heard(value, asked, asked))

    def forget(self, name: str) -> None:
        """Ask anew next time."""
        with self._lock:
            self._heard.pop(name, None)

    def _keep(self, name: str, heard: Heard[T]) -> T:
        with self._lock:
            self._heard[name] = heard
            self._heard.move_to_end(name)
            while len(self._heard) > self._most:
                self._heard.popitem(last=False)
        return heard.value
