"""The tiers together, in made-up time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cmo.cache.entry import LONGEST_VALUE, Entry, Spoilt
from cmo.cache.keys import Key
from cmo.cache.memory import Memory
from cmo.cache.span import Span
from cmo.cache.tier import Held, Lenient
from cmo.cache.tiers import Hit, Made, Tiers
from cmo.cache.warm import warm
from cmo.errors import OracleError, OutOfTime
from cmo.kit.deadline import within
from cmo.kit.virtual import clock, run

A, B = Key("s", "a" * 32), Key("s", "b" * 32)


class Lost(Exception):
    """How the fake tier fails."""


class Drawer:
    """A tier in a dictionary, which can be made to fail and to take its time."""

    errors = (Lost,)

    def __init__(self, name: str = "drawer") -> None:
        self.name = name
        self.kept: dict[Key, Entry] = {}
        self.seconds = 0.0
        self.fails = False
        self.spoilt: set[Key] = set()
        self.asked = 0

    async def get(self, key: Key) -> Entry | None:
        await self._work()
        if key in self.spoilt:
            raise Spoilt("by the test")
        return self.kept.get(key)

    async def set(self, key: Key, entry: Entry) -> bool:
        await self._work()
        self.kept[key] = entry
        return True

    async def remove(self, key: Key) -> None:
        await self._work()
        self.spoilt.discard(key)
        self.kept.pop(key, None)

    async def drop(self, scope: str, *, others: bool) -> None:
        await self._work()
        self.kept = {key: entry for key, entry in self.kept.items() if (key.scope == scope) is others}

    async def clear(self) -> None:
        await self._work()
        self.kept.clear()

    async def discard(self) -> None:
        await self.clear()

    def held(self) -> Held:
        return Held(len(self.kept))

    async def aclose(self) -> None:
        return

    async def _work(self) -> None:
        self.asked += 1
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.fails:
            raise Lost


class Work:
    """Takes a second; says how often it was done."""

    def __init__(self, seconds: float = 1.0, worth: float = 100.0) -> None:
        self.done = 0
        self.seconds = seconds
        self.worth = worth
        self.fails: Exception | None = None

    async def __call__(self) -> Made:
        await asyncio.sleep(self.seconds)
        self.done += 1
        if self.fails:
            raise self.fails
        return Made(str(self.done).encode(), self.worth)


class Bench:
    """Tiers over two drawers."""

    def __init__(self, *, entries: int = 100, chance: float = 0.0) -> None:
        self.chance = chance
        self.disk, self.shared = Drawer("disk"), Drawer("shared")
        self.memory = Memory(entries=entries, size=10**8, span=Span(10.0, lambda: 0.5), clock=clock())
        below = [Lenient(tier, seconds=0.05, clock=clock(), at_once=8) for tier in (self.disk, self.shared)]
        self.tiers = Tiers(self.memory, below, clock=clock(), chance=lambda: self.chance)

    def told(self, tier: int) -> Any:
        return self.tiers.statistics().tiers[tier]


def virtual(test: Callable[[Bench], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def main() -> None:
        bench = Bench(**options)
        await test(bench)
        await bench.tiers.aclose()

    run(main())


def test_what_was_made_is_found_in_the_nearest_tier() -> None:
    async def asked(bench: Bench) -> None:
        work = Work()
        assert await bench.tiers.get_or_make(A, work) == Hit(b"1")
        assert await bench.tiers.get_or_make(A, work) == Hit(b"1", "memory", 0.0)
        await asyncio.sleep(11)
        assert await bench.tiers.get_or_make(A, work) == Hit(b"1", "disk", 11.0)
        assert await bench.tiers.get(A) == Hit(b"1", "memory", 11.0)
        assert work.done == 1

    virtual(asked)


def test_what_is_found_below_is_kept_above() -> None:
    async def asked(bench: Bench) -> None:
        await bench.tiers.set(A, b"1", seconds=100)
        bench.memory.clear()
        bench.disk.kept.clear()
        assert (await bench.tiers.get_or_make(A, Work())).tier == "shared"
        assert A in bench.disk.kept
        assert bench.memory.get(A)

    virtual(asked)


def test_ten_thousand_who_ask_the_same_are_one_look_and_one_computation() -> None:
    async def asked(bench: Bench) -> None:
        work = Work()
        found = await asyncio.gather(*(bench.tiers.get_or_make(A, work) for _ in range(10_000)))
        assert (work.done, set(found)) == (1, {Hit(b"1")})
        assert bench.disk.asked == 2
        told = bench.tiers.statistics()
        assert (told.asked, told.found, told.made) == (10_000, 0, 1)

    virtual(asked)


@pytest.mark.parametrize("trouble", ["gone", "slow"])
def test_a_tier_in_trouble_costs_little_and_then_nothing(trouble: str) -> None:
    async def asked(bench: Bench) -> None:
        bench.shared.fails, bench.shared.seconds = trouble == "gone", 60.0 * (trouble == "slow")
        waits = []
        for n in range(10):
            began = clock().monotonic()
            assert (await bench.tiers.get_or_make(Key("s", f"{n:032x}"), Work(seconds=0.0))).value == b"1"
            waits.append(clock().monotonic() - began)
        assert max(waits) <= 0.1 + 1e-9
        assert waits[-1] < 1e-9, "it rests"
        told = bench.told(2)
        assert told.errors == 5
        assert told.skipped >= 10

    virtual(asked)


def test_a_tier_that_is_back_is_used_again() -> None:
    async def asked(bench: Bench) -> None:
        bench.shared.fails = True
        for n in range(5):
            await bench.tiers.set(Key("s", f"{n:032x}"), b"x", seconds=100)
        bench.shared.fails = False
        await asyncio.sleep(2)
        await bench.tiers.set(A, b"x", seconds=100)
        assert A in bench.shared.kept

    virtual(asked)


def test_more_than_it_can_do_at_once_is_not_asked_of_a_tier_and_not_held_against_it() -> None:
    async def asked(bench: Bench) -> None:
        bench.disk.seconds = 0.02
        keys = [Key("s", f"{n:032x}") for n in range(40)]
        await asyncio.gather(*(bench.tiers.get(key) for key in keys))
        assert bench.told(1).skipped == 32
        assert bench.told(1).errors == 0
        await bench.tiers.set(A, b"x", seconds=100)
        assert A in bench.disk.kept

    virtual(asked)


def test_a_spoilt_entry_is_a_miss_and_removed() -> None:
    async def asked(bench: Bench) -> None:
        await bench.tiers.set(A, b"old", seconds=100)
        bench.memory.clear()
        bench.shared.kept.clear()
        bench.disk.spoilt.add(A)
        assert (await bench.tiers.get_or_make(A, Work())).value == b"1"
        assert bench.disk.kept[A].value == b"1"
        assert bench.told(1).errors == 1

    virtual(asked)


def test_an_entry_past_its_time_or_from_the_future_is_a_miss() -> None:
    async def asked(bench: Bench) -> None:
        now = clock().now().timestamp()
        for key, entry in ((A, Entry(b"x", now - 9, now)), (B, Entry(b"x", now + 60, now + 90))):
            bench.disk.kept[key] = entry
            assert await bench.tiers.get(key) is None

    virtual(asked)


def test_a_failure_is_told_and_not_kept() -> None:
    async def asked(bench: Bench) -> None:
        work = Work()
        work.fails = OracleError("no")
        said = await asyncio.gather(*(bench.tiers.get_or_make(A, work) for _ in range(3)), return_exceptions=True)
        assert [type(s) for s in said] == [OracleError] * 3
        work.fails = None
        assert (await bench.tiers.get_or_make(A, work)).value == b"2"

    virtual(asked)


def test_a_caller_who_goes_leaves_the_others_be() -> None:
    async def asked(bench: Bench) -> None:
        work = Work()
        tasks = [asyncio.create_task(bench.tiers.get_or_make(A, work)) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(s) for s in said] == [asyncio.CancelledError, Hit, Hit]
        assert work.done == 1

    virtual(asked)


def test_a_cancelled_caller_is_not_held_against_a_tier() -> None:
    async def asked(bench: Bench) -> None:
        bench.disk.seconds = 0.04
        for n in range(20):
            task = asyncio.create_task(bench.tiers.get(Key("s", f"{n:032x}")))
            await asyncio.sleep(0.01)
            task.cancel()
        bench.disk.seconds = 0.0
        assert await bench.tiers.set(A, b"x", seconds=100)
        assert A in bench.disk.kept
        assert bench.told(1).errors == 0

    virtual(asked)


def test_a_deadline_holds_for_who_waits_and_not_for_the_work() -> None:
    async def asked(bench: Bench) -> None:
        work = Work()

        async def hasty() -> None:
            with within(0.3, clock().monotonic), pytest.raises(OutOfTime):
                await bench.tiers.get_or_make(A, work)

        await asyncio.gather(hasty(), bench.tiers.get_or_make(A, work))
        assert (await bench.tiers.get_or_make(A, work)).tier == "memory"

    virtual(asked)


@pytest.mark.parametrize(("worth", "kept"), [(0.0, False), (30.0, True)])
def test_what_is_not_worth_it_is_not_kept(worth: float, kept: bool) -> None:
    async def asked(bench: Bench) -> None:
        work = Work(worth=worth)
        await bench.tiers.get_or_make(A, work)
        assert bool(await bench.tiers.get(A)) is kept
        assert bench.tiers.statistics().refused == (not kept)
        await asyncio.sleep(31)
        assert await bench.tiers.get(A) is None

    virtual(asked)


def test_a_huge_value_is_handed_out_and_not_kept() -> None:
    async def asked(bench: Bench) -> None:
        async def huge() -> Made:
            return Made(b"x" * (LONGEST_VALUE + 1), 100)

        assert len((await bench.tiers.get_or_make(A, huge)).value) > LONGEST_VALUE
        assert await bench.tiers.get(A) is None
        assert not bench.disk.kept

    virtual(asked)


def test_of_many_who_ask_for_what_is_soon_over_one_has_it_made_anew_and_none_waits() -> None:
    async def asked(bench: Bench) -> None:
        work = Work(worth=9.0)
        await bench.tiers.get_or_make(A, work)
        await asyncio.sleep(8.5)
        assert (await bench.tiers.get_or_make(A, work)).value == b"1"
        bench.chance = 0.999
        began = clock().monotonic()
        assert {(await bench.tiers.get_or_make(A, work)).value for _ in range(50)} == {b"1"}
        assert clock().monotonic() == began
        await asyncio.sleep(1.1)
        assert work.done == 2
        bench.chance = 0.0
        assert await bench.tiers.get_or_make(A, work) == Hit(b"2", "memory", pytest.approx(0.1))
        assert bench.tiers.statistics().refreshed == 1

    virtual(asked)


def test_a_failed_refresh_leaves_what_is_there() -> None:
    async def asked(bench: Bench) -> None:
        work = Work(seconds=0.1, worth=9.0)
        await bench.tiers.get_or_make(A, work)
        await asyncio.sleep(8.9)
        bench.chance, work.fails = 1.0 - 1e-9, OracleError("no")
        assert (await bench.tiers.get_or_make(A, work)).value == b"1"
        await asyncio.sleep(0.05)
        assert (await bench.tiers.get_or_make(A, work)).value == b"1"
        await asyncio.sleep(1)
        assert work.done == 2

    virtual(asked)


def test_a_refresh_has_time_although_who_asked_has_none() -> None:
    async def asked(bench: Bench) -> None:
        work = Work(worth=9.0)
        await bench.tiers.get_or_make(A, work)
        await asyncio.sleep(8.5)
        bench.chance = 0.999
        with within(0.01, clock().monotonic):
            await bench.tiers.get_or_make(A, work)
        await asyncio.sleep(1.1)
        assert work.done == 2

    virtual(asked)


def test_what_was_begun_before_a_clearing_is_not_kept() -> None:
    async def asked(bench: Bench) -> None:
        for forget in (bench.tiers.clear_all, lambda: bench.tiers.drop("s")):
            task = asyncio.create_task(bench.tiers.get_or_make(A, Work()))
            await asyncio.sleep(0.5)
            await forget()
            assert (await task).value == b"1"
            assert await bench.tiers.get(A) is None

    virtual(asked)


def test_forgetting_another_scope_does_not_keep_it_from_being_kept() -> None:
    async def asked(bench: Bench) -> None:
        task = asyncio.create_task(bench.tiers.get_or_make(A, Work()))
        await asyncio.sleep(0.5)
        await bench.tiers.drop("another")
        await bench.tiers.drop(A.scope, others=True)
        await task
        assert await bench.tiers.get(A)

    virtual(asked)


def test_what_was_looked_for_before_a_clearing_is_not_put_back() -> None:
    async def asked(bench: Bench) -> None:
        await bench.tiers.set(A, b"old", seconds=100)
        bench.memory.clear()
        bench.shared.seconds = 0.03
        bench.disk.kept.clear()
        task = asyncio.create_task(bench.tiers.get_or_make(A, Work()))
        await asyncio.sleep(0.01)
        bench.shared.seconds = 0.0
        await bench.tiers.clear_all()
        bench.shared.kept[A] = Entry(b"old", clock().now().timestamp(), clock().now().timestamp() + 99)
        assert (await task).value == b"1"
        assert (await bench.tiers.get_or_make(A, Work())).value == b"1"
        assert bench.disk.kept[A].value == b"1"

    virtual(asked)


def test_a_scope_is_dropped_in_every_tier() -> None:
    async def asked(bench: Bench) -> None:
        other = Key("t", "c" * 32)
        for key in (A, other):
            await bench.tiers.set(key, b"x", seconds=100)
        await bench.tiers.drop("s")
        assert [bool(await bench.tiers.get(key)) for key in (A, other)] == [False, True]
        assert set(bench.disk.kept) == set(bench.shared.kept) == {other}

    virtual(asked)


def test_clearing_says_which_tiers_did() -> None:
    async def asked(bench: Bench) -> None:
        await bench.tiers.set(A, b"x", seconds=100)
        bench.shared.fails = True
        assert await bench.tiers.clear_all() == {"memory": True, "disk": True, "shared": False}

    virtual(asked)


async def test_an_emergency_clears_what_it_can_and_disowns_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    from cmo.kit.clock import SystemClock

    monkeypatch.setattr("cmo.cache.tiers.EMERGENCY_SECONDS", 0.05)
    dead, well, disowned = Drawer("shared"), Drawer("disk"), []
    dead.seconds = 60.0
    memory = Memory(entries=9, size=10**6, span=Span(10.0), clock=SystemClock())
    below = [Lenient(tier, seconds=0.01, clock=SystemClock()) for tier in (well, dead)]
    tiers = Tiers(memory, below, clock=SystemClock(), disown=lambda: disowned.append(1))
    await tiers.set(A, b"x", seconds=100)
    assert await tiers.emergency_clear() == {"memory": True, "disk": True, "shared": False}
    assert disowned == [1]
    assert await tiers.get(A) is None
    assert not well.kept


def test_warming_asks_for_each_a_few_at_once_and_tells_how_far_it_is() -> None:
    async def asked(bench: Bench) -> None:
        most, under_way, told = 0, 0, []
        work = Work()

        async def ask(name: str) -> None:
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            if name == "3":
                under_way -= 1
                raise OracleError("no such thing")
            await bench.tiers.get_or_make(Key("s", name * 32), work)
            under_way -= 1

        came = await warm(list("0123456789"), ask, at_once=3, progress=lambda done, total: told.append((done, total)))
        assert (came.ready, came.failed) == (9, {"3": "no such thing"})
        assert (most, told[0], told[-1], len(told)) == (3, (1, 10), (10, 10), 10)
        assert (await bench.tiers.get_or_make(Key("s", "7" * 32), work)).tier == "memory"

    virtual(asked)


def test_without_room_or_tiers_everything_is_made_and_still_made_once_at_a_time() -> None:
    async def main() -> None:
        memory = Memory(entries=0, size=0, span=Span(1.0), clock=clock())
        tiers, work = Tiers(memory, (), clock=clock()), Work()
        assert {h.value for h in await asyncio.gather(*(tiers.get_or_make(A, work) for _ in range(5)))} == {b"1"}
        assert (await tiers.get_or_make(A, work)).value == b"2"

    run(main())
