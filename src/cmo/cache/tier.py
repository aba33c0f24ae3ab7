"""A tier beyond this process's memory, and what keeps its troubles from becoming ours.

::

    ask --too many at it already, or it rests--> a miss
     '--> the tier, for so long at most --> what it holds | a miss: gone, slow, spoilt, full, broken

A cache is a help and no need, so nothing that happens to one reaches who asks: it costs a computation and is counted.
A tier that keeps failing rests for a while (`cmo.kit.breaker`), so that its timeouts do not become everybody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from cmo.cache.counts import Counts, TierStatistics
from cmo.cache.entry import Entry, Spoilt
from cmo.cache.keys import Key
from cmo.kit.breaker import Breaker, Fuse, Outcome, Phase
from cmo.kit.clock import Clock
from cmo.kit.refusal import Refused

T = TypeVar("T")

FUSE: Final = Fuse(
    window=20, least=5, rest_seconds=1.0, longest_rest_seconds=30.0, probes=1, successes=1, probe_seconds=10.0
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a tier holds, as far as it knows."""

    size: int | None = None
    """Entries."""
    bytes: int | None = None
    limit: int | None = None
    """Of the bytes."""
    evictions: int = 0


class Tier(Protocol):
    """Packed entries somewhere. Every method may fail by the errors that it names."""

    @property
    def name(self) -> str:
        """For statistics."""
        ...

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """How it fails."""
        ...

    async def get(self, key: Key) -> Entry | None:
        """What is kept under a key; raises `Spoilt` for what is not an entry of it."""
        ...

    async def set(self, key: Key, entry: Entry) -> bool:
        """Keep an entry; whether there was room."""
        ...

    async def remove(self, key: Key) -> None:
        """Forget one."""
        ...

    async def drop(self, scope: str, *, others: bool) -> None:
        """Forget what was kept in a scope, or in all others that nobody else can be using."""
        ...

    async def clear(self) -> None:
        """Forget everything."""
        ...

    async def discard(self) -> None:
        """Forget everything, whatever the state is that it is in."""
        ...

    def held(self) -> Held:
        """What it holds, without asking it."""
        ...

    async def aclose(self) -> None:
        """Give back what it has open in this loop."""
        ...


class Lenient:
    """A tier that never fails who asks.

    Args:
        tier: it.
        seconds: longer is not waited for an entry.
        at_once: more is not asked of it at once.
        clock: wall time for ages, monotonic time for rests.
        fuse: when it rests.
    """

    def __init__(self, tier: Tier, *, seconds: float, clock: Clock, at_once: int = 64, fuse: Fuse = FUSE) -> None:
        self._tier = tier
        self._seconds = seconds
        self._most = at_once
        self._clock = clock
        self._breaker = Breaker(fuse, clock.monotonic)
        self._errors: tuple[type[Exception], ...] = (*tier.errors, TimeoutError)
        self._under_way = 0
        self._counts = Counts()

    @property
    def name(self) -> str:
        """Of the tier."""
        return self._tier.name

    @property
    def resting(self) -> bool:
        """Whether it kept failing and is left alone for a while."""
        return self._breaker.circuit.phase is not Phase.CLOSED

    async def get(self, key: Key) -> Entry | None:
        """What is kept under a key and still fresh."""
        entry = await self._asked(lambda: self._read(key), None)
        now = self._clock.now().timestamp()
        if entry is None or not entry.fresh(now):
            self._counts.misses += 1
            return None
        self._counts.hit(now - entry.made)
        return entry

    async def set(self, key: Key, entry: Entry) -> bool:
        """Keep an entry; whether it was."""
        return await self._asked(lambda: self._tier.set(key, entry), otherwise=False)

    async def drop(self, scope: str, *, others: bool = False) -> bool:
        """Forget what was kept in a scope, or in all others; whether it was done."""
        return await self._told(self._tier.drop(scope, others=others))

    async def clear(self) -> bool:
        """Forget everything; whether it was done."""
        return await self._told(self._tier.clear())

    async def discard(self, seconds: float) -> bool:
        """The same in an emergency, which waits for so long at most."""
        try:
            async with asyncio.timeout(seconds):
                return await self._told(self._tier.discard())
        except TimeoutError:
            return False

    async def aclose(self) -> None:
        """Give back what it has open."""
        await self._told(self._tier.aclose())

    def statistics(self) -> TierStatistics:
        """What it did so far."""
        held = self._tier.held()
        self._counts.evictions = held.evictions
        return self._counts.told(self.name, held.size, held.bytes, held.limit)

    async def _read(self, key: Key) -> Entry | None:
        try:
            return await self._tier.get(key)
        except Spoilt:
            self._counts.errors += 1
            await self._tier.remove(key)
            return None

    async def _asked(self, work: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """What the tier says, in time; else something else."""
        ticket = self._breaker.admit() if self._under_way < self._most else None
        if ticket is None or isinstance(ticket, Refused):
            self._counts.skipped += 1
            return otherwise
        outcome = Outcome.IGNORED  # of a cancelled caller: it says nothing about the tier
        self._under_way += 1
        try:
            async with asyncio.timeout(self._seconds):
                said = await work()
            outcome = Outcome.SUCCESS
        except self._errors:
            outcome = Outcome.FAILURE
            self._counts.errors += 1
            return otherwise
        finally:
            self._under_way -= 1
            self._breaker.settle(ticket, outcome)
        return said

    async def _told(self, work: Awaitable[None]) -> bool:
        """Whether it was done; this is asked of a resting tier as well, and may take its time."""
        try:
            await work
        except self._errors:
            self._counts.errors += 1
            return False
        return True
