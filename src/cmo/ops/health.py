"""Health: each part is asked how it is, beside the others and within its time; the worst of them is how the whole is.

::

    Ping(name, look, vital) --a thread each--> Part(grade, detail) --> Report
                       '--no answer in time--> unhealthy where it is vital, else degraded

Degraded is a state of its own: questions are answered, but not as they should be. A part without which they still are
makes the whole degraded at most. A ping that hangs holds one thread, however often somebody asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from cmo.errors import OracleError

SECONDS: Final = 2.0
"""Longer is not waited for a part."""


class Grade(StrEnum):
    """How something is, best first."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Part:
    """How one part is."""

    grade: Grade
    detail: str


@dataclass(frozen=True, slots=True)
class Ping:
    """How to find out."""

    name: str
    look: Callable[[], Part]
    vital: bool = False
    """Whether no question can be answered without it."""


@dataclass(frozen=True, slots=True)
class Report:
    """How all of them are."""

    parts: Mapping[str, Part]

    @property
    def grade(self) -> Grade:
        """The worst of them."""
        return max((part.grade for part in self.parts.values()), key=list(Grade).index, default=Grade.HEALTHY)


class Health:
    """Asks the parts. Threads may share it.

    Args:
        pings: how to ask each of them.
        seconds: for each to answer.
    """

    def __init__(self, pings: Sequence[Ping], seconds: float = SECONDS) -> None:
        self._pings = tuple(pings)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max(1, len(self._pings)), thread_name_prefix="cmo-health")
        self._hanging: dict[str, Future[Part]] = {}

    def examined(self) -> Report:
        """How they are now."""
        with self._lock:
            return self._look()

    def close(self) -> None:
        """Ask nobody any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> Report:
        asked = {ping: self._hanging.get(ping.name) or self._threads.submit(_asked, ping.look) for ping in self._pings}
        _, late = wait(asked.values(), self._seconds)
        self._hanging = {ping.name: future for ping, future in asked.items() if future in late}
        return Report({ping.name: self._of(ping, future) for ping, future in asked.items()})

    def _of(self, ping: Ping, future: Future[Part]) -> Part:
        if ping.name in self._hanging:
            part = Part(Grade.UNHEALTHY, f"It did not answer within {self._seconds:g} s.")
        else:
            part = future.result()
        return replace(part, grade=Grade.DEGRADED) if part.grade is Grade.UNHEALTHY and not ping.vital else part


def healthy(detail: str) -> Part:
    """All is well."""
    return Part(Grade.HEALTHY, detail)


def degraded(detail: str) -> Part:
    """It works, but not as it should."""
    return Part(Grade.DEGRADED, detail)


def unhealthy(detail: str) -> Part:
    """It does not work."""
    return Part(Grade.UNHEALTHY, detail)


def worth(grade: Grade) -> float:
    """As a number: 1 healthy, 0.5 degraded, 0 unhealthy."""
    return 1 - list(Grade).index(grade) / 2


def grade_of(number: float) -> Grade:
    """The reverse."""
    return list(Grade)[round(2 * (1 - min(1.0, max(0.0, number))))]


def _asked(look: Callable[[], Part]) -> Part:
    try:
        return look()
    except (OracleError, OSError) as error:
        return unhealthy(str(error))
    except Exception as error:  # noqa: BLE001 - health is asked when something is wrong, and must tell it
        return unhealthy(f"It cannot be asked: {type(error).__name__}.")
