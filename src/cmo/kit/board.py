"""One breaker for several processes, over a board that all of them can read: Redis or Valkey.

::

    admit, settle --> read the state --> decide (the same pure functions) --> write it if nobody else has --again if so

All count together, rest together, and send three probes between them. The board is a help and no need: gone, slow, or
holding nonsense, each process goes on with its own breaker, and looks again later. Times on it are wall times, as
nothing else is shared; a clock that jumps costs a rest at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from cmo.kit.breaker import Breaker, Circuit, Fuse, Outcome, Ticket, admit, decode, encode, settle
from cmo.kit.chance import CHANCE, Chance
from cmo.kit.clock import Clock
from cmo.kit.refusal import Refused, Why

D = TypeVar("D")

BOARD_SECONDS: Final = 0.05
AWAY_SECONDS: Final = 5.0
"""A board that failed is not looked at again before."""
_TRIES = 16
_HELD_SECONDS = 3600
_SWAP = """
local held = redis.call('GET', KEYS[1])
if (held or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


class Board(Protocol):
    """One value that several processes see."""

    async def read(self) -> bytes:
        """It; empty if there is none."""
        ...

    async def swap(self, old: bytes, new: bytes) -> bool:
        """Write another one, unless it is no longer the old one. Whether it was."""
        ...


class Redis(Protocol):
    """What is needed of a client of Redis (`redis.asyncio.Redis`)."""

    async def get(self, name: str) -> bytes | None:
        """A value."""
        ...

    async def eval(self, script: str, numkeys: int, *keys_and_args: str | bytes | int) -> int:
        """What a script returns."""
        ...


class RedisBoard:
    """A key of a Redis.

    Args:
        redis: the client; it gives bytes.
        key: such as ``cmo:breaker:llm``.
    """

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._key = key

    async def read(self) -> bytes:
        """It; empty if there is none."""
        return await self._redis.get(self._key) or b""

    async def swap(self, old: bytes, new: bytes) -> bool:
        """Write another one, unless it is no longer the old one. Whether it was."""
        return bool(await self._redis.eval(_SWAP, 1, self._key, old, new, _HELD_SECONDS))


class SharedBreaker:
    """A breaker that several processes share.

    Args:
        fuse: when it opens; the same in all of them.
        board: where its state is.
        clock: wall time for the state, monotonic time for doing without the board.
        lost: errors by which a board shows that it is gone, beside being late.
        chance: for the lengths of rests.
        board_seconds: longer is not waited for the board.
    """

    def __init__(
        self,
        fuse: Fuse,
        board: Board,
        clock: Clock,
        lost: tuple[type[Exception], ...],
        *,
        chance: Chance = CHANCE,
        board_seconds: float = BOARD_SECONDS,
    ) -> None:
        self._fuse = fuse
        self._board = board
        self._clock = clock
        self._lost: tuple[type[Exception], ...] = (*lost, TimeoutError)
        self._chance = chance
        self._board_seconds = board_seconds
        self._own = Breaker(fuse, clock.monotonic, chance)
        self._away_until = 0.0
        self._seen = Circuit()

    @property
    def alone(self) -> bool:
        """Whether the board is done without."""
        return self._clock.monotonic() < self._away_until

    @property
    def circuit(self) -> Circuit:
        """The state, as far as it is known here."""
        return self._own.circuit if self.alone else self._seen

    async def admit(self) -> Ticket | Refused:
        """Whether a call may go out. Who gets a ticket must settle it."""
        decided = await self._change(lambda circuit: admit(self._fuse, circuit, self._now()))
        if decided is not None:
            return decided
        if not self.alone:
            return Refused(Why.BROKEN, AWAY_SECONDS)  # others were quicker each time, so it is being probed
        own = self._own.admit()
        return own if isinstance(own, Refused) else _OwnTicket(own.era, own.probe)

    async def settle(self, ticket: Ticket, outcome: Outcome) -> None:
        """Say what a call came to."""
        if isinstance(ticket, _OwnTicket):
            self._own.settle(Ticket(ticket.era, ticket.probe), outcome)
            return
        chance = self._chance()
        await self._change(
            lambda circuit: (settle(self._fuse, circuit, ticket, outcome, now=self._now(), chance=chance), ticket)
        )

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _change(self, decide: Callable[[Circuit], tuple[Circuit, D]]) -> D | None:
        """What is decided on the state that all share; None if that was not to be had."""
        if self.alone:
            return None
        try:
            async with asyncio.timeout(self._board_seconds):
                for _ in range(_TRIES):
                    written = await self._board.read()
                    before = _read(written)
                    after, decision = decide(before)
                    if after == before or await self._board.swap(written, encode(after)):
                        self._seen = after
                        return decision
        except self._lost:
            self._away_until = self._clock.monotonic() + AWAY_SECONDS
        return None


class _OwnTicket(Ticket):
    """Of a call that was admitted without the board."""


def _read(written: bytes) -> Circuit:
    """The state on the board; a fresh one where there is none that can be read."""
    try:
        return decode(written)
    except ValueError:
        return Circuit()
