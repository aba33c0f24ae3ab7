"""All layers together, in made-up time: what each sees, and in which order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cmo.errors import NotNow, OutOfTime, Overloaded, Resting, TooMany
from cmo.kit.admission import Rank, Room
from cmo.kit.breaker import Breaker, Fuse, Outcome, Phase
from cmo.kit.concurrency import Gradient
from cmo.kit.deadline import remaining, within
from cmo.kit.dependency import Dependency
from cmo.kit.events import Event, What
from cmo.kit.policy import Here, Policy
from cmo.kit.rate import Rate
from cmo.kit.retry import Again
from cmo.kit.trouble import Trouble
from cmo.kit.virtual import clock, run


class Broken(Exception):
    """The service's fault."""


class Wrong(Exception):
    """The caller's."""


class Service:
    """Answers after a while, or fails as told; remembers what it was asked and how much time it was given."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.fails: list[Exception] = []
        self.asked = 0
        self.left: list[float] = []

    async def __call__(self) -> int:
        self.asked += 1
        self.left.append(remaining())
        number = self.asked
        usual = 0.2 if number % 10 == 0 else 0.1
        await asyncio.sleep(self.seconds.pop(0) if self.seconds else usual)
        if self.fails:
            raise self.fails.pop(0)
        return number


class Answers(dict[Any, Any]):
    """Kept answers."""

    async def get(self, key: Any) -> Any | None:  # type: ignore[override]
        return super().get(key)

    async def set(self, key: Any, value: Any) -> None:
        self[key] = value


class House:
    """A dependency and all that it says."""

    def __init__(self, **policy: Any) -> None:
        self.events: list[Event] = []
        self.paid = 0
        self.settled = 0
        self.refuse_money: Exception | None = None
        self.breaker = Breaker(Fuse(), clock().monotonic, lambda: 0.5)
        self.service = Service()
        self.dependency = Dependency(
            "the model",
            Policy(**({"timeout_seconds": 5.0, "slow_seconds": 2.0} | policy)),
            on=(Broken, Wrong),
            judge=self._judge,
            gate=Here(self.breaker),
            pay=self._pay,
            tell=self.events.append,
            monotonic=clock().monotonic,
            chance=lambda: 0.5,
        )

    @staticmethod
    def _judge(error: Exception) -> Trouble:
        if isinstance(error, Wrong):
            return Trouble(Outcome.IGNORED)
        return Trouble(Outcome.FAILURE, Again(), dropped=isinstance(error, TimeoutError))

    @asynccontextmanager
    async def _pay(self) -> AsyncIterator[None]:
        if self.refuse_money is not None:
            raise self.refuse_money
        self.paid += 1
        try:
            yield
        finally:
            self.settled += 1

    async def call(self, **how: Any) -> int:
        return await self.dependency.call(self.service, **how)

    async def calls(self, count: int, **how: Any) -> list[int | BaseException]:
        return await asyncio.gather(*(self.call(**how) for _ in range(count)), return_exceptions=True)

    def what(self) -> list[What]:
        return [event.what for event in self.events]

    @property
    def phase(self) -> Phase:
        return self.dependency.reading().phase


def virtual(test: Callable[[House], Coroutine[Any, Any, None]], **policy: Any) -> None:
    async def main() -> None:
        house = House(**policy)
        await test(house)
        reading = house.dependency.reading()
        assert (reading.under_way, reading.waiting, house.paid) == (0, 0, house.settled)
        assert sum(reading.counts.values()) == len(house.events)

    run(main())


def test_an_answer_comes_through_all_layers() -> None:
    async def asked(house: House) -> None:
        assert await house.call(key="a", kept=Answers(), caller="me", repeatable=True) == 1
        assert house.events == [Event("the model", What.ANSWERED, pytest.approx(0.1))]

    virtual(asked, rate=Rate(1.0))


def test_a_caller_who_asks_too_often_is_refused_first_of_all() -> None:
    async def asked(house: House) -> None:
        answers = Answers()
        await house.call(key="a", kept=answers, caller="me")
        with pytest.raises(TooMany) as caught:
            await house.call(key="a", kept=answers, caller="me")
        assert caught.value.after == pytest.approx(9.9)
        assert await house.call(key="a", kept=answers, caller="you") == 1
        assert await house.call() == 2
        assert house.what() == [What.ANSWERED, What.REFUSED, What.KEPT, What.ANSWERED]

    virtual(asked, rate=Rate(0.1))


def test_without_time_nothing_is_begun() -> None:
    async def asked(house: House) -> None:
        with within(0, clock().monotonic), pytest.raises(OutOfTime, match="the model"):
            await house.call(key="a", kept=Answers())
        assert (house.service.asked, house.paid) == (0, 0)

    virtual(asked)


def test_a_kept_answer_costs_nothing_and_a_failure_is_not_kept() -> None:
    async def asked(house: House) -> None:
        answers = Answers()
        house.service.fails = [Wrong()]
        with pytest.raises(Wrong):
            await house.call(key="a", kept=answers)
        assert answers == {}
        assert [await house.call(key="a", kept=answers) for _ in range(3)] == [2, 2, 2]
        assert house.paid == 2

    virtual(asked)


def test_a_thousand_of_the_same_are_one_call_and_one_payment() -> None:
    async def asked(house: House) -> None:
        assert set(await house.calls(1_000, key="a")) == {1}
        assert (house.service.asked, house.paid) == (1, 1)
        assert house.dependency.reading().counts == {"answered": 1, "joined": 999}

    virtual(asked)


def test_a_shadow_waits_for_what_somebody_asked_and_not_the_other_way_round() -> None:
    async def asked(house: House) -> None:
        house.service.seconds = [1.0, 1.0, 1.0]
        shadow = asyncio.create_task(house.call(key="a", rank=Rank.SHADOW))
        await asyncio.sleep(0.1)
        await asyncio.gather(house.call(key="a"), house.call(key="a", rank=Rank.PREFETCH), shadow)
        assert house.service.asked == 2

    virtual(asked)


def test_without_money_there_is_no_call_and_the_service_is_not_blamed() -> None:
    async def asked(house: House) -> None:
        house.refuse_money = LookupError("the budget is spent")
        assert {type(found) for found in await house.calls(50)} == {LookupError}
        assert (house.service.asked, house.breaker.circuit.seen) == (0, "")

    virtual(asked)


def test_each_further_attempt_is_paid_for() -> None:
    async def asked(house: House) -> None:
        house.service.fails = [Broken(), Broken()]
        assert await house.call(repeatable=True) == 3
        assert house.paid == 3
        assert house.what() == [What.RETRIED, What.RETRIED, What.ANSWERED]
        assert house.breaker.circuit.seen == "s"

    virtual(asked)


def test_what_may_not_be_repeated_is_not() -> None:
    async def asked(house: House) -> None:
        house.service.fails = [Broken()]
        with pytest.raises(Broken):
            await house.call()
        assert house.service.asked == 1

    virtual(asked)


def test_a_service_that_keeps_failing_is_left_alone_and_comes_back() -> None:
    async def asked(house: House) -> None:
        house.service.fails = [Broken() for _ in range(11)]
        found = [(await house.calls(1))[0] for _ in range(20)]
        assert [type(f) for f in found] == [Broken] * 10 + [Resting] * 10
        assert isinstance(found[-1], Resting)
        assert 0 < found[-1].after <= 5
        await asyncio.sleep(5)
        assert isinstance((await house.calls(1))[0], Broken)
        await asyncio.sleep(10)
        assert await house.calls(3) == [12, 13, 14]
        turns = [w for w in house.what() if w in {What.OPENED, What.PROBING, What.CLOSED}]
        assert turns == [What.OPENED, What.PROBING, What.OPENED, What.PROBING, What.CLOSED]

    virtual(asked)


def test_requests_that_were_wrong_and_callers_who_went_open_nothing() -> None:
    async def asked(house: House) -> None:
        house.service.fails = [Wrong() for _ in range(30)]
        await house.calls(30)
        tasks = [asyncio.create_task(house.call()) for _ in range(8)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert house.breaker.circuit.seen == ""

    virtual(asked)


def test_an_attempt_gets_nine_tenths_of_what_is_left_and_at_most_its_own_timeout() -> None:
    async def asked(house: House) -> None:
        await house.call()
        with within(2.0, clock().monotonic):
            await house.call()
        assert house.service.left == [pytest.approx(5.0), pytest.approx(1.8)]

    virtual(asked)


def test_an_attempt_that_takes_too_long_is_a_failure() -> None:
    async def asked(house: House) -> None:
        house.service.seconds = [99.0]
        with pytest.raises(TimeoutError):
            await house.call()
        assert clock().time() == pytest.approx(5.0)
        assert house.breaker.circuit.seen == "f"
        assert house.dependency.reading().limit < 8

    virtual(asked)


def test_callers_in_a_hurry_open_nothing() -> None:
    """Else anybody could shut a service off for everybody, by a header."""

    async def asked(house: House) -> None:
        for _ in range(30):
            await house.call()
        for seconds in [0.12, 0.05] * 50:
            house.service.seconds = [1.0]
            with within(seconds, clock().monotonic), pytest.raises((OutOfTime, Overloaded)):
                await house.call()
        assert house.service.asked == 80
        assert house.breaker.circuit.seen == "s" * 30
        assert house.dependency.reading().limit >= 8

    virtual(asked)


def test_a_service_that_hangs_is_noticed_though_callers_go_before_its_timeout() -> None:
    async def asked(house: House) -> None:
        for _ in range(30):
            await house.call()
        house.service.seconds = [99.0] * 500
        for _ in range(200):
            with within(1.0, clock().monotonic), pytest.raises((OutOfTime, NotNow)):
                await house.call()
        assert What.OPENED in house.what()

    virtual(asked)


def test_late_answers_open_it_too() -> None:
    async def asked(house: House) -> None:
        house.service.seconds = [3.0] * 10
        for _ in range(10):
            await house.call()
        assert house.phase is Phase.OPEN

    virtual(asked)


def test_a_read_that_takes_long_is_made_twice_and_that_is_paid_for() -> None:
    async def asked(house: House) -> None:
        for _ in range(30):
            await house.call()
        house.service.seconds = [3.0]
        began = clock().time()
        assert await house.call(repeatable=True) == 32
        assert clock().time() - began == pytest.approx(0.2 + 0.1)
        assert house.what()[-3:] == [What.HEDGED, What.OVERTAKEN, What.ANSWERED]
        assert house.paid == 32

    virtual(asked)


def test_hedges_are_one_in_twenty_at_most() -> None:
    async def asked(house: House) -> None:
        for n in range(1000):
            house.service.seconds = [3.0, 0.1] if n > 30 else []
            await house.call(repeatable=True)
        assert house.what().count(What.HEDGED) <= 1000 * 0.05 + 2

    virtual(asked, slow_seconds=100.0)


@pytest.mark.parametrize("why", ["not repeatable", "no slot free", "probing"])
def test_no_second_call_is_made(why: str) -> None:
    async def asked(house: House) -> None:
        for _ in range(30):
            await house.call()
        if why == "probing":
            house.service.fails = [Broken() for _ in range(90)]
            while house.phase is Phase.CLOSED:
                await house.calls(1)
            house.service.fails.clear()
            await asyncio.sleep(5)
        house.service.seconds = [1.0] * (4 if why == "no slot free" else 1)
        await house.calls(4 if why == "no slot free" else 1, repeatable=why != "not repeatable")
        assert What.HEDGED not in house.what()

    limit = 4 if why == "no slot free" else 8
    virtual(asked, law=Gradient(least=limit, most=limit, first=limit), slow_seconds=9.0)


def test_more_than_can_be_served_in_time_is_refused_at_once() -> None:
    async def asked(house: House) -> None:
        for _ in range(300):
            await house.call()

        async def hurried() -> str:
            with within(1.0, clock().monotonic):
                try:
                    await house.call()
                except (Overloaded, OutOfTime) as error:
                    return error.code
                return "answered"

        found = await asyncio.gather(*(hurried() for _ in range(100)))
        assert found.count("answered") >= 16
        assert found.count("overloaded") > found.count("out-of-time")
        assert set(found) <= {"answered", "overloaded", "out-of-time"}

    virtual(asked, law=Gradient(least=2, most=2, first=2), room=Room(256))


def test_what_would_be_work_for_nobody_is_not_begun() -> None:
    async def asked(house: House) -> None:
        for _ in range(30):
            await house.call()
        with within(0.09, clock().monotonic), pytest.raises(Overloaded, match="before the deadline"):
            await house.call()
        assert house.service.asked == 30

    virtual(asked)


def test_a_fault_of_ours_passes_through_and_leaves_no_trace() -> None:
    async def asked(house: House) -> None:
        house.service.fails = [ZeroDivisionError()]
        with pytest.raises(ZeroDivisionError):
            await house.call(repeatable=True)
        assert house.breaker.circuit.seen == ""

    virtual(asked)


def test_how_it_is_doing_can_be_read() -> None:
    async def asked(house: House) -> None:
        for _ in range(30):
            await house.call()
        reading = house.dependency.reading()
        assert (reading.phase, reading.counts) == (Phase.CLOSED, {"answered": 30})
        assert (reading.median_seconds, reading.p95_seconds) == (pytest.approx(0.1), pytest.approx(0.2))

    virtual(asked)
