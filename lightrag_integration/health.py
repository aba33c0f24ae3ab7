"""Health, by the documented names: a dictionary for containers, an object for programs.

::

    service running? --asked at /health--> its parts
            '--not--> the base is looked at here
    this machine, Redis, graphics cards -------------> checks, metrics --> healthy | degraded | unhealthy
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from cmo.errors import OracleError
from cmo.kit.clock import SystemClock
from cmo.kit.machine import Machine
from cmo.ops.cards import Cards
from cmo.ops.health import Grade, Health, Part, Ping, Report, degraded, healthy, unhealthy
from cmo.settings import Settings, read_settings

MOST_MEMORY: Final = 90.0
"""Percent of the memory, of the machine or of a graphics card, beyond which it is degraded."""
_SECONDS: Final = 5.0
_LOADING_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """How everything is."""

    is_healthy: bool
    """Whether questions can be answered; also where something is degraded."""
    component_status: Mapping[str, str]
    """``healthy``, ``degraded`` or ``unhealthy``, by part."""
    timestamp: datetime
    details: Mapping[str, str]
    """What there is to say of each part."""
    status: str
    """The worst of them."""


class HealthChecker:
    """Looks at a knowledge base and all that answers depend on; loads the model.

    Args:
        config: settings; read from the environment when not given.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self._config = config

    async def comprehensive_health_check(self) -> HealthStatus:
        """Of all parts."""
        return await asyncio.to_thread(self._checked, ())

    async def check_lightrag_health(self) -> HealthStatus:
        """Of those that answer from the papers."""
        from cmo.web.pings import ENGINE  # noqa: PLC0415 - see `_of_base`

        return await asyncio.to_thread(self._checked, ENGINE)

    def _checked(self, names: Collection[str]) -> HealthStatus:
        settings = self._config or read_settings()
        report = _of_base(settings, names, loading=True)
        return HealthStatus(
            report.grade is not Grade.UNHEALTHY,
            {name: part.grade.value for name, part in report.parts.items()},
            SystemClock().now(),
            {name: part.detail for name, part in report.parts.items()},
            report.grade.value,
        )


def health_check(config: Settings | None = None, *, service: bool | None = None) -> dict[str, Any]:
    """How the service, its base and this machine are: ``status``, ``checks`` and ``metrics``.

    Called by ``python -c``, as a container does, it ends the program with 1 where all is not well enough to answer.

    Args:
        config: settings; read from the environment when not given.
        service: whether the service at CMO_HOST and CMO_PORT must answer; by default for ``python -c`` alone.
    """
    called = sys.argv[0] == "-c"
    facts = _looked(config, required=called if service is None else service)
    if called and facts["status"] == Grade.UNHEALTHY.value:
        raise SystemExit(1)
    return facts


def readiness_check(config: Settings | None = None) -> bool:
    """Whether questions can be answered."""
    return bool(_looked(config, required=False)["status"] != Grade.UNHEALTHY.value)


def _looked(config: Settings | None, *, required: bool) -> dict[str, Any]:
    clock = SystemClock()
    try:
        settings = config or read_settings()
    except OracleError as error:
        return _told(Report({"settings": unhealthy(str(error))}), {}, clock.now())
    usage, cards = Machine(clock, 0.0).usage(), Cards(clock).seen()
    shares = [100 * card.taken / card.size for card in cards if card.size]
    parts: dict[str, Part] = {
        "system": _full("Memory", usage.memory_percent),
        "redis": _redis(settings),
        "gpu": _full("The card's memory", max(shares, default=None)) if cards else healthy("none is there"),
        "qdrant": healthy("not used: vectors are searched in this process"),
        **_service(settings, required=required),
    }
    metrics = {
        "cpu_percent": usage.cpu_percent,
        "memory_percent": usage.memory_percent,
        "gpu_memory_percent": round(max(shares), 2) if shares else None,
    }
    return _told(Report(parts), metrics, clock.now())


def _told(report: Report, metrics: Mapping[str, float | None], at: datetime) -> dict[str, Any]:
    return {
        "status": report.grade.value,
        "checks": {name: {"status": p.grade.value, "detail": p.detail} for name, p in report.parts.items()},
        "metrics": dict(metrics),
        "timestamp": at.isoformat(),
    }


def _service(settings: Settings, *, required: bool) -> dict[str, Part]:
    """What the running service says of itself; where none must run, how the base is."""
    host = "127.0.0.1" if settings.host in {"", "0.0.0.0"} else settings.host  # noqa: S104 - asked, not listened at
    scheme = "https" if settings.tls_certificate else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}/health"
    try:
        reply = httpx.get(url, timeout=_SECONDS, verify=False)  # noqa: S501 - it is this machine's own, whatever name its certificate has
        grade = Grade(reply.json()["status"])
    except httpx.ConnectError:
        if not required:
            return dict(_of_base(settings, ("record", "index"), loading=False).parts)
        return {"service": unhealthy(f"Nothing answers at {url}. Start it with `cmo serve`, or set CMO_PORT.")}
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return {"service": unhealthy(f"What answers at {url} says nothing of its health: {type(error).__name__}.")}
    return {"service": Part(grade, f"at {url}")}


def _of_base(settings: Settings, names: Collection[str], *, loading: bool) -> Report:
    from cmo.app import opened  # noqa: PLC0415 - a container asks every half minute, and the service answers it
    from cmo.web.pings import pings  # noqa: PLC0415

    try:
        with opened(settings) as house:
            wanted = [p for p in pings(house, lambda: None, lambda: loading) if not names or p.name in names]
            health = Health(wanted, _LOADING_SECONDS)
            report = health.examined()
            health.close()
            return report
    except OracleError as error:
        return Report({"record": unhealthy(str(error))})


def _redis(settings: Settings) -> Part:
    """Whether the shared cache answers; without it answers are made anew."""
    by_host = f"redis://{settings.redis_host}:{settings.redis_port}/0" if settings.redis_host else ""
    if not (url := settings.redis_url.get_secret_value() or by_host):
        return healthy("not set")

    def ping() -> Part:
        from redis import Redis, RedisError  # noqa: PLC0415 - an extra

        try:
            with Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
                client.ping()
        except RedisError as error:
            return degraded(f"It does not answer ({type(error).__name__}); answers are kept on this machine alone.")
        return healthy("answers")

    return Health([Ping("redis", ping)]).examined().parts["redis"]


def _full(what: str, percent: float | None) -> Part:
    if percent is None:
        return healthy("this system does not tell")
    said = f"{what} is taken to {percent:.0f} %"
    return (
        degraded(f"{said}; run fewer workers, or keep less in memory (CMO_CACHE_MEGABYTES).")
        if percent > MOST_MEMORY
        else healthy(said)
    )
