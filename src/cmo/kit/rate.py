"""How often one caller may ask: GCRA, which holds one number a caller.

::

    arrival --> the moment at which its share is used up --> not too far ahead? --> admitted
                                                       `--> refused, and after how many seconds it will be

The moment (theoretical arrival time, ITU-T I.371) moves on by ``1 / rate`` with each admitted call. A caller who has
not asked for a while is the same as one never seen, so forgetting those loses nothing; when the table is full of
callers who ask right now, further ones share one row: a flood of made-up names gains nobody more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from cmo.kit.refusal import Refused, Why


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second, and so many at once."""

    per_second: float
    burst: int = 1
    """At once, after a quiet time."""


def admit(rate: Rate, moment: float, now: float) -> float | Refused:
    """The moment after a call, or its refusal.

    Args:
        rate: what is allowed.
        moment: the caller's, after its last call; any time past for one never seen.
        now: seconds of the same clock.
    """
    step = 1 / rate.per_second
    after = max(now, moment) + step
    early = after - now - rate.burst * step
    return Refused(Why.RATE, early) if early > step * 1e-9 else after


class Rates:
    """Callers and their moments. Threads may share it.

    Args:
        rate: what each caller is allowed.
        most: callers that are told apart.
        monotonic: the clock.
    """

    def __init__(self, rate: Rate, *, most: int = 10_000, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._most = most
        self._monotonic = monotonic
        self._moments: dict[Hashable, float] = {}
        self._crowd = -1.0
        self._sweep_at = -1.0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._moments)

    def admit(self, caller: Hashable) -> Refused | None:
        """Why a call is refused, if it is; else it counts."""
        with self._lock:
            now = self._monotonic()
            known = caller in self._moments or self._room(now)
            after = admit(self._rate, self._moments.get(caller, -1.0) if known else self._crowd, now)
            if isinstance(after, Refused):
                return after
            if known:
                self._moments[caller] = after
            else:
                self._crowd = after
        return None

    def _room(self, now: float) -> bool:
        """Whether one more caller can be told apart; looks for quiet ones at most once a burst."""
        if len(self._moments) >= self._most and now >= self._sweep_at:
            self._moments = {caller: moment for caller, moment in self._moments.items() if moment > now}
            self._sweep_at = now + self._rate.burst / self._rate.per_second
        return len(self._moments) < self._most
