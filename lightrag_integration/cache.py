"""`ResponseCache`: the documented class over the tiers of the house. What it keeps is JSON, never code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from cmo.cache import Basis, CacheFile, Disk, Era, Lenient, Memory, Span, Statistics, Tiers, key_of
from cmo.cache.keys import Key
from cmo.cast.keeping import Keeping
from cmo.errors import SettingsError
from cmo.index.edition import Edition, Editions
from cmo.index.shelf import Shelf
from cmo.kit.clock import SystemClock
from cmo.settings import Settings, read_settings
from cmo.stories.recall import DOUBTFUL, DOUBTFUL_SECONDS
from lightrag_integration.rag import RAGResponse

BACKENDS: Final = ("memory", "redis", "database")
_MEMORY_BYTES: Final = 256_000_000
_DISK_BYTES: Final = 1_000_000_000
_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """Where responses are kept, how many, and for how long.

    Raises:
        SettingsError: a value cannot be used.
    """

    backend: str = "redis"
    """`memory`: this process; `redis`: Redis or Valkey; `database`: a SQLite file that the processes of a machine share."""
    ttl_seconds: float = 3600
    max_entries: int = 10_000
    """Redis is bounded by its own `maxmemory`."""
    compression: bool = True
    """Of what leaves the process."""
    redis_url: str = ""
    """Where not `CMO_REDIS_URL`, `REDIS_URL` or `REDIS_HOST` say; this machine without any."""
    path: Path | None = None
    """Of the file; beside the knowledge base where none is given."""
    namespace: str = ""
    """What is kept under one is never found under another: a tenant, a variant."""

    def __post_init__(self) -> None:
        """Refuse what cannot be used."""
        if self.backend not in BACKENDS:
            raise SettingsError(f"There is no cache backend {self.backend!r}. There are: {', '.join(BACKENDS)}.")
        if self.ttl_seconds <= 0 or self.max_entries < 1:
            raise SettingsError("A cache keeps something for a time: ttl_seconds and max_entries must be more than 0.")


class ResponseCache:
    """Responses by question. It never fails who asks: a backend that is gone, slow, full or damaged is a miss.

    A response is found again while the knowledge base is what it was: after papers are added, replaced or retracted
    nothing that was kept before is. Questions that differ in spacing, politeness or the final mark are one.

    Args:
        config: where, how many, how long.
        settings: of the knowledge base; read from the environment when not given.
    """

    def __init__(self, config: CacheConfig | None = None, *, settings: Settings | None = None) -> None:
        self.config = config or CacheConfig()
        settings = settings or read_settings()
        folder = settings.working_dir.expanduser()
        self._clock = SystemClock()
        self._editions = Editions(Shelf(folder / "index"))
        self._era = Era(folder / "cache" / "responses.era")
        self._tiers = self._opened(settings, folder)

    async def get(self, query: str) -> Any:
        """The response that was set for a question, equal to what it was; None if there is none."""
        key = self._key(query, self._editions.now())
        hit = await self._tiers.get(key) if key else None
        return None if hit is None else _decoded(hit.value)

    async def set(self, query: str, response: Any) -> bool:
        """Keep a response; whether it was kept.

        A refusal, or an answer of which the papers are not sure, stays for half a minute. One that rests on papers as
        they are no more is not kept.

        Raises:
            TypeError: the response is neither what `query` returns nor JSON.
        """
        edition = self._editions.now()
        value, key = _encoded(response), self._key(query, edition)
        rests_on = getattr(response, "snapshot", "")
        if key is None or (rests_on and (edition is None or rests_on != edition.id)):
            return False
        return await self._tiers.set(key, value, seconds=_worth(response, self.config.ttl_seconds))

    async def clear_all(self) -> dict[str, bool]:
        """Forget everything; says of each place whether it did."""
        return await self._tiers.clear_all()

    async def emergency_clear(self) -> dict[str, bool]:
        """The same at once, whatever state the backend is in: what cannot be removed is never found again."""
        return await self._tiers.emergency_clear()

    def statistics(self) -> Statistics:
        """Hits, misses, sizes and errors so far."""
        return self._tiers.statistics()

    async def aclose(self) -> None:
        """Give back what is open in this event loop."""
        await self._tiers.aclose()

    def _key(self, query: str, edition: Edition | None) -> Key | None:
        snapshot = edition.digest if edition else ""
        return key_of(query, Basis(snapshot, self.config.namespace, era=self._era.now()))

    def _opened(self, settings: Settings, folder: Path) -> Tiers:
        config, clock, span = self.config, self._clock, Span(self.config.ttl_seconds)
        here = config.backend == "memory"
        memory = Memory(entries=config.max_entries if here else 0, size=_MEMORY_BYTES, span=span, clock=clock)
        below = []
        if config.backend == "database":
            file = CacheFile(config.path or folder / "cache" / "responses.sqlite3", _DISK_BYTES, config.max_entries)
            disk = Disk(file, span=span, clock=clock, compress=config.compression)
            below.append(Lenient(disk, seconds=_SECONDS, clock=clock))
        if config.backend == "redis":
            from cmo.cache.shared import Shared  # noqa: PLC0415 - redis is an extra

            keeping = Keeping(settings, folder, self._editions, tuple, clock)
            url = config.redis_url or keeping.redis_url or "redis://127.0.0.1:6379/0"
            shared = Shared(url, prefix="cmo:responses", span=span, clock=clock, compress=config.compression)
            below.append(Lenient(shared, seconds=_SECONDS, clock=clock))
        return Tiers(memory, below, clock=clock, disown=self._era.renew)


def _worth(response: Any, seconds: float) -> float:
    sure = getattr(response, "answered", True) and getattr(response, "confidence", 1.0) >= DOUBTFUL
    return seconds if sure else min(seconds, DOUBTFUL_SECONDS)


def _encoded(response: Any) -> bytes:
    about = None
    if isinstance(response, RAGResponse):
        about = {name: getattr(response, name) for name in RAGResponse.__slots__ if hasattr(response, name)}
        response = str(response)
    try:
        return orjson.dumps({"response": response, "about": about})
    except TypeError as error:
        kind = type(response).__name__
        raise TypeError(f"A {kind} cannot be kept: set what `query` returns, or what JSON can hold.") from error


def _decoded(value: bytes) -> Any:
    kept = orjson.loads(value)
    if kept["about"] is None:
        return kept["response"]
    response = RAGResponse(kept["response"])
    for name, fact in kept["about"].items():
        setattr(response, name, fact)
    return response
