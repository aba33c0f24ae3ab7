"""A deadline goes along with a request and never grows on its way."""

import asyncio
import contextvars
import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from cmo.errors import OutOfTime
from cmo.kit import deadline
from cmo.kit.deadline import HEADER, affords, check, header, in_context, read, remaining, share, within
from cmo.testing import FakeClock


def test_without_a_deadline_there_is_all_the_time() -> None:
    assert remaining() == math.inf
    assert affords(1e9)
    assert header() == {}
    check("anything")


def test_time_passes_and_then_there_is_none() -> None:
    clock = FakeClock()
    with within(2, clock.monotonic):
        clock.advance(1.5)
        assert remaining() == pytest.approx(0.5)
        assert affords(0.4)
        assert affords(None)
        assert not affords(0.6)
        clock.advance(5)
        assert remaining() == 0
        assert not affords(None)
        with pytest.raises(OutOfTime, match=r"No time was left for the index\."):
            check("the index")
    assert remaining() == math.inf


def test_a_stage_may_shorten_it_and_not_lengthen_it() -> None:
    clock = FakeClock()
    with within(2, clock.monotonic):
        with within(60, clock.monotonic):
            assert remaining() == pytest.approx(2)
        with within(0.5, clock.monotonic):
            assert remaining() == pytest.approx(0.5)
        with within(math.inf, clock.monotonic):
            assert remaining() == pytest.approx(2)


def test_a_callee_gets_nine_tenths_of_what_is_left() -> None:
    clock = FakeClock()
    with within(2, clock.monotonic):
        assert share() == pytest.approx(1.8)
        assert header() == {HEADER: "1800"}
        clock.advance(3)
        assert header() == {HEADER: "0"}


@pytest.mark.parametrize(("value", "seconds"), [("0", 0.0), ("1500", 1.5), ("999999999", 999999.999)])
def test_a_header_is_read(value: str, seconds: float) -> None:
    assert read(value) == seconds


@pytest.mark.parametrize("value", ["", "-1", "1.5", "1e3", "nan", "inf", " 5", "٣", "9" * 10, "9" * 10_000, "1, 2"])
def test_a_header_that_says_nothing_is_none(value: str) -> None:
    assert read(value) is None


async def test_tasks_inherit_it() -> None:
    clock = FakeClock()

    async def left() -> float:
        return remaining()

    with within(3, clock.monotonic):
        assert await asyncio.create_task(left()) == pytest.approx(3)
    assert await asyncio.create_task(left()) == math.inf


def test_threads_inherit_it_when_told() -> None:
    clock = FakeClock()
    with ThreadPoolExecutor(1) as pool, within(3, clock.monotonic):
        assert pool.submit(remaining).result() == math.inf
        assert pool.submit(in_context(remaining)).result() == pytest.approx(3)


def test_what_a_thread_does_with_it_stays_there() -> None:
    clock = FakeClock()

    def shortened() -> float:
        deadline._until.set(deadline.Until(clock.monotonic() + 1, clock.monotonic))
        return remaining()

    with within(3, clock.monotonic):
        assert in_context(shortened)() == pytest.approx(1)
        assert remaining() == pytest.approx(3)
    assert contextvars.copy_context().run(remaining) == math.inf
