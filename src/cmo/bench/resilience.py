"""`cmo bench resilience`: answers in time, at up to three times what a service can do, with and without the kit.

::

    arrivals (Poisson) --> way of calling --> a service of so many lanes, heavy-tailed, twice out of order --> in time?

A discrete-event simulation in which the arrivals and the service are made up and everything between them is the real
code, in a loop whose waiting takes no time (`cmo.kit.virtual`). The service stands for a language model: 16 lanes, 400 ms
a call with a 99th percentile of 1.5 s, one call in a hundred ten times as long. It serves in order. Many services do
not notice who has gone and work for nobody; `notices` makes it one that does. Once it refuses at once for ten seconds,
once it hangs for ten seconds. Who asks wants the answer within two seconds.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from cmo.errors import NotNow, OutOfTime
from cmo.kit.admission import Rank
from cmo.kit.breaker import Breaker, Fuse, Outcome
from cmo.kit.deadline import within
from cmo.kit.dependency import Dependency
from cmo.kit.policy import Here, Policy
from cmo.kit.retry import Again
from cmo.kit.trouble import Trouble
from cmo.kit.virtual import clock, run

LOADS: Final = (0.5, 0.8, 1.0, 1.5, 2.0, 3.0)
"""Times what the service can do."""
SECONDS: Final = 180.0
"""Simulated, a load and way."""
DEADLINE_SECONDS: Final = 2.0
LANES: Final = 16
_MEDIAN_SECONDS, _SIGMA = 0.321, 0.663  # mean 400 ms, 99th percentile 1.5 s
_STRAGGLERS, _STRAGGLING = 0.01, 10.0
_MEAN_SECONDS = _MEDIAN_SECONDS * float(np.exp(_SIGMA**2 / 2)) * (1 + _STRAGGLERS * (_STRAGGLING - 1))
CAPACITY: Final = LANES / _MEAN_SECONDS
"""Calls a second."""
_OUTAGE_SECONDS = 10.0
_REFUSING, _HANGING = 0.35, 0.65
"""Where in the run an outage begins."""
_SHADOW_SHARE = 0.2
"""Of the calls nobody waits for."""
_ATTEMPTS = 3
_POLICY = Policy(timeout_seconds=DEADLINE_SECONDS, slow_seconds=DEADLINE_SECONDS * 0.75)

Ask = Callable[[Rank], Awaitable[None]]


class Down(ConnectionError):
    """The service refuses."""


@dataclass(frozen=True, slots=True)
class Result:
    """One way of calling at one load."""

    load: float
    way: str
    offered: int
    goodput: float
    """Share of all calls that were answered in time."""
    interactive: float
    """Of those that somebody waits for."""
    possible: float
    """The share that nobody could exceed: what the service can do while it works."""
    p50_seconds: float
    """Of the answers in time."""
    p99_seconds: float
    sent: float
    """Calls that reached the service, to one that was offered."""


@dataclass(slots=True)
class _Service:
    """Serves in order in so many lanes."""

    rng: np.random.Generator
    seconds: float
    notices: bool
    free_at: list[float] = field(default_factory=lambda: [0.0] * LANES)
    lanes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LANES))
    sent: int = 0

    async def answer(self) -> None:
        self.sent += 1
        now = clock().time()
        if 0 <= now - _REFUSING * self.seconds < _OUTAGE_SECONDS:
            raise Down
        if 0 <= now - _HANGING * self.seconds < _OUTAGE_SECONDS:
            await asyncio.Event().wait()
        took = self.rng.lognormal(np.log(_MEDIAN_SECONDS), _SIGMA)
        if self.rng.random() < _STRAGGLERS:
            took *= _STRAGGLING
        if self.notices:
            async with self.lanes:
                await asyncio.sleep(took)
            return
        ends = max(now, self.free_at[0]) + took  # whoever goes, so it is known when a call comes
        heapq.heapreplace(self.free_at, ends)
        await asyncio.sleep(ends - now)


def _alone(service: _Service, _rng: np.random.Generator) -> Ask:
    """One attempt, given up at the deadline."""

    async def ask(_rank: Rank) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await service.answer()

    return ask


def _retrying(service: _Service, rng: np.random.Generator) -> Ask:
    """Three attempts, each of half the time, with growing pauses."""

    async def attempts() -> None:
        for attempt in range(_ATTEMPTS):
            try:
                async with asyncio.timeout(DEADLINE_SECONDS / 2):
                    return await service.answer()
            except (Down, TimeoutError):
                await asyncio.sleep(0.2 * 2**attempt * (0.5 + 0.5 * rng.random()))
        raise Down

    async def ask(_rank: Rank) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await attempts()

    return ask


def _guarded(service: _Service, rng: np.random.Generator) -> Ask:
    """With the kit."""
    time = clock().monotonic
    gate = Here(Breaker(Fuse(), time, rng.random))
    dependency = Dependency(
        "the model", _POLICY, on=(Down,), judge=_judge, gate=gate, monotonic=time, chance=rng.random
    )

    async def ask(rank: Rank) -> None:
        with within(DEADLINE_SECONDS, time):
            await dependency.call(service.answer, rank=rank, repeatable=True)

    return ask


def _judge(error: Exception) -> Trouble:
    return Trouble(Outcome.FAILURE, Again(), dropped=isinstance(error, TimeoutError))


WAYS: Final[Mapping[str, Callable[[_Service, np.random.Generator], Ask]]] = {
    "alone": _alone,
    "retries": _retrying,
    "kit": _guarded,
}


def measure(
    loads: Sequence[float] = LOADS,
    ways: Sequence[str] = tuple(WAYS),
    *,
    seconds: float = SECONDS,
    seed: int = 0,
    notices: bool = False,
) -> Iterator[Result]:
    """Each way of calling at each load, on the same arrivals."""
    for load in loads:
        for way in ways:
            yield run(_simulated(load, way, seconds, seed, notices=notices))


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Results as plain values."""
    return [asdict(result) for result in results]


async def _simulated(load: float, way: str, seconds: float, seed: int, *, notices: bool) -> Result:
    arrivals, chances = (np.random.default_rng([seed, n]) for n in (0, 1))
    service = _Service(np.random.default_rng([seed, 2]), seconds, notices)
    ask = WAYS[way](service, chances)
    took: dict[Rank, list[float]] = {Rank.INTERACTIVE: [], Rank.SHADOW: []}
    offered = dict.fromkeys(took, 0)

    async def asked(rank: Rank) -> None:
        began = clock().time()
        try:
            await ask(rank)
        except (Down, TimeoutError, NotNow, OutOfTime):
            return
        took[rank].append(clock().time() - began)

    async with asyncio.TaskGroup() as group:
        while clock().time() < seconds:
            rank = Rank.SHADOW if arrivals.random() < _SHADOW_SHARE else Rank.INTERACTIVE
            offered[rank] += 1
            group.create_task(asked(rank))
            await asyncio.sleep(arrivals.exponential(1 / (load * CAPACITY)))
    count = sum(offered.values())
    answers = np.array([t for times in took.values() for t in times] or [np.nan])
    in_time = {rank: sum(t <= DEADLINE_SECONDS for t in times) for rank, times in took.items()}
    return Result(
        load,
        way,
        count,
        sum(in_time.values()) / count,
        in_time[Rank.INTERACTIVE] / offered[Rank.INTERACTIVE],
        min(1.0, 1 / load) * (1 - 2 * _OUTAGE_SECONDS / seconds),
        float(np.quantile(answers, 0.5)),
        float(np.quantile(answers, 0.99)),
        service.sent / count,
    )
