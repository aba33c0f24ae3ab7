"""Single pieces of work, gathered into runs: what comes while workers are busy goes together with the next run.

::

    one --room?--> waits by rank --a worker is free--> a run of at most so many --> each its own result
        `--no, or not in time--> refused

Nobody waits for company: while a worker is free, what comes goes at once. Company gathers by itself when there is more
to do than workers, and only then does it pay. How long a run may be is learnt (`RunLength`), and so is how many
workers it takes (`crew_after`); both are pure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

from cmo.kit.admission import Gone, Rank, Room, WaitingRoom
from cmo.kit.deadline import Monotonic, remaining
from cmo.kit.refusal import Refused, Why

T = TypeVar("T")
V = TypeVar("V")
_MEMORY: Final = 16
"""Runs over which the cost of one length is averaged."""
_ENOUGH: Final = 4
"""Runs of a length before it is compared with others."""
_WORTH: Final = 0.95
"""Another length is taken when it costs less than this share."""
_KEPT_CHANGES: Final = 50
_LEAST_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece costs in runs of one length."""

    runs: int = 0
    seconds: float = 0.0
    """Of work, a piece."""

    def after(self, seconds: float) -> Cost:
        """With one more run."""
        runs = self.runs + 1
        return Cost(runs, self.seconds + (seconds - self.seconds) / min(runs, _MEMORY))


@dataclass(frozen=True, slots=True)
class Change:
    """Another length was taken, and what that brought."""

    after: int
    """Pieces done before."""
    old: int
    new: int
    old_seconds: float
    """What a piece cost at the old length."""
    new_seconds: float
    """At the new one, as measured before the change; `RunLength.costs` tells how it went on."""


@dataclass(frozen=True, slots=True)
class RunLength:
    """How many pieces a run takes at most, learnt from what runs of each length cost."""

    most: int
    limit: int
    every: int = 100
    """Pieces between two decisions; 0 for none ever."""
    costs: Mapping[int, Cost] = field(default_factory=dict)
    """By length: 1, 2, 4, 8 … `most`."""
    done: int = 0
    decided: int = 0
    changes: tuple[Change, ...] = ()

    @classmethod
    def of(cls, most: int, every: int) -> RunLength:
        """As it begins: as long as it may be."""
        return cls(most, most, every)

    @property
    def expected(self) -> float:
        """Seconds of a piece in runs as long as they may be, as far as that is known; else in the longest known."""
        return self.costs[max(self.costs)].seconds if self.costs else 0.0

    def after(self, pieces: int, seconds: float) -> RunLength:
        """With one more run."""
        length = _length(pieces, self.most)
        costs = {**self.costs, length: self.costs.get(length, Cost()).after(seconds / pieces)}
        learnt = replace(self, costs=costs, done=self.done + pieces)
        if not self.every or learnt.done - learnt.decided < self.every:
            return learnt
        return _decided(learnt)


def _length(pieces: int, most: int) -> int:
    """The longest of 1, 2, 4, 8 … that a run of so many pieces reaches; `most` is one of them."""
    return most if pieces >= most else 1 << (pieces.bit_length() - 1)


def _decided(now: RunLength) -> RunLength:
    now = replace(now, decided=now.done)
    known = {length: cost.seconds for length, cost in now.costs.items() if cost.runs >= _ENOUGH}
    if not known:
        return now
    best = min(known, key=lambda length: known[length])
    here = known.get(_length(now.limit, now.most))
    if here is None or known[best] >= here * _WORTH or best == now.limit:
        return now
    change = Change(now.done, now.limit, best, here, known[best])
    # What is no longer tried would stay as dear as it was last seen: forget it, so that it is looked at again.
    costs = {length: cost for length, cost in now.costs.items() if length <= best}
    return replace(now, limit=best, costs=costs, changes=(*now.changes, change)[-_KEPT_CHANGES:])


@dataclass(frozen=True, slots=True)
class Crew:
    """How many workers there may be, and what moves their number."""

    least: int = 1
    most: int = 2
    up: float = 0.8
    """Share of time that workers are busy from which one more is called in, if somebody waited too long."""
    down: float = 0.3
    """Share below which one is sent home."""
    wait_seconds: float = 0.05
    """Longer nobody should wait for a worker."""


def crew_after(crew: Crew, workers: int, busy: float, waited: float) -> int:
    """How many workers from now on.

    Args:
        crew: the bounds.
        workers: how many there are.
        busy: share of their time that they were at work.
        waited: seconds that the one waiting longest waited.
    """
    wanted = workers
    if busy >= crew.up and waited > crew.wait_seconds:
        wanted += 1
    elif busy <= crew.down:
        wanted -= 1
    return max(crew.least, min(crew.most, wanted))


@dataclass(frozen=True, slots=True)
class Gathered(Generic[V]):
    """A result, and with how many others it was made."""

    value: V
    company: int


@dataclass(frozen=True, slots=True)
class BatchReading:
    """How it goes."""

    runs: int
    pieces: int
    refused: int
    longest: int
    workers: int
    most_workers: int
    waiting: int
    limit: int
    costs: Mapping[int, Cost]
    changes: tuple[Change, ...]

    @property
    def mean(self) -> float:
        """Pieces a run."""
        return self.pieces / self.runs if self.runs else 0.0


_Seat = asyncio.Future[Any]


class Batcher(Generic[T, V]):
    """Gathers pieces of work. For one event loop.

    Args:
        name: of the work, for refusals.
        work: does a run, in a thread: results in the order of its pieces.
        executor: whose threads.
        room: how many may wait.
        crew: how many workers.
        length: how long runs may be.
        monotonic: the clock.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[T]], Sequence[V]],
        executor: Executor,
        *,
        room: Room,
        crew: Crew,
        length: RunLength,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._name = name
        self._work = work
        self._executor = executor
        self._room: WaitingRoom[_Seat] = WaitingRoom(room)
        self._pieces: dict[_Seat, tuple[T, float]] = {}
        self._crew = crew
        self._length = length
        self._monotonic = monotonic
        self._workers = crew.least
        self._most_workers = crew.least
        self._busy = self._runs = self._done = self._refused = self._longest = 0
        self._worked = 0.0
        self._looked = monotonic()
        self._woken = False

    async def one(self, piece: T, rank: Rank = Rank.INTERACTIVE) -> Gathered[V]:
        """What a piece comes to.

        Raises:
            Overloaded: no place to wait, or not in time.
            Whatever the work raises, for all of its run.
        """
        if (late := self._wait(rank)) > remaining():
            self._refused += 1
            raise Refused(Why.LATE, late).error(self._name)
        seat: _Seat = asyncio.get_running_loop().create_future()
        self._pieces[seat] = (piece, self._monotonic())
        self._send_home(self._room.offer(seat, rank, self._monotonic()))
        if self._busy < self._workers:
            self._start()
        else:
            self._wake()
        try:
            gathered: Gathered[V] = await seat
        finally:
            self._room.leave(seat)
            self._pieces.pop(seat, None)
        return gathered

    def reading(self) -> BatchReading:
        """How it goes."""
        return BatchReading(
            self._runs,
            self._done,
            self._refused,
            self._longest,
            self._workers,
            self._most_workers,
            len(self._room),
            self._length.limit,
            self._length.costs,
            self._length.changes,
        )

    def _wait(self, rank: Rank) -> float:
        """Seconds after which a newcomer would have its result, as things go now."""
        ahead = self._room.ahead(rank)
        return self._length.expected * (ahead + self._length.limit) / self._workers if ahead else 0.0

    def _wake(self) -> None:
        """See to it in the next turn of the loop, so that who comes in this one goes together."""
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._woken = False
        self._adjust()
        while self._busy < self._workers and (seats := self._next()):
            self._busy += 1
            began = self._monotonic()
            loop = asyncio.get_running_loop()
            run = loop.run_in_executor(self._executor, self._timed, [self._pieces[seat][0] for seat in seats])
            run.add_done_callback(lambda done, seats=seats, began=began: self._ended(done, seats, began))  # type: ignore[misc]
        if len(self._room):
            asyncio.get_running_loop().call_later(self._crew.wait_seconds, self._wake)

    def _next(self) -> list[_Seat]:
        seats: list[_Seat] = []
        while len(seats) < self._length.limit:
            seat, gone = self._room.take(self._monotonic())
            self._send_home(gone)
            if seat is None:
                break
            if not seat.done():
                seats.append(seat)
        return seats

    def _timed(self, pieces: list[T]) -> tuple[Sequence[V], float]:
        began = self._monotonic()
        return self._work(pieces), self._monotonic() - began

    def _ended(self, run: asyncio.Future[tuple[Sequence[V], float]], seats: list[_Seat], began: float) -> None:
        self._busy -= 1
        self._worked += self._monotonic() - began
        self._runs += 1
        self._done += len(seats)
        self._longest = max(self._longest, len(seats))
        self._settle(run, seats)
        self._wake()

    def _settle(self, run: asyncio.Future[tuple[Sequence[V], float]], seats: list[_Seat]) -> None:
        waiting = [seat for seat in seats if not seat.done()]
        if run.cancelled():
            for seat in waiting:
                seat.cancel()
        elif (error := run.exception()) is not None:
            for seat in waiting:
                seat.set_exception(error)
        else:
            values, seconds = run.result()
            self._length = self._length.after(len(seats), seconds)
            for seat, value in zip(seats, values, strict=True):
                if not seat.done():
                    seat.set_result(Gathered(value, len(seats)))

    def _adjust(self) -> None:
        """Call a worker in, or send one home."""
        now = self._monotonic()
        if (since := now - self._looked) < max(_LEAST_LOOK_SECONDS, self._crew.wait_seconds):
            return
        busy = min(1.0, max(self._worked / (since * self._workers), self._busy / self._workers))
        oldest = min((came for seat, (_, came) in self._pieces.items() if not seat.done()), default=now)
        self._workers = crew_after(self._crew, self._workers, busy, now - oldest)
        self._most_workers = max(self._most_workers, self._workers)
        self._looked, self._worked = now, 0.0

    def _send_home(self, gone: Gone[_Seat] | None) -> None:
        if gone is not None and not gone.item.done():
            self._refused += 1
            gone.item.set_exception(Refused(gone.why, self._wait(Rank.SHADOW)).error(self._name))
