"""Many who ask for the same at once, in made-up time."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cmo.errors import OutOfTime
from cmo.kit.deadline import remaining, within
from cmo.kit.flight import Flights, ThreadFlights
from cmo.kit.virtual import clock, run


class Work:
    """Takes a second; counts how often it was begun and how often it came to its end."""

    def __init__(self, fails: int = 0) -> None:
        self.begun = self.done = 0
        self.left: list[float] = []
        self._fails = fails

    async def __call__(self) -> int:
        self.begun += 1
        if self.begun <= self._fails:
            raise LookupError(self.begun)
        await asyncio.sleep(1)
        self.left.append(remaining())
        self.done += 1
        return self.begun


def virtual(test: Callable[[Flights[str, int]], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        flights: Flights[str, int] = Flights(clock().monotonic)
        await test(flights)
        assert len(flights) == 0

    run(main())


def test_ten_thousand_who_ask_the_same_are_one_computation() -> None:
    async def asked(flights: Flights[str, int]) -> None:
        work = Work()
        found = await asyncio.gather(*(flights.once("a", work) for _ in range(10_000)))
        assert (work.begun, set(found)) == (1, {1})

    virtual(asked)


def test_other_keys_are_other_work() -> None:
    async def asked(flights: Flights[str, int]) -> None:
        work = Work()
        await asyncio.gather(*(flights.once(key, work) for key in "abca"))
        assert work.begun == 3

    virtual(asked)


def test_a_failure_goes_to_all_who_wait_and_is_not_kept() -> None:
    async def asked(flights: Flights[str, int]) -> None:
        work = Work(fails=1)
        found = await asyncio.gather(*(flights.once("a", work) for _ in range(5)), return_exceptions=True)
        assert [type(f) for f in found] == [LookupError] * 5
        assert await flights.once("a", work) == 2

    virtual(asked)


@pytest.mark.parametrize("gone", [0, 1])
def test_a_caller_who_goes_leaves_the_others_be(gone: int) -> None:
    async def asked(flights: Flights[str, int]) -> None:
        work = Work()
        tasks = [asyncio.create_task(flights.once("a", work)) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[gone].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert (work.begun, work.done) == (1, 1)
        assert [type(f) for f in found].count(asyncio.CancelledError) == 1

    virtual(asked)


def test_when_all_have_gone_the_work_is_ended_and_the_next_one_begins_anew() -> None:
    async def asked(flights: Flights[str, int]) -> None:
        work = Work()
        tasks = [asyncio.create_task(flights.once("a", work)) for _ in range(3)]
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await flights.once("a", work) == 2
        assert work.done == 1

    virtual(asked)


def test_the_most_patient_caller_decides_how_long_it_may_take() -> None:
    async def asked(flights: Flights[str, int]) -> None:
        work = Work()

        async def patient(seconds: float) -> int:
            with within(seconds, clock().monotonic):
                return await flights.once("a", work)

        found = await asyncio.gather(patient(0.2), patient(5.0), patient(0.4), return_exceptions=True)
        assert [type(f) for f in found] == [OutOfTime, int, OutOfTime]
        assert work.left == [pytest.approx(4.0)]

    virtual(asked)


def test_work_that_all_have_run_out_of_time_for_is_ended() -> None:
    async def asked(flights: Flights[str, int]) -> None:
        work = Work()
        with within(0.5, clock().monotonic), pytest.raises(OutOfTime):
            await flights.once("a", work)
        await asyncio.sleep(2)
        assert (work.begun, work.done) == (1, 0)

    virtual(asked)


def test_a_timeout_of_the_work_itself_is_not_taken_for_the_caller_s() -> None:
    async def late() -> int:
        raise TimeoutError("of its own")

    async def asked(flights: Flights[str, int]) -> None:
        with within(9, clock().monotonic), pytest.raises(TimeoutError, match="of its own"):
            await flights.once("a", late)

    virtual(asked)


class Threads:
    """Threads that meet at the same work."""

    def __init__(self, count: int) -> None:
        self.begun = 0
        self.flights: ThreadFlights[str, int] = ThreadFlights()
        self.found: list[int | Exception] = []
        self.at_work, self.may_end = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def _work(self) -> int:
        self.begun += 1
        self.at_work.set()
        self.may_end.wait(10)
        return self.begun

    def _ask(self) -> None:
        self.found.append(self.flights.once("a", self._work))

    def meet(self) -> None:
        for thread in self._threads:
            thread.start()
        self.may_end.set()
        for thread in self._threads:
            thread.join(10)


def test_threads_share_work_too() -> None:
    threads = Threads(1)
    leader = threading.Thread(target=threads._ask)
    leader.start()
    threads.at_work.wait(10)
    with within(0.01), pytest.raises(OutOfTime):
        threads.flights.once("a", threads._work)
    threads.meet()
    leader.join(10)
    assert (threads.begun, threads.found) == (1, [1, 1])


def test_a_failure_in_a_thread_is_not_kept() -> None:
    flights: ThreadFlights[str, int] = ThreadFlights()
    with pytest.raises(LookupError):
        flights.once("a", lambda: {}["a"])
    assert flights.once("a", lambda: 7) == 7


def test_a_thread_with_time_left_does_again_what_another_had_no_time_for() -> None:
    flights: ThreadFlights[str, int] = ThreadFlights()
    begun, found = threading.Event(), []

    def slow() -> int:
        begun.set()
        while remaining() > 0:
            pass
        raise OutOfTime("no time")

    def impatient() -> None:
        with within(0.05), pytest.raises(OutOfTime):
            flights.once("a", slow)
        found.append(0)

    leader = threading.Thread(target=impatient)
    leader.start()
    begun.wait(10)
    assert flights.once("a", lambda: 7) == 7
    leader.join(10)
    assert found == [0]
