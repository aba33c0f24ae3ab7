"""Threads that take on only what they can do in time."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from cmo.errors import Overloaded
from cmo.kit.deadline import within
from cmo.kit.hands import Hands, Patience
from cmo.testing import FakeClock

USUAL = 0.1


class Gate:
    """Work that takes a tenth of a second, once it is let go on."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.opened = threading.Event()

    def work(self) -> None:
        assert self.opened.wait(1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def hands(clock: FakeClock) -> Iterator[Hands]:
    with Hands(2, Patience(), what="an answer", name="test", monotonic=clock.monotonic) as made:
        made.submit(clock.advance, USUAL).result()
        yield made


def busy(hands: Hands, gate: Gate, count: int) -> list[Future[None]]:
    return [hands.submit(gate.work) for _ in range(count)]


def test_whoever_finds_a_free_thread_waits_for_nothing(hands: Hands, clock: FakeClock) -> None:
    gate = Gate(clock)
    assert hands.wait_seconds() == 0
    busy(hands, gate, 2)
    assert hands.wait_seconds() == pytest.approx(USUAL / 2)
    assert hands.waiting == 0
    gate.opened.set()


def test_a_burst_is_taken_on_and_what_goes_on_like_that_is_refused(hands: Hands, clock: FakeClock) -> None:
    gate = Gate(clock)
    busy(hands, gate, 30)
    clock.advance(0.4)
    busy(hands, gate, 1)
    clock.advance(0.2)
    with pytest.raises(Overloaded, match=r"Try again in 1\.5 s") as refused:
        busy(hands, gate, 1)
    assert refused.value.after == pytest.approx(30 * USUAL / 2)
    assert hands.waiting == 29
    gate.opened.set()


def test_a_burst_has_its_bounds(hands: Hands, clock: FakeClock) -> None:
    gate = Gate(clock)
    busy(hands, gate, 42)
    with pytest.raises(Overloaded):
        busy(hands, gate, 1)
    gate.opened.set()


def test_once_a_thread_was_free_the_next_burst_is_one(hands: Hands, clock: FakeClock) -> None:
    first = Gate(clock)
    waiting = busy(hands, first, 20)
    clock.advance(1)
    with pytest.raises(Overloaded):
        busy(hands, first, 1)
    first.opened.set()
    for one in waiting:
        one.result()
    last = Gate(clock)
    assert len(busy(hands, last, 20)) == 20
    clock.advance(1)
    with pytest.raises(Overloaded):
        busy(hands, last, 1)
    last.opened.set()


def test_a_handful_may_always_wait_however_long_an_answer_takes(clock: FakeClock) -> None:
    patience = Patience(least=3, interval_seconds=0)
    with Hands(1, patience, what="x", name="t", monotonic=clock.monotonic) as slow:
        slow.submit(clock.advance, 3).result()
        gate = Gate(clock)
        busy(slow, gate, 4)
        assert slow.wait_seconds() == 12
        with pytest.raises(Overloaded):
            busy(slow, gate, 1)
        gate.opened.set()


def test_who_has_less_time_than_the_wait_is_told_at_once(hands: Hands, clock: FakeClock) -> None:
    gate = Gate(clock)
    busy(hands, gate, 3)
    with within(0.05), pytest.raises(Overloaded, match="before the deadline"):
        busy(hands, gate, 1)
    with within(5):
        busy(hands, gate, 1)
    gate.opened.set()


def test_who_gives_up_makes_room(hands: Hands, clock: FakeClock) -> None:
    gate = Gate(clock)
    waiting = busy(hands, gate, 12)
    before = hands.waiting
    assert waiting[-1].cancel()
    assert hands.waiting == before - 1
    gate.opened.set()


def test_failed_work_leaves_too(hands: Hands) -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        hands.submit(fail).result()
    hands.submit(int).result()
    hands.shutdown(wait=True)
    assert hands.waiting == 0
    with pytest.raises(RuntimeError):
        hands.submit(int)
    assert hands.wait_seconds() == 0
