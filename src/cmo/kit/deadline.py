"""How much time is left: one absolute deadline that goes along with a request and never grows on its way down.

::

    X-Deadline-Ms: 2000 --> within(2.0) --> a stage: within(0.5) --> a callee: .9 of what is left --> X-Deadline-Ms: 450

It lives in a context variable, so tasks and `in_context` threads inherit it. Who has no deadline has all the time.
Nothing here stops anything: a stage asks what is left, and a call to the outside takes that as its timeout.
"""

from __future__ import annotations

import contextvars
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Final, ParamSpec, TypeVar

from cmo.kit.refusal import out_of_time

P = ParamSpec("P")
T = TypeVar("T")

HEADER: Final = "X-Deadline-Ms"
"""Milliseconds that are left, as a whole number."""
SHARE: Final = 0.9
"""Of what is left, for a callee: the rest is for telling its answer, or for doing without it."""
_MILLISECONDS = re.compile(r"\d{1,9}", re.ASCII)
Monotonic = Callable[[], float]


@dataclass(slots=True)
class Until:
    """A moment of one clock."""

    at: float
    monotonic: Monotonic = time.monotonic

    @property
    def remaining(self) -> float:
        """Seconds, never below nought."""
        return max(0.0, self.at - self.monotonic())


_until: ContextVar[Until | None] = ContextVar("cmo_deadline", default=None)


def remaining() -> float:
    """Seconds that are left; infinitely many without a deadline."""
    until = _until.get()
    return math.inf if until is None else until.remaining


def affords(seconds: float | None) -> bool:
    """Whether a stage that takes so long (its p95, say) fits into what is left; of an unknown length it does if any time is."""
    return remaining() > (seconds or 0.0)


def check(what: str) -> None:
    """Go on only while there is time.

    Raises:
        OutOfTime: there is none.
    """
    if remaining() <= 0:
        raise out_of_time(what)


def share() -> float:
    """Seconds that a callee gets."""
    return remaining() * SHARE


@contextmanager
def within(seconds: float, monotonic: Monotonic = time.monotonic) -> Iterator[None]:
    """Allow so many seconds for what stands below, or what is left, if that is less."""
    if math.isinf(least := min(seconds, remaining())):
        yield
        return
    with under(Until(monotonic() + least, monotonic)):
        yield


@contextmanager
def under(until: Until | None) -> Iterator[None]:
    """Another deadline altogether, for work that several callers share; elsewhere take `within`."""
    token = _until.set(until)
    try:
        yield
    finally:
        _until.reset(token)


def header() -> dict[str, str]:
    """The header that tells a callee what it gets; none without a deadline."""
    left = share()
    return {} if math.isinf(left) else {HEADER: str(int(left * 1000))}


def read(value: str) -> float | None:
    """Seconds that a caller's header allows; None where it says nothing that can be read."""
    return int(value) / 1000 if _MILLISECONDS.fullmatch(value) else None


def in_context(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """Work for another thread that keeps this one's deadline: executors do not hand it on by themselves."""
    return partial(contextvars.copy_context().run, work, *args, **kwargs)
