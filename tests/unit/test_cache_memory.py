"""The tier in memory."""

from datetime import UTC, datetime

import pytest

from cmo.cache.entry import Entry
from cmo.cache.keys import Key
from cmo.cache.memory import Memory
from cmo.cache.span import Span
from cmo.testing import FakeClock

BORN = datetime(2026, 1, 1, tzinfo=UTC)


class JumpingClock(FakeClock):
    """Its wall clock can be set; the other one goes on."""

    jumped = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(super().now().timestamp() + self.jumped, UTC)


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock(BORN)


def memory(clock: FakeClock, entries: int = 3, size: int = 1_000_000, chance: float = 0.5) -> Memory:
    return Memory(entries=entries, size=size, span=Span(300.0, lambda: chance), clock=clock)


def key(name: str, scope: str = "s") -> Key:
    return Key(scope, name)


def entry(clock: FakeClock, value: bytes = b"v", seconds: float = 1000.0) -> Entry:
    now = clock.now().timestamp()
    return Entry(value, now, now + seconds)


def test_what_was_longest_unused_goes_first(clock: JumpingClock) -> None:
    tier = memory(clock)
    for name in "abc":
        tier.set(key(name), entry(clock))
    tier.get(key("a"))
    tier.set(key("d"), entry(clock))
    assert [name for name in "abcd" if tier.get(key(name))] == ["a", "c", "d"]
    assert tier.statistics().evictions == 1


def test_bytes_are_bounded_too(clock: JumpingClock) -> None:
    tier = memory(clock, entries=100, size=10_000)
    for n in range(50):
        assert tier.set(key(str(n)), entry(clock, b"x" * 1_000))
        held = tier.statistics()
        assert held.bytes is not None
        assert held.bytes <= 10_000
    assert tier.statistics().size == 6
    assert not tier.set(key("huge"), entry(clock, b"x" * 10_000))
    assert tier.statistics().size == 6


def test_replacing_and_clearing_keep_the_count_of_bytes(clock: JumpingClock) -> None:
    tier = memory(clock)
    tier.set(key("a"), entry(clock, b"x" * 500))
    tier.set(key("a"), entry(clock, b"x"))
    small = tier.statistics()
    tier.clear()
    empty = tier.statistics()
    assert (small.size, empty.size, empty.bytes) == (1, 0, 0)
    assert small.bytes is not None
    assert small.bytes < 1_100


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 270.0), (0.5, 300.0), (0.999, 329.9)])
def test_an_entry_stays_for_its_span_give_or_take_a_tenth(clock: JumpingClock, chance: float, seconds: float) -> None:
    tier = memory(clock, chance=chance)
    tier.set(key("a"), entry(clock))
    clock.advance(seconds - 0.5)
    assert tier.get(key("a"))
    clock.advance(1.0)
    assert tier.get(key("a")) is None
    assert tier.statistics().size == 0


def test_an_entry_with_less_time_than_that_goes_earlier(clock: JumpingClock) -> None:
    tier = memory(clock)
    tier.set(key("a"), entry(clock, seconds=30))
    clock.advance(30)
    assert tier.get(key("a")) is None
    assert not tier.set(key("b"), Entry(b"", 0.0, clock.now().timestamp()))


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_clock_that_jumps_costs_a_miss_and_no_stale_answer(clock: JumpingClock, jump: float) -> None:
    tier = memory(clock)
    tier.set(key("a"), entry(clock))
    clock.jumped = jump
    assert tier.get(key("a")) is None
    tier.set(key("b"), entry(clock))
    assert tier.get(key("b"))


def test_a_clock_set_back_a_little_does_not_make_an_entry_stay_longer(clock: JumpingClock) -> None:
    tier = memory(clock)
    tier.set(key("a"), entry(clock))
    clock.advance(200)
    clock.jumped = -150
    assert tier.get(key("a"))
    clock.advance(101)
    assert tier.get(key("a")) is None


def test_a_scope_can_be_dropped_and_so_can_all_others(clock: JumpingClock) -> None:
    tier = memory(clock, entries=9)
    for scope in ("old", "new", "else"):
        tier.set(key(scope + "1", scope), entry(clock))
    tier.drop("old")
    assert [bool(tier.get(key(s + "1", s))) for s in ("old", "new", "else")] == [False, True, True]
    tier.drop("new", others=True)
    assert [bool(tier.get(key(s + "1", s))) for s in ("old", "new", "else")] == [False, True, False]


def test_what_it_did_is_counted(clock: JumpingClock) -> None:
    tier = memory(clock)
    tier.get(key("a"))
    tier.set(key("a"), entry(clock))
    for _ in range(3):
        clock.advance(10)
        tier.get(key("a"))
    told = tier.statistics()
    assert (told.name, told.hits, told.misses, told.hit_rate, told.size, told.age_seconds) == (
        "memory",
        3,
        1,
        0.75,
        1,
        20.0,
    )


def test_with_no_room_nothing_is_kept(clock: JumpingClock) -> None:
    tier = memory(clock, entries=0)
    assert not tier.set(key("a"), entry(clock))
    assert tier.get(key("a")) is None
