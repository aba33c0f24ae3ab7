"""Metrics of a program of one's own, by the names of document 003: decorate what answers, tell Prometheus the rest.

::

    @track_query_metrics("search")         docmind_queries_total, docmind_query_duration_seconds, docmind_active_queries
    track_cache_metrics("memory", hit)     docmind_cache_hits_total, docmind_cache_misses_total
    update_system_metrics()                docmind_cpu_usage_percent, docmind_memory_usage_bytes, docmind_gpu_memory_bytes
    get_metrics()                          all of them, as text for Prometheus

The service itself needs none of it: it counts under names of its own (docs/explanation/observing.md), and rules for
Prometheus give them these names as well.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

import cmo
from cmo.kit.clock import SystemClock
from cmo.kit.machine import Machine
from cmo.ops.cards import Cards

F = TypeVar("F", bound=Callable[..., Any])
BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MOST_TYPES: Final = 50
"""Of queries and of caches, each; what comes after is counted as ``other``."""

REGISTRY: Final = CollectorRegistry()
"""Holds them, apart from whatever else a program tells."""
QUERIES: Final = Counter("docmind_queries_total", "Queries.", ["query_type", "status"], registry=REGISTRY)
DURATION: Final = Histogram(
    "docmind_query_duration_seconds", "What a query took.", ["query_type"], buckets=BUCKETS, registry=REGISTRY
)
ACTIVE: Final = Gauge("docmind_active_queries", "Queries under way.", registry=REGISTRY)
CPU: Final = Gauge("docmind_cpu_usage_percent", "Of all cores, busy.", registry=REGISTRY)
MEMORY: Final = Gauge("docmind_memory_usage_bytes", "That this process holds.", registry=REGISTRY)
GPU: Final = Gauge("docmind_gpu_memory_bytes", "Taken on a graphics card.", ["device"], registry=REGISTRY)
HITS: Final = Counter("docmind_cache_hits_total", "Found in a cache.", ["cache_type"], registry=REGISTRY)
MISSES: Final = Counter("docmind_cache_misses_total", "Not found there.", ["cache_type"], registry=REGISTRY)
MODEL: Final = Info("docmind_model", "What answers.", registry=REGISTRY)
MODEL.info({"name": "cmo", "version": cmo.__version__})

_CLOCK: Final = SystemClock()
_MACHINE: Final = Machine(_CLOCK, 0.5)
_CARDS: Final = Cards(_CLOCK)
_KNOWN: Final[dict[str, set[str]]] = {"query": set(), "cache": set()}
_LOCK: Final = threading.Lock()


def track_query_metrics(query_type: str) -> Callable[[F], F]:
    """Count and time each call of a function, which may be async; one that raises counts as an error."""

    def decorate(function: F) -> F:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def asked(*args: Any, **kwargs: Any) -> Any:
                with _tracked(query_type):
                    return await function(*args, **kwargs)

        else:

            @functools.wraps(function)
            def asked(*args: Any, **kwargs: Any) -> Any:
                with _tracked(query_type):
                    return function(*args, **kwargs)

        return asked  # type: ignore[return-value]

    return decorate


def track_cache_metrics(cache_type: str, hit: bool) -> None:
    """Count a look into a cache."""
    (HITS if hit else MISSES).labels(_known("cache", cache_type)).inc()


def update_system_metrics() -> None:
    """Look at this machine and this process."""
    usage = _MACHINE.usage()
    if usage.cpu_percent is not None:
        CPU.set(usage.cpu_percent)
    if usage.memory_bytes is not None:
        MEMORY.set(usage.memory_bytes)
    for card in _CARDS.seen():
        GPU.labels(card.index).set(card.taken)


def get_metrics() -> bytes:
    """All of them, as Prometheus reads them."""
    update_system_metrics()
    return generate_latest(REGISTRY)


@contextmanager
def _tracked(query_type: str) -> Iterator[None]:
    kind, began, status = _known("query", query_type), time.perf_counter(), "error"
    ACTIVE.inc()
    try:
        yield
        status = "success"
    finally:
        ACTIVE.dec()
        QUERIES.labels(kind, status).inc()
        DURATION.labels(kind).observe(time.perf_counter() - began)


def _known(of: str, name: str) -> str:
    with _LOCK:
        names = _KNOWN[of]
        if name not in names and len(names) < MOST_TYPES:
            names.add(name)
        return name if name in names else "other"
