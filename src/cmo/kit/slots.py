"""Calls under way, at most as many as a law allows; the others wait in a room by rank.

::

    hold --free?--> a slot --the call ends: how long it took--> the law --> the next limit --> who waits moves up
          `--no--> would it be served before its deadline? --> the waiting room
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cmo.kit.admission import Gone, Rank, Room, WaitingRoom
from cmo.kit.concurrency import Law, Level, Sample
from cmo.kit.deadline import Monotonic, remaining
from cmo.kit.refusal import Refused, Why, out_of_time

_Place = asyncio.Future[None]
_MEAN_OVER = 32
"""Calls over which the usual stay in a slot is averaged."""


@dataclass(slots=True)
class Held:
    """A slot, and what its call will have shown."""

    seconds: float | None = None
    """That the service took; None where nothing was learnt."""
    dropped: bool = False
    """It turned the call away."""


class Slots:
    """For one event loop.

    Args:
        name: of the service, for errors.
        law: how the limit is found.
        room: how many may wait.
        monotonic: the clock.
    """

    def __init__(self, name: str, law: Law, room: Room, monotonic: Monotonic = time.monotonic) -> None:
        self._name = name
        self._law = law
        self._room: WaitingRoom[_Place] = WaitingRoom(room)
        self._monotonic = monotonic
        self._stay = 0.0
        self.level: Level = law.start()
        """The limit now."""
        self.under_way = 0
        """Slots that are held."""

    @property
    def waiting(self) -> int:
        """Who has no slot yet."""
        return len(self._room)

    @property
    def saturated(self) -> bool:
        """Whether a further call would have to wait."""
        return self.under_way >= self.level.whole or self.waiting > 0

    def wait(self, rank: Rank) -> float:
        """Seconds after which a newcomer would have its answer, as things go now; 0 with a slot free."""
        if not self.saturated:
            return 0.0
        return self._stay * (1 + (self._room.ahead(rank) + 1) / self.level.whole)

    @asynccontextmanager
    async def hold(self, rank: Rank) -> AsyncIterator[Held]:
        """A slot, once it is there.

        Raises:
            Overloaded: no place to wait, not in time, or others had to go before it.
            OutOfTime: the deadline passed while it waited.
        """
        if not self.saturated:
            self.under_way += 1
        else:
            await self._wait_for_one(rank)
        held, began, limit = Held(), self._monotonic(), self.under_way
        try:
            yield held
        finally:
            if held.seconds is not None or held.dropped:
                seconds = math.inf if held.seconds is None else held.seconds
                self.level = self._law.after(self.level, Sample(seconds, limit, held.dropped))
                self._stay += (self._monotonic() - began - self._stay) / _MEAN_OVER
            self._leave()

    async def _wait_for_one(self, rank: Rank) -> None:
        left = remaining()
        if (late := self.wait(rank)) > left:
            raise Refused(Why.LATE, late).error(self._name)
        place: _Place = asyncio.get_running_loop().create_future()
        self._send_home(self._room.offer(place, rank, self._monotonic()))
        entered = False
        try:
            async with asyncio.timeout(None if math.isinf(left) else left):
                await place
            entered = True
        except TimeoutError:
            raise out_of_time(self._name) from None
        finally:
            if not entered:
                self._give_up(place)

    def _give_up(self, place: _Place) -> None:
        self._room.leave(place)
        if place.done() and not place.cancelled() and place.exception() is None:
            self._leave()  # it was let in while it was going

    def _leave(self) -> None:
        self.under_way -= 1
        while self.under_way < self.level.whole:
            place, gone = self._room.take(self._monotonic())
            self._send_home(gone)
            if place is None:
                return
            if not place.done():
                self.under_way += 1
                place.set_result(None)

    def _send_home(self, gone: Gone[_Place] | None) -> None:
        if gone is not None and not gone.item.done():
            gone.item.set_exception(Refused(gone.why, self.wait(Rank.SHADOW)).error(self._name))
