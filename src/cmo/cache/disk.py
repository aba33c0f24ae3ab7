"""The second tier: a file on this machine, shared by its processes, which outlives them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from cmo.cache.entry import Entry, pack, unpack
from cmo.cache.file import CacheFile
from cmo.cache.keys import Key
from cmo.cache.span import Span
from cmo.cache.tier import Held
from cmo.kit.clock import Clock

T = TypeVar("T")


class Disk:
    """Entries in a `CacheFile`, which a thread of its own works on, so that the event loop never waits for the disk.

    Args:
        file: the file.
        span: how long it keeps an entry.
        clock: wall time.
        compress: whether to store compressed what that makes smaller: a tenth to a third, for half a millisecond.
    """

    name = "disk"
    errors = (sqlite3.Error, OSError)

    def __init__(self, file: CacheFile, *, span: Span, clock: Clock, compress: bool) -> None:
        self._file = file
        self._span = span
        self._clock = clock
        self._compress = compress
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cmo-cache")

    async def get(self, key: Key) -> Entry | None:
        """What is kept under a key."""
        return await self._run(lambda: self._get(key))

    async def set(self, key: Key, entry: Entry) -> bool:
        """Keep an entry; whether there was room."""
        until = min(entry.until, self._clock.now().timestamp() + self._span.drawn())
        return await self._run(lambda: self._set(key, replace(entry, until=until)))

    async def remove(self, key: Key) -> None:
        """Forget one."""
        await self._run(lambda: self._file.remove(key.digest))

    async def drop(self, scope: str, *, others: bool) -> None:
        """Forget what was kept in a scope, or in all others."""
        await self._run(lambda: self._file.drop(scope, others=others))

    async def clear(self) -> None:
        """Forget everything."""
        await self._run(self._file.clear)

    async def discard(self) -> None:
        """Forget everything, whatever the state of the file."""
        await self._run(self._file.throw_away)

    def held(self) -> Held:
        """What it held after the last change that was made here."""
        totals = self._file.totals
        return Held(totals.entries, totals.bytes, self._file.limit, self._file.evicted)

    def look(self) -> Held:
        """The same as it is now, outside of a loop; nothing is made for it."""
        if self._file.path.exists():
            with suppress(*self.errors):
                self._thread.submit(self._file.count).result()
        return self.held()

    async def aclose(self) -> None:
        """Give the file back; it is opened again should it be needed."""
        await self._run(self._file.close)

    def keep_only(self, scope: str) -> bool:
        """Forget all that was kept in other scopes, outside of a loop; whether that was done."""
        if not self._file.path.exists():
            return True
        try:
            self._thread.submit(self._file.drop, scope, others=True).result()
        except self.errors:
            return False
        return True

    def close(self) -> None:
        """Give the file back, outside of a loop."""
        self._thread.submit(self._file.close).result()

    def _get(self, key: Key) -> Entry | None:
        data = self._file.get(key.digest)
        return None if data is None else unpack(key, data)

    def _set(self, key: Key, entry: Entry) -> bool:
        return self._file.put(key.digest, key.scope, pack(key, entry, compress=self._compress))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
