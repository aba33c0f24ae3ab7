"""The same work, asked for by many at once, is done once.

::

    first caller --> a task of its own --> the result, to everybody who waits
    the others  ----------------------^

The work belongs to nobody who waits: each may go (cancelled, or out of time) and leaves the others be; when the last
one has gone, the work is ended. It may take as long as the most patient of them. A failure goes to all who wait and
is not kept: the next one to ask begins anew.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from cmo.errors import OutOfTime
from cmo.kit.deadline import Monotonic, Until, check, remaining, under
from cmo.kit.refusal import out_of_time

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_SHARED: Final = "work that others wait for as well"


@dataclass(slots=True)
class _Flight(Generic[V]):
    task: asyncio.Task[V]
    until: Until
    waiting: int = 0


class Flights(Generic[K, V]):
    """Work under way in one event loop, by key.

    Args:
        monotonic: the clock of deadlines.
    """

    def __init__(self, monotonic: Monotonic = time.monotonic) -> None:
        self._monotonic = monotonic
        self._flights: dict[K, _Flight[V]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: K) -> bool:
        return key in self._flights

    async def once(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """What the work under a key comes to, begun here or by another caller.

        Raises:
            OutOfTime: the caller's deadline passed; the work goes on for the others.
        """
        left = remaining()
        flight = self._flights.get(key)
        if flight is None or flight.task.done():
            flight = self._begin(key, work)
        flight.until.at = max(flight.until.at, self._monotonic() + left)
        flight.waiting += 1
        try:
            async with asyncio.timeout(None if math.isinf(left) else left) as limit:
                return await asyncio.shield(flight.task)
        except TimeoutError:
            if limit.expired():
                raise out_of_time(_SHARED) from None
            raise
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()
                self._forget(key, flight.task)

    def _begin(self, key: K, work: Callable[[], Awaitable[V]]) -> _Flight[V]:
        until = Until(-math.inf, self._monotonic)

        async def flown() -> V:
            with under(until):
                return await work()

        task = asyncio.get_running_loop().create_task(flown())
        task.add_done_callback(lambda done: self._forget(key, done))
        flight = self._flights[key] = _Flight(task, until)
        return flight

    def _forget(self, key: K, task: asyncio.Task[V]) -> None:
        if task.done() and not task.cancelled():
            task.exception()  # seen, even if everybody who would have been told has gone
        if (flight := self._flights.get(key)) is not None and flight.task is task:
            del self._flights[key]


class ThreadFlights(Generic[K, V]):
    """The same for threads. The first caller does the work itself, within its own deadline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[K, Future[V]] = {}

    def once(self, key: K, work: Callable[[], V]) -> V:
        """What the work under a key comes to, done here or by another thread.

        Raises:
            OutOfTime: the caller's deadline passed while another thread was at it.
        """
        while True:
            with self._lock:
                flight = self._flights.get(key)
                if flight is None:
                    mine = self._flights[key] = Future()
                    break
            try:
                return self._joined(flight)
            except OutOfTime:
                check(_SHARED)  # if only the other one ran out of time, it is done again
        with _Landing(mine, lambda: self._forget(key)):
            mine.set_result(result := work())
        return result

    def _joined(self, flight: Future[V]) -> V:
        left = remaining()
        try:
            return flight.result(None if math.isinf(left) else left)
        except TimeoutError:
            if flight.done():
                raise
            raise out_of_time(_SHARED) from None

    def _forget(self, key: K) -> None:
        with self._lock:
            del self._flights[key]


@dataclass(slots=True)
class _Landing:
    """Tells those who wait, however the work ended."""

    flight: Future[Any]
    forget: Callable[[], None]

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.forget()
        if error is not None:
            self.flight.set_exception(error)
