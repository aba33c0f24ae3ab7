"""A few threads that take on only what they can do in time; whoever else comes is told so at once.

::

    submit --how many are before it, and how long does each take?--> soon enough --> waits its turn --> is done
                   '--not, though nothing but a burst--> waits all the same
                   '--not, and that has been so for a while--> Overloaded, with the seconds after which to ask again

A queue that is let grow makes everybody late and nobody served sooner. Fifty who come at once are no reason to refuse
any: that queue is gone in a moment, and a thread is free. What tells the two apart is time (after CoDel, Nichols & Jacobson,
ACM Queue 2012).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, TypeVar

from cmo.kit.deadline import Monotonic, remaining
from cmo.kit.machine import cores
from cmo.kit.refusal import Refused, Why

P = ParamSpec("P")
T = TypeVar("T")
_MEAN_OVER: Final = 16
"""Pieces of work over which their usual length is averaged."""
_COMPUTING: Final = 2
"""Pieces that one process computes at once, at most: they share the interpreter's lock."""


def turns(processes: int) -> int:
    """Threads of each of so many processes that compute: as many as there are cores (ADR 28)."""
    return min(_COMPUTING, max(1, cores() // processes))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one may wait for a turn."""

    seconds: float = 0.1
    """While more comes than is done."""
    least: int = 4
    """So many may always wait, and never fewer than work at once: a slow machine refuses no handful."""
    burst_seconds: float = 2.0
    """In a burst."""
    interval_seconds: float = 0.5
    """That a burst may take to come; the next one may once a thread was free."""


class Hands(ThreadPoolExecutor):
    """Threads, and who waits for them.

    Args:
        threads: as many as work at once.
        patience: how long one may wait.
        what: is waited for, in errors.
        name: of the threads.
        monotonic: the clock.
    """

    def __init__(
        self, threads: int, patience: Patience, *, what: str, name: str = "cmo", monotonic: Monotonic = time.monotonic
    ) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._threads_most = threads
        self._patience = patience
        self._what = what
        self._monotonic = monotonic
        self._counting = threading.Lock()
        self._inside = 0
        self._usual = 0.0
        self._crowded: float | None = None
        """Since when newcomers would have waited too long."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have something done.

        Raises:
            Overloaded: it would wait too long.
        """
        with self._counting:
            self._admit()
            self._inside += 1
        try:
            done = super().submit(self._timed(fn), *args, **kwargs)
        except RuntimeError:  # they were told to end
            self._left()
            raise
        done.add_done_callback(self._left)
        return done

    @property
    def inside(self) -> int:
        """How many are worked on, or wait for that."""
        return self._inside

    @property
    def waiting(self) -> int:
        """How many have no turn yet."""
        return max(0, self._inside - self._threads_most)

    def wait_seconds(self) -> float:
        """That a newcomer would wait, as things go now."""
        return self._usual * max(0, self._inside - self._threads_most + 1) / self._threads_most

    def _admit(self) -> None:
        wait = self.wait_seconds()
        if wait > remaining():
            raise Refused(Why.LATE, wait).error(self._what)
        if self._inside < self._threads_most:  # it was a burst: what is too much for good leaves no thread free
            self._crowded = None
        patience = self._patience
        if wait <= patience.seconds or self.waiting < max(patience.least, self._threads_most):
            return
        now = self._monotonic()
        self._crowded = now if self._crowded is None else self._crowded
        if now - self._crowded >= patience.interval_seconds or wait > patience.burst_seconds:
            raise Refused(Why.FULL, wait).error(self._what)

    def _timed(self, fn: Callable[P, T]) -> Callable[P, T]:
        def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            began = self._monotonic()
            try:
                return fn(*args, **kwargs)
            finally:
                took = self._monotonic() - began
                with self._counting:
                    self._usual = took if not self._usual else self._usual + (took - self._usual) / _MEAN_OVER

        return timed

    def _left(self, _done: Future[Any] | None = None) -> None:
        with self._counting:
            self._inside -= 1
