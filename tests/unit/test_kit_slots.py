"""Slots, and those who wait for one, in made-up time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cmo.errors import OutOfTime, Overloaded
from cmo.kit.admission import Rank, Room
from cmo.kit.concurrency import Gradient, Steps
from cmo.kit.deadline import within
from cmo.kit.slots import Slots
from cmo.kit.virtual import clock, run

TWO = Gradient(least=2, most=2, first=2)
PATIENT = 1e9
ASKED, SHADOW = Rank.INTERACTIVE, Rank.SHADOW


class Bench:
    """Two slots, and calls of one second."""

    def __init__(self, places: int = 8) -> None:
        self.slots = Slots("the model", TWO, Room(places, PATIENT, PATIENT), clock().monotonic)
        self.served: list[str] = []

    async def call(self, name: str, rank: Rank = ASKED, within_: float = 1e9, took: float = 1.0) -> None:
        with within(within_, clock().monotonic):
            async with self.slots.hold(rank) as held:
                self.served.append(name)
                await asyncio.sleep(took)
                held.seconds = took

    def begin(self, name: str, rank: Rank = ASKED, within_: float = 1e9) -> asyncio.Task[None]:
        return asyncio.create_task(self.call(name, rank, within_))


def virtual(test: Callable[[Bench], Coroutine[Any, Any, None]], places: int = 8) -> None:
    async def main() -> None:
        bench = Bench(places)
        await test(bench)
        assert (bench.slots.under_way, bench.slots.waiting) == (0, 0)

    run(main())


def test_no_more_than_the_limit_are_under_way() -> None:
    async def asked(bench: Bench) -> None:
        tasks = [bench.begin(str(n)) for n in range(6)]
        for _ in range(3):
            await asyncio.sleep(0.5)
            assert bench.slots.under_way == 2
            await asyncio.sleep(0.5)
        await asyncio.gather(*tasks)
        assert (bench.served, clock().time()) == (list("012345"), 3.0)

    virtual(asked)


def test_who_matters_more_is_served_before_who_came_first() -> None:
    async def asked(bench: Bench) -> None:
        tasks = [bench.begin("a"), bench.begin("b"), bench.begin("s", SHADOW), bench.begin("c")]
        await asyncio.gather(*tasks)
        assert bench.served == ["a", "b", "c", "s"]

    virtual(asked)


def test_a_full_room_refuses_and_says_for_how_long() -> None:
    async def asked(bench: Bench) -> None:
        await bench.call("first")
        tasks = [bench.begin(str(n)) for n in range(4)]
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded, match=r"No place is left to wait for the model\.") as caught:
            await bench.call("x")
        assert caught.value.after > 0
        await asyncio.gather(*tasks)

    virtual(asked, places=2)


def test_a_shadow_makes_place_for_somebody_who_waits_for_an_answer() -> None:
    async def asked(bench: Bench) -> None:
        tasks = [bench.begin("a"), bench.begin("b"), bench.begin("s", SHADOW), bench.begin("c")]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(f) for f in found] == [type(None), type(None), Overloaded, type(None)]

    virtual(asked, places=1)


def test_who_would_be_served_too_late_does_not_wait() -> None:
    async def asked(bench: Bench) -> None:
        for _ in range(200):
            await bench.call("w")
        tasks = [bench.begin(str(n)) for n in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="before the deadline"):
            await bench.call("x", within_=2.0)
        await asyncio.gather(*tasks)
        assert "x" not in bench.served

    virtual(asked)


def test_who_waits_longer_than_there_is_time_goes() -> None:
    async def asked(bench: Bench) -> None:
        tasks = [bench.begin("a"), bench.begin("b")]
        await asyncio.sleep(0.1)
        with pytest.raises(OutOfTime):
            await bench.call("x", within_=0.5)
        assert clock().time() == pytest.approx(0.6)
        await asyncio.gather(*tasks)

    virtual(asked)


@pytest.mark.parametrize("when", [0.5, 1.0])
def test_a_slot_is_never_lost_to_somebody_who_goes(when: float) -> None:
    async def asked(bench: Bench) -> None:
        tasks = [bench.begin(str(n)) for n in range(4)]
        clock().call_at(when, tasks[2].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(bench.begin("x"), bench.begin("y"))
        assert bench.served[-2:] == ["x", "y"]

    virtual(asked)


def test_a_slot_given_in_the_moment_of_going_is_given_on() -> None:
    async def asked(bench: Bench) -> None:
        first, second, third, fourth = [bench.begin(str(n)) for n in range(4)]
        await asyncio.sleep(0.5)
        first.cancel()
        await asyncio.sleep(0)  # the first one's slot goes to the third ...
        third.cancel()  # ... which goes before it knows
        await asyncio.gather(first, second, third, fourth, return_exceptions=True)
        assert "3" in bench.served
        assert "2" not in bench.served

    virtual(asked)


def test_a_slot_is_not_given_to_somebody_who_has_just_gone() -> None:
    async def asked(bench: Bench) -> None:
        first, second, third, fourth = [bench.begin(str(n)) for n in range(4)]
        await asyncio.sleep(0.5)
        first.cancel()
        third.cancel()  # still in the room when the first one's slot is free
        await asyncio.gather(first, second, third, fourth, return_exceptions=True)
        assert bench.served == ["0", "1", "3"]
        assert clock().time() == 1.5

    virtual(asked)


def test_a_fault_gives_the_slot_back() -> None:
    async def asked(bench: Bench) -> None:
        for _ in range(5):
            with pytest.raises(LookupError):
                async with bench.slots.hold(ASKED):
                    raise LookupError

    virtual(asked)


def test_a_call_that_learnt_nothing_leaves_the_limit_as_it_is() -> None:
    async def main() -> None:
        slots = Slots("x", Steps(first=2), Room(99, PATIENT, PATIENT), clock().monotonic)
        async with slots.hold(ASKED):
            pass
        assert slots.level.limit == 2
        async with slots.hold(ASKED) as held:
            held.seconds = 0.1
        assert slots.level.limit == 3
        async with slots.hold(ASKED) as held:
            held.dropped = True
        assert slots.level.limit == pytest.approx(2.7)

    run(main())


def test_in_a_crowd_the_newest_is_served_and_the_oldest_is_told_to_go() -> None:
    async def main() -> None:
        bench = Bench()
        bench.slots = Slots("the model", TWO, Room(99, 0.5, 1.0), clock().monotonic)
        tasks = [bench.begin(str(n)) for n in range(20)]
        await asyncio.sleep(4.5)
        tasks.append(bench.begin("new"))
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(f) for f in found} == {type(None), Overloaded}
        assert bench.served[:5] == ["0", "1", "2", "3", "19"]
        assert bench.served[10] == "new"

    run(main())


def test_a_limit_that_grows_lets_more_in() -> None:
    async def main() -> None:
        slots = Slots("x", Steps(first=2), Room(99, PATIENT, PATIENT), clock().monotonic)
        most = 0

        async def call() -> None:
            nonlocal most
            async with slots.hold(ASKED) as held:
                most = max(most, slots.under_way)
                await asyncio.sleep(1)
                held.seconds = 1.0

        await asyncio.gather(*(call() for _ in range(30)))
        assert most > 4
        assert clock().time() < 10

    run(main())
