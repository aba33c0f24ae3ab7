"""How many calls may be under way at once: a limit that finds itself.

::

    a call ends --> how long it took, how many were under way, was it turned away? --> the next limit

`Gradient` is for a service elsewhere: while calls take as long as they usually do, the limit grows; when they take
longer, somebody is queueing there, and it shrinks in that proportion (Netflix concurrency-limits, Gradient2). `Steps`
is for what this machine does itself: one more after each success, a tenth less after each that was turned away (AIMD).
Both are pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Protocol

_SHORTEST: Final = 1e-6
_FASTER: Final = 2.0
"""When calls take less than one in so many of what they usually take, the usual is out of date."""


@dataclass(frozen=True, slots=True)
class Level:
    """A limit, and what it was found from."""

    limit: float
    usual: float = 0.0
    """Seconds that calls take in the long run."""
    samples: int = 0

    @property
    def whole(self) -> int:
        """Calls that may be under way."""
        return int(self.limit)


@dataclass(frozen=True, slots=True)
class Sample:
    """A call that ended."""

    seconds: float
    under_way: int
    """Calls, itself included."""
    dropped: bool = False
    """Turned away, or given up."""


class Law(Protocol):
    """How a limit is found."""

    def start(self) -> Level:
        """The limit before any call."""
        ...

    def after(self, level: Level, sample: Sample) -> Level:
        """The limit after a call."""
        ...


@dataclass(frozen=True, slots=True)
class Gradient:
    """For a service elsewhere."""

    least: int = 2
    most: int = 64
    first: int = 8
    tolerance: float = 1.3
    """How many times the usual a call may take before the limit shrinks. Netflix has 1.5: for times as uneven as a
    language model's that let the limit drift to its top under load (`cmo bench resilience`)."""
    queue: float = 4.0
    """Calls that may wait there: what lets the limit grow."""
    smoothing: float = 0.2
    window: int = 600
    """Calls over which the usual is averaged."""
    warmup: int = 10
    """Calls of which it is the plain mean."""
    backoff: float = 0.9
    """Times the limit after a call that was turned away: that came back fast, and would look like success."""

    def start(self) -> Level:
        """The limit before any call."""
        return Level(_within(self.first, self.least, self.most))

    def after(self, level: Level, sample: Sample) -> Level:
        """The limit after a call."""
        if sample.dropped or not math.isfinite(sample.seconds):
            return replace(level, limit=_within(level.limit * self.backoff, self.least, self.most))
        short = max(sample.seconds, _SHORTEST)
        level = self._averaged(level, short)
        if sample.under_way < level.limit / 2:
            return level
        gradient = _within(self.tolerance * level.usual / short, 0.5, 1.0)
        wanted = level.limit * gradient + self.queue
        limit = level.limit * (1 - self.smoothing) + wanted * self.smoothing
        return replace(level, limit=_within(limit, self.least, self.most))

    def _averaged(self, level: Level, short: float) -> Level:
        samples = level.samples + 1
        share = 1 / samples if samples <= self.warmup else 2 / (self.window + 1)
        usual = level.usual + (short - level.usual) * share
        if usual / short > _FASTER:
            usual *= 0.95
        return Level(level.limit, usual, min(samples, self.window))


@dataclass(frozen=True, slots=True)
class Steps:
    """For what this machine does itself."""

    least: int = 1
    most: int = 64
    first: int = 2
    backoff: float = 0.9

    def start(self) -> Level:
        """The limit before any call."""
        return Level(_within(self.first, self.least, self.most))

    def after(self, level: Level, sample: Sample) -> Level:
        """The limit after a call."""
        more = float(sample.under_way >= level.limit / 2)
        wanted = level.limit * self.backoff if sample.dropped else level.limit + more
        return replace(level, limit=_within(wanted, self.least, self.most))


def _within(value: float, least: float, most: float) -> float:
    return float(min(max(value, least), most))
