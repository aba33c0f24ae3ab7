"""Whoever comes, goes and is served: the room never overfills and never drops who matters more before who matters less."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cmo.kit.admission import Gone, Rank, Room, WaitingRoom
from cmo.kit.refusal import Why

ROOM = Room(places=6, target_seconds=0.1, interval_seconds=0.5)


class Crowd(RuleBasedStateMachine):
    """The room beside a plain dictionary of who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.room: WaitingRoom[int] = WaitingRoom(ROOM)
        self.now = 0.0
        self.number = 0
        self.waiting: dict[int, tuple[Rank, float]] = {}

    def gone(self, gone: Gone[int] | None) -> None:
        """Who was sent home is of the least rank that waited, and nobody of a lower one stays."""
        if gone is None:
            return
        rank, _ = self.waiting.pop(gone.item)
        assert all(other <= rank for other, _ in self.waiting.values())
        assert gone.why in {Why.FULL, Why.SHED}

    @rule(seconds=st.floats(0, 1))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(rank=st.sampled_from(Rank))
    def come(self, rank: Rank) -> None:
        self.number += 1
        full = len(self.waiting) == ROOM.places
        self.waiting[self.number] = rank, self.now
        gone = self.room.offer(self.number, rank, self.now)
        assert (gone is not None) == full, "somebody goes if and only if the room was full"
        self.gone(gone)

    @rule()
    def serve(self) -> None:
        alone = len(self.waiting) == 1
        item, gone = self.room.take(self.now)
        assert not (alone and gone)
        self.gone(gone)
        if item is None:
            assert not self.waiting
            return
        rank, came = self.waiting.pop(item)
        assert all(other >= rank for other, _ in self.waiting.values()), "who matters most goes first"
        same = [time for other, time in self.waiting.values() if other is rank]
        crowded = self.room.crowded(rank)
        assert all(time <= came if crowded else time >= came for time in same)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.waiting)))
        self.room.leave(item)
        del self.waiting[item]

    @invariant()
    def nobody_is_lost_and_the_room_is_never_too_full(self) -> None:
        assert len(self.room) == len(self.waiting) <= ROOM.places
        for rank in Rank:
            assert self.room.waiting(rank) == sum(other is rank for other, _ in self.waiting.values())
            assert self.room.ahead(rank) <= len(self.waiting)


Crowd.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
TestWaitingRoom = Crowd.TestCase
