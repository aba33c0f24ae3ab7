"""The third tier: Redis or Valkey, shared by machines."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cmo.cache.entry import Entry, pack, unpack
from cmo.cache.keys import Key
from cmo.cache.loops import PerLoop
from cmo.cache.span import Span
from cmo.cache.tier import Held
from cmo.errors import SettingsError
from cmo.kit.clock import Clock

try:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ImportError as error:
    raise SettingsError(
        "A shared cache needs the redis package: pip install 'clinical-metabolomics-oracle[redis]'."
    ) from error

CONNECTIONS: Final = 80
"""More than `Lenient` lets through at once."""
_CONNECT_SECONDS = 0.5
_CLEAR_SECONDS = 5.0
_BATCH = 500


class Shared:
    """Entries in a Redis, each under ``PREFIX:SCOPE:DIGEST``; Redis itself lets them go when their time is over.

    Bound it there: ``maxmemory`` with ``maxmemory-policy allkeys-lru``.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        prefix: of all keys; clearing touches no others.
        span: how long it keeps an entry.
        clock: wall time.
        compress: whether to send compressed what that makes smaller.
    """

    name = "shared"
    errors = (RedisError, OSError)

    def __init__(self, url: str, *, prefix: str, span: Span, clock: Clock, compress: bool) -> None:
        self._prefix = prefix
        self._span = span
        self._clock = clock
        self._compress = compress
        client_of(url)  # an address that cannot be one is said at once
        self._clients: PerLoop[Redis] = PerLoop(lambda: client_of(url))

    async def get(self, key: Key) -> Entry | None:
        """What is kept under a key."""
        data = await self._clients.here().get(self._place(key))
        return unpack(key, data) if isinstance(data, bytes) else None

    async def set(self, key: Key, entry: Entry) -> bool:
        """Keep an entry; whether there was room."""
        now = self._clock.now().timestamp()
        until = min(entry.until, now + self._span.drawn())
        if (left := int((until - now) * 1000)) <= 0:
            return False
        data = pack(key, replace(entry, until=until), compress=self._compress)
        return bool(await self._clients.here().set(self._place(key), data, px=left))

    async def remove(self, key: Key) -> None:
        """Forget one."""
        await self._clients.here().unlink(self._place(key))

    async def drop(self, scope: str, *, others: bool) -> None:
        """Forget what was kept in a scope. Of others nothing is known here: other machines may be using them."""
        if not others:
            await self._remove_all(f"{self._prefix}:{scope}:*")

    async def clear(self) -> None:
        """Forget everything."""
        await self._remove_all(f"{self._prefix}:*")

    async def discard(self) -> None:
        """The same."""
        await self.clear()

    def held(self) -> Held:
        """Not known without asking."""
        return Held()

    async def aclose(self) -> None:
        """Close the connections of this loop."""
        if (client := self._clients.pop()) is not None:
            await client.aclose()

    def _place(self, key: Key) -> str:
        return f"{self._prefix}:{key.scope}:{key.digest}"

    async def _remove_all(self, pattern: str) -> None:
        client = self._clients.here()
        found: list[bytes] = []
        async for name in client.scan_iter(match=pattern, count=_BATCH):
            found.append(name)
            if len(found) >= _BATCH:
                await client.unlink(*found)
                found.clear()
        if found:
            await client.unlink(*found)


def client_of(url: str) -> Redis:
    """A client, which connects when it is first used.

    Raises:
        SettingsError: that is no address.
    """
    try:
        return Redis.from_url(
            url,
            max_connections=CONNECTIONS,
            socket_timeout=_CLEAR_SECONDS,  # an entry is not waited for so long: see `Lenient`
            socket_connect_timeout=_CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise SettingsError("CMO_REDIS_URL is no address of a Redis, such as redis://127.0.0.1:6379/0.") from error
