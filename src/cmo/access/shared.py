"""Rates of several processes, over a Redis or Valkey that all of them can reach: the same rule, decided there.

The board is a help and no need: slow or gone, each process counts for itself, and looks again later.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from cmo.kit.clock import Clock
from cmo.kit.rate import Rate

WAIT_SECONDS: Final = 0.25
AWAY_SECONDS: Final = 5.0
"""A board that failed is not asked again before."""
_ADMIT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local step, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local after = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0')) + step
local early = after - now - burst * step
if early > step * 1e-6 then return tostring(early) end
redis.call('SET', KEYS[1], string.format('%.6f', after), 'EX', math.ceil(after - now) + 1)
return '0'
"""
"""GCRA, as in `cmo.kit.rate`, by the clock of the board."""


class Redis(Protocol):
    """What is needed of a client of Redis (`redis.asyncio.Redis`)."""

    async def eval(self, script: str, numkeys: int, *keys_and_args: str | float) -> bytes:
        """What a script returns."""
        ...

    async def aclose(self) -> None:
        """Give the connections back."""
        ...


class Clients(Protocol):
    """A client for each event loop."""

    def here(self) -> Redis:
        """That of the running loop."""
        ...

    def pop(self) -> Redis | None:
        """The same, for whoever closes it."""
        ...


class SharedRates:
    """How often callers ask, in all processes.

    Args:
        clients: of the board.
        prefix: of all keys.
        lost: errors by which the board shows that it is gone, beside being late.
        clock: monotonic time for doing without it.
    """

    def __init__(self, clients: Clients, prefix: str, lost: tuple[type[Exception], ...], clock: Clock) -> None:
        self._clients = clients
        self._prefix = prefix
        self._lost: tuple[type[Exception], ...] = (*lost, TimeoutError)
        self._clock = clock
        self._away_until = -1.0

    async def admit(self, caller: str, rate: Rate) -> float | None:
        """Seconds after which a call is admitted: 0 for now; None where nobody knows."""
        if self._clock.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                said = await self._clients.here().eval(
                    _ADMIT, 1, f"{self._prefix}:{caller}", 1 / rate.per_second, rate.burst
                )
        except self._lost:
            self._away_until = self._clock.monotonic() + AWAY_SECONDS
            return None
        return float(said)

    async def aclose(self) -> None:
        """Give back what is open in this loop."""
        if (client := self._clients.pop()) is not None:
            await client.aclose()
