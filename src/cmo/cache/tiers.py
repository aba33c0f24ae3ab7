"""The tiers together: what is looked for, found, made, kept and forgotten.

::

    key --> memory --> disk --> shared --> made, once for all who ask
              ^---------^--------'           |
              '---------^---------^----------'  kept in every tier for as long as it is worth

What is found further down is kept further up. All who ask for the same at once wait for one look and one computation.
Of many who ask for what is soon over, one has it made anew in time, and nobody waits for that. A failure is told to
those who wait and is not kept. What was begun before something was forgotten is not kept either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from cmo.cache.counts import TierStatistics
from cmo.cache.entry import LONGEST_VALUE, Entry, early
from cmo.cache.keys import Key
from cmo.cache.loops import PerLoop
from cmo.cache.memory import Memory
from cmo.cache.tier import Lenient
from cmo.kit.chance import CHANCE, Chance
from cmo.kit.clock import Clock
from cmo.kit.deadline import under
from cmo.kit.flight import Flights

REFRESHING_AT_ONCE: Final = 16
EMERGENCY_SECONDS: Final = 2.0
"""Longer is not waited for a tier that does not answer, in an emergency."""


@dataclass(frozen=True, slots=True)
class Made:
    """A value that was just made."""

    value: bytes
    seconds: float
    """For how long it may be kept; 0 for not at all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A value, and where it comes from."""

    value: bytes
    tier: str = ""
    """``memory``, ``disk``, ``shared``; empty if it was made just now."""
    age: float = 0.0
    """Seconds since it was made."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What happened since the process began."""

    tiers: tuple[TierStatistics, ...]
    asked: int
    found: int
    """Of what was asked for, what some tier had."""
    hit_rate: float
    """Their share; 0 before the first."""
    made: int
    """Values that were made. What is neither found nor made was made for somebody else at the same time."""
    refreshed: int
    """Of what was made, what was made anew before its time was over."""
    refused: int
    """Values that were not kept: too long, or not worth it."""


Make = Callable[[], Awaitable[Made]]


@dataclass(slots=True, eq=False)
class _Making:
    """A value on its way into the tiers."""

    scope: str
    outdated: bool = False
    """It was forgotten before it was there."""


@dataclass(slots=True)
class _UnderWay:
    flights: Flights[str, Hit]
    refreshing: dict[str, asyncio.Task[Hit]] = field(default_factory=dict)


class Tiers:
    """A cache in several tiers. It never fails who asks; only what is asked to make a value may fail.

    Args:
        memory: the first tier.
        below: the others, nearest first.
        clock: wall time for ages, monotonic time for costs.
        disown: makes everything unreachable that was kept so far, in whatever tier, should one of them not answer.
        chance: for early refreshes.
    """

    def __init__(
        self,
        memory: Memory,
        below: Sequence[Lenient],
        *,
        clock: Clock,
        disown: Callable[[], None] = lambda: None,
        chance: Chance = CHANCE,
    ) -> None:
        self._memory = memory
        self._below = tuple(below)
        self._clock = clock
        self._disown = disown
        self._chance = chance
        self._under_way = PerLoop(lambda: _UnderWay(Flights(clock.monotonic)))
        self._making: set[_Making] = set()
        self._asked = self._found = self._made = self._refused = self._refreshed = 0

    async def get(self, key: Key) -> Hit | None:
        """What is kept under a key."""
        entry = self._memory.get(key)
        hit = self._hit(entry, self._memory.name) if entry else await self._from_below(key)
        self._asked += 1
        self._found += hit is not None
        return hit

    async def set(self, key: Key, value: bytes, *, seconds: float, cost: float = 0.0) -> bool:
        """Keep a value; whether any tier does.

        Args:
            key: under which it is found.
            value: it.
            seconds: for how long; each tier may keep it for less.
            cost: seconds that it took to make.
        """
        if seconds <= 0 or len(value) > LONGEST_VALUE:
            self._refused += 1
            return False
        now = self._clock.now().timestamp()
        entry = Entry(value, now, now + seconds, cost)
        kept = [self._memory.set(key, entry)]
        if self._below:
            kept += await asyncio.gather(*(tier.set(key, entry) for tier in self._below))
        return any(kept)

    async def get_or_make(self, key: Key, make: Make) -> Hit:
        """What is kept under a key; else what is made, which is then kept.

        Raises:
            Whatever `make` raises.
        """
        entry = self._memory.get(key)
        if entry is None:
            hit = await self._under_way.here().flights.once(key.digest, lambda: self._found_or_made(key, make))
        else:
            hit = self._hit(entry, self._memory.name)
            if early(entry, self._clock.now().timestamp(), self._chance()):
                self._refresh(key, make)
        self._asked += 1
        self._found += bool(hit.tier)
        return hit

    async def make(self, key: Key, make: Make) -> Hit:
        """What is made now, whatever is kept; it is kept instead.

        Raises:
            Whatever `make` raises.
        """
        began = self._clock.monotonic()
        with self._on_its_way(key) as making:
            made = await make()
            self._made += 1
            if not making.outdated:
                await self.set(key, made.value, seconds=made.seconds, cost=self._clock.monotonic() - began)
        return Hit(made.value)

    async def drop(self, scope: str, *, others: bool = False) -> None:
        """Forget what was kept in a scope; or in all others, as far as nobody else can be using them."""
        self._outdate(lambda of: (of == scope) is not others)
        self._memory.drop(scope, others=others)
        await asyncio.gather(*(tier.drop(scope, others=others) for tier in self._below))

    async def clear_all(self) -> dict[str, bool]:
        """Forget everything; says of each tier whether it did."""
        self._outdate(lambda _: True)
        self._memory.clear()
        done = await asyncio.gather(*(tier.clear() for tier in self._below))
        return {self._memory.name: True} | {tier.name: ok for tier, ok in zip(self._below, done, strict=True)}

    async def emergency_clear(self) -> dict[str, bool]:
        """The same, at once and whatever the state of the tiers: what cannot be removed is never found again here."""
        self._outdate(lambda _: True)
        self._memory.clear()
        await asyncio.to_thread(self._disown)
        done = await asyncio.gather(*(tier.discard(EMERGENCY_SECONDS) for tier in self._below))
        return {self._memory.name: True} | {tier.name: ok for tier, ok in zip(self._below, done, strict=True)}

    def resting(self) -> tuple[str, ...]:
        """Tiers that kept failing and are left alone for a while."""
        return tuple(tier.name for tier in self._below if tier.resting)

    def statistics(self) -> Statistics:
        """What happened since the process began."""
        tiers = (self._memory.statistics(), *(tier.statistics() for tier in self._below))
        rate = round(self._found / self._asked, 4) if self._asked else 0.0
        return Statistics(tiers, self._asked, self._found, rate, self._made, self._refreshed, self._refused)

    async def aclose(self) -> None:
        """End what is under way in this loop and give back what is open."""
        if (under_way := self._under_way.pop()) is not None and (tasks := list(under_way.refreshing.values())):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        await asyncio.gather(*(tier.aclose() for tier in self._below))

    async def _found_or_made(self, key: Key, make: Make) -> Hit:
        return await self._from_below(key) or await self.make(key, make)

    async def _from_below(self, key: Key) -> Hit | None:
        with self._on_its_way(key) as making:
            for depth, tier in enumerate(self._below):
                if (entry := await tier.get(key)) is None:
                    continue
                if making.outdated:
                    return None
                self._memory.set(key, entry)
                await asyncio.gather(*(above.set(key, entry) for above in self._below[:depth]))
                return self._hit(entry, tier.name)
        return None

    @contextmanager
    def _on_its_way(self, key: Key) -> Iterator[_Making]:
        self._making.add(making := _Making(key.scope))
        try:
            yield making
        finally:
            self._making.discard(making)

    def _outdate(self, which: Callable[[str], bool]) -> None:
        for making in tuple(self._making):
            making.outdated |= which(making.scope)

    def _hit(self, entry: Entry, tier: str) -> Hit:
        return Hit(entry.value, tier, max(0.0, self._clock.now().timestamp() - entry.made))

    def _refresh(self, key: Key, make: Make) -> None:
        """Have a value made anew in the background. Should that fail, the old one is there for a while."""
        under_way = self._under_way.here()
        refreshing = under_way.refreshing
        if key.digest in refreshing or len(refreshing) >= REFRESHING_AT_ONCE:
            return
        self._refreshed += 1
        with under(None):  # who asked may be out of time; this is for those who come later
            work = under_way.flights.once(key.digest, lambda: self.make(key, make))
            task = refreshing[key.digest] = asyncio.get_running_loop().create_task(work)

        def ended(task: asyncio.Task[Hit]) -> None:
            refreshing.pop(key.digest, None)
            if not task.cancelled():
                task.exception()  # seen: whoever asks next is told, should it fail again

        task.add_done_callback(ended)
