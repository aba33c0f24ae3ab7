"""The meter: how often each key asks, and how much of its day it has used.

::

    request --rate (GCRA)--> day --> counted here --every two seconds--> the store, which tells of all processes
                 '--too often--> 429   '--used up--> 429 until midnight (UTC)

Rates are of all processes that share a board (`SharedRates`), else of those of a machine (`MachineRates`), else of the one;
days are of all, two seconds late at most.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from cmo.errors import OracleError, TooMany
from cmo.kit.clock import Clock
from cmo.kit.rate import Rate, admit
from cmo.kit.rate import Rates as Here
from cmo.kit.refusal import Refused, Why
from cmo.model.access import AccessStore, Allowance, Principal

log = logging.getLogger("cmo.access")
EVERY_SECONDS: Final = 2.0
_LEAST_BURST: Final = 5
_BURST_SHARE: Final = 10
"""A tenth of a minute's calls may come at once: a page and its pictures are many."""


class Rates(Protocol):
    """How often callers ask, in all processes that share it."""

    async def admit(self, caller: str, rate: Rate) -> float | None:
        """Seconds after which a call is admitted: 0 for now; None where nobody knows."""
        ...

    async def aclose(self) -> None:
        """Give back what is open in this loop."""
        ...


@dataclass(slots=True)
class _Day:
    """Uses of one key in one day."""

    elsewhere: int = 0
    """As the store knows them, ours included up to the last time that it was told."""
    untold: int = 0


class Meter:
    """Admits calls. Threads may share it.

    Args:
        store: what uses are kept in; None where nothing is there.
        clock: both clocks.
        usual: of a key that has no allowance of its own; 0 for no limit.
        shared: rates of several processes, the one to be asked first first; where none of them knows, it is counted here.
    """

    def __init__(self, store: Callable[[], AccessStore | None], clock: Clock, usual: Allowance, *shared: Rates) -> None:
        self._store = store
        self._clock = clock
        self._usual = usual
        self._shared = shared
        self._moments: dict[str, float] = {}
        self._days: dict[tuple[str, str], _Day] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    async def admit(self, asks: Principal) -> OracleError | None:
        """Why a key may not ask now; None where it may, and then it counts."""
        own = asks.allowance
        if (minute := own.per_minute or self._usual.per_minute) and (after := await self._early(asks.key, minute)):
            return TooMany(f"The key {asks.name!r} may ask {minute:,} times a minute. Ask again later.", after)
        now = self._clock.now()
        with self._lock:
            today = self._days.setdefault((asks.key, _day(now)), _Day())
            most = own.per_day or self._usual.per_day
            if most and today.elsewhere + today.untold >= most:
                return TooMany(f"The key {asks.name!r} has used up its {most:,} calls of today (UTC).", _night(now))
            today.untold += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cmo-access-meter", daemon=True)
                self._thread.start()
        return None

    def tell(self) -> None:
        """Tell the store what was counted here, and hear what was counted elsewhere.

        Raises:
            StoreError: it is silent; what was counted waits.
        """
        store, at = self._store(), self._clock.now().timestamp()
        with self._lock:
            waiting = [(place, one.untold) for place, one in self._days.items() if one.untold]
        for (key, day), times in waiting if store else ():
            assert store is not None
            total = store.used(key, day, times, at)
            with self._lock:
                one = self._days[key, day]
                one.elsewhere, one.untold = total, one.untold - times
        with self._lock:
            today = _day(self._clock.now())
            self._days = {place: one for place, one in self._days.items() if place[1] == today or one.untold}

    async def aclose(self) -> None:
        """Give back what is open in this loop."""
        for rates in self._shared:
            await rates.aclose()

    def close(self) -> None:
        """Tell what is left, then stop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)

    async def together(self, caller: str, rate: Rate) -> float | None:
        """Seconds after which all processes together admit a call: 0 for now; None where none of them knows."""
        for rates in self._shared:
            if (after := await rates.admit(caller, rate)) is not None:
                return after
        return None

    async def _early(self, key: str, minute: int) -> float:
        rate = Rate(minute / 60, max(_LEAST_BURST, minute // _BURST_SHARE))
        if (after := await self.together(key, rate)) is not None:
            return after
        with self._lock:
            moment = admit(rate, self._moments.get(key, -1.0), self._clock.monotonic())
            if isinstance(moment, Refused):
                return moment.after
            self._moments[key] = moment
        return 0.0

    def _run(self) -> None:
        ending = False
        while not ending:
            ending = self._stop.wait(EVERY_SECONDS)
            try:
                self.tell()
            except OracleError as error:
                log.warning("uses of keys cannot be counted for now: %s", error)


class Tries:
    """How often something that fails may be tried from one place, in all processes that count together.

    Args:
        what: it is, apart from other things that are tried.
        rate: what each place is allowed.
        meter: opens what counts for all; alone, a process counts for itself.
    """

    def __init__(self, what: str, rate: Rate, meter: Callable[[], Meter]) -> None:
        self._what = what
        self._rate = rate
        self._meter = meter
        self._here = Here(rate)

    async def admit(self, place: str) -> Refused | None:
        """Why one more is refused, if it is; else it counts."""
        after = await self._meter().together(f"{self._what}:{place}", self._rate)
        if after is None:
            return self._here.admit(place)
        return Refused(Why.RATE, after) if after else None


def _day(now: datetime) -> str:
    return now.date().isoformat()


def _night(now: datetime) -> float:
    """Seconds until the next day begins."""
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
