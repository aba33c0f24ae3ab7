"""What a service is asked (`cmo.bench.asker`), and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson

from cmo.kit.tally import quantile

BROKEN: Final = 0
"""Instead of a status: the connection ended before the reply did."""
WRONG: Final = -1
"""Instead of a status: a reply that lacks what it should hold."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked, how, and what a reply must hold."""

    port: int
    bodies: Sequence[str]
    """Asked in turn, from `first` on."""
    seconds: float
    connections: int = 16
    """In the closed loop those that ask; in the open loop the most there may be."""
    rate: float = 0.0
    """Questions a second of an open loop; 0 for a closed one."""
    warm_seconds: float = 0.0
    """At the beginning, not counted."""
    holds: Sequence[str] = ()
    """Stands in the head or body of each answer."""
    refusals: Sequence[int] = ()
    """Statuses that are no fault, but no answer either. In the closed loop whoever hears one asks again, a little later."""
    path: str = "/query"
    first: int = 0
    seed: int = 0
    strangers: bool = False
    """In the open loop: each question comes on a connection of its own, and nobody asks a second one on it."""
    once: bool = False
    """Each body once, and no longer."""
    headers: str = ""
    """Further ones, each ended by CRLF."""


@dataclass(frozen=True, slots=True)
class Waited:
    """How long some replies took, in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    most: float
    mean: float = 0.0

    @classmethod
    def of(cls, seconds: list[float]) -> Waited:
        """Of all of them."""
        ms = sorted(1000 * s for s in seconds)
        p50, p95, p99 = (round(quantile(ms, share), 3) for share in (0.5, 0.95, 0.99))
        return cls(len(ms), p50, p95, p99, round(ms[-1], 3) if ms else 0.0, round(sum(ms) / max(1, len(ms)), 3))


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a job."""

    seconds: float
    """Measured."""
    answered: Waited
    refused: Waited
    statuses: dict[str, int]
    wrong: int
    """Replies that were broken, wrong, or of a status that is neither an answer nor a refusal."""
    example: str
    """One of those."""
    rate: float
    """Answers a second."""
    asked: float
    """Questions a second."""
    all: int
    """Questions that were answered in any way, also while it was warming up."""
    cpu: float
    """Share of a core that the asker took."""
    late: float
    """Milliseconds that the asker was late by, the 99th percentile: an asker that cannot keep up measures itself."""
    connections: int
    good: tuple[int, ...] = ()
    """Which bodies were answered; only where each is asked once."""
    points: tuple[tuple[float, float, int], ...] = ()
    """Some of the replies: when, after how many seconds, with which status."""

    @classmethod
    def read(cls, data: bytes) -> Heard:
        """As the asker wrote it."""
        facts = orjson.loads(data)
        facts["answered"], facts["refused"] = Waited(**facts["answered"]), Waited(**facts["refused"])
        facts["good"] = tuple(facts["good"])
        return cls(**facts)


def due(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """When questions come that know nothing of one another: seconds from the beginning, for so long."""
    chance, at = np.random.default_rng(seed), 0.0
    while True:
        for gap in chance.exponential(1 / rate, 1024).tolist():
            at += gap
            if at >= seconds:
                return
            yield at
