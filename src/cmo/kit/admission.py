"""A bounded place to wait in: who matters most goes first, and when there is too much the least goes home.

::

    offer --room?--> a lane for each rank: health > interactive > prefetch > shadow --take--> served
             `--no--> whoever would be served last has to go; often that is the newcomer

A lane is served in order while it keeps moving. When its oldest has waited longer than `target` through a whole
`interval`, more comes than can be served: then the newest goes first, because somebody is still waiting for its answer,
and the oldest goes home (after CoDel, Nichols & Jacobson, ACM Queue 2012, and adaptive LIFO, Maurer, ACM Queue 2015).
The age of the oldest is measured, not that of who is served: newest first, those are always young.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from cmo.kit.refusal import Why

T = TypeVar("T", bound=Hashable)


class Rank(IntEnum):
    """How much a call matters; the least number matters most."""

    HEALTH = 0
    """Somebody asks whether all is well."""
    INTERACTIVE = 1
    """Somebody waits for an answer."""
    PREFETCH = 2
    """Somebody might ask."""
    SHADOW = 3
    """Nobody is told: a comparison, an audit."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many may wait, and for how long."""

    places: int = 256
    target_seconds: float = 0.2
    """That the oldest may wait; for calls of some 400 ms (`cmo bench resilience` compares)."""
    interval_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Gone(Generic[T]):
    """Somebody who had to go home."""

    item: T
    why: Why


@dataclass(slots=True)
class _Lane(Generic[T]):
    """Those of one rank who wait, in order, with when they came."""

    came: OrderedDict[T, float] = field(default_factory=OrderedDict)
    crowded: bool = False
    since: float = 0.0
    youngest: float = 0.0
    """Least age that its oldest had since."""

    def age(self, now: float) -> float:
        """Of its oldest."""
        return now - next(iter(self.came.values()), now)

    def look(self, room: Room, now: float) -> None:
        """Judge whether its oldest waited too long through a whole interval."""
        age = self.age(now)
        self.youngest = min(self.youngest, age)
        if self.came and now - self.since >= room.interval_seconds:
            self.crowded = self.youngest > room.target_seconds
            self.since, self.youngest = now, age

    def enter(self, item: T, now: float) -> None:
        """Wait. Whoever finds nobody waiting finds no crowd."""
        if not self.came:
            self.crowded, self.since, self.youngest = False, now, 0.0
        self.came[item] = now

    def first(self) -> T:
        """Take out who is next."""
        return self.came.popitem(last=self.crowded)[0]

    def last(self) -> T:
        """Take out who would be served last."""
        return self.came.popitem(last=not self.crowded)[0]


class WaitingRoom(Generic[T]):
    """Who waits. Not for several threads; time comes in as an argument.

    Args:
        room: its size.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lanes: dict[Rank, _Lane[T]] = {rank: _Lane() for rank in Rank}

    def __len__(self) -> int:
        return sum(len(lane.came) for lane in self._lanes.values())

    def waiting(self, rank: Rank) -> int:
        """How many of a rank wait."""
        return len(self._lanes[rank].came)

    def crowded(self, rank: Rank) -> bool:
        """Whether more of a rank comes than is served, so that the newest goes first."""
        return self._lanes[rank].crowded

    def ahead(self, rank: Rank) -> int:
        """How many would be served before a newcomer."""
        before = sum(self.waiting(r) for r in Rank if r < rank)
        return before if self.crowded(rank) else before + self.waiting(rank)

    def offer(self, item: T, rank: Rank, now: float) -> Gone[T] | None:
        """Let somebody in. Tells who has to go for that: another one, or the newcomer."""
        gone = None
        if len(self) >= self._room.places:
            lowest = self._lowest()
            if lowest < rank or (lowest is rank and not self.crowded(rank)):
                return Gone(item, Why.FULL)
            gone = Gone(self._lanes[lowest].last(), Why.SHED)
        self._lanes[rank].enter(item, now)
        return gone

    def take(self, now: float) -> tuple[T | None, Gone[T] | None]:
        """Who is served next, if anybody waits, and who goes home, if somebody has to."""
        for lane in self._lanes.values():
            lane.look(self._room, now)
        gone = self._shed(now)
        return next((lane.first() for lane in self._lanes.values() if lane.came), None), gone

    def leave(self, item: T) -> None:
        """Somebody no longer waits."""
        for lane in self._lanes.values():
            lane.came.pop(item, None)

    def _shed(self, now: float) -> Gone[T] | None:
        if len(self) < 2:  # noqa: PLR2004 - the only one who waits is served
            return None
        lane = self._lanes[self._lowest()]
        if not lane.crowded or lane.age(now) <= self._room.interval_seconds:
            return None
        return Gone(lane.last(), Why.SHED)

    def _lowest(self) -> Rank:
        return max(rank for rank in Rank if self._lanes[rank].came)
