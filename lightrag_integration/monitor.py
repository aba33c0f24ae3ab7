"""`ProductionMonitor`: the documented class that watches a program of one's own, and tells people.

::

    @track_metric, hp_system, metrics_endpoints, this machine --every 30 s--> figures --> alerts --> people, `.alerts`

The service itself needs neither: it watches itself (docs/how-to/watch-the-service.md).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self, TypeVar

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cmo.cast.trials import GATHER_SECONDS
from cmo.errors import OracleError, SettingsError
from cmo.kit.clock import Clock, SystemClock
from cmo.kit.machine import Machine
from cmo.model.notices import Notice, Severity
from cmo.notify import Channel, PostOffice, Webhook, channels
from cmo.ops.alerts.rule import Priority, Rule
from cmo.ops.alerts.series import Sample, Series
from cmo.ops.alerts.signals import Condition, Level
from cmo.ops.alerts.watch import Watch
from cmo.settings import Settings, read_settings

log = logging.getLogger("lightrag_integration")

THRESHOLDS: Final = {
    "response_time_ms": 2000.0,
    "error_rate": 0.05,
    "cache_hit_rate": 0.6,
    "cpu_usage_percent": 85.0,
    "memory_usage_percent": 85.0,
}
"""Those of document 002."""
_SHORT: Final = {"cpu": "cpu_usage_percent", "mem": "memory_usage_percent", "memory": "memory_usage_percent"}
_RUNBOOKS: Final = {
    "response_time_ms": "answers-slow", "response_time": "answers-slow", "error_rate": "errors", "cache_hit_rate": "cache",
    "cpu_usage_percent": "cpu", "memory_usage_percent": "memory", "quality_score": "quality",
}  # fmt: skip
_PRIORITIES: Final = {Severity.CRITICAL: Priority.P1, Severity.WARNING: Priority.P3, Severity.INFO: Priority.P3}
EVERY_SECONDS: Final = 30.0
AFTER_ERROR_SECONDS: Final = 10.0
_WINDOW_SECONDS: Final = 300.0
_LEAST: Final = 10
"""Calls below which their mean is no figure."""
_REMEMBERED: Final = 10_000
_MOST_ALERTS: Final = 1_000
_MOST_BYTES: Final = 4_000_000
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class PerformanceAlert:
    """An alert that fired, or was resolved."""

    timestamp: datetime
    alert_type: str
    """The metric."""
    message: str
    severity: str
    """``critical``, ``warning``; ``info`` where it was resolved."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """All figures of that moment."""


class ProductionMonitor:
    """Watches figures of a program, and tells people where they stay beyond limits.

    Args:
        hp_system: a `HighPerformanceClassificationSystem` whose figures are watched.
        alert_thresholds: other limits than `THRESHOLDS`; they hold where there is an `hp_system`, or are given.
        alert_webhooks: addresses that take what Slack takes, beside the channels of the settings.
        metrics_endpoints: addresses that tell metrics as JSON or as Prometheus reads them; each may have alerts.
        config: settings; read from the environment when not given.
        clock: the time.

    Raises:
        SettingsError: an address or a threshold cannot be used.
    """

    def __init__(
        self,
        hp_system: Any = None,
        alert_thresholds: Mapping[str, float] | None = None,
        *,
        alert_webhooks: Sequence[str] = (),
        metrics_endpoints: Sequence[str] = (),
        config: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = config or read_settings()
        self._clock = clock or SystemClock()
        self.hp_system = hp_system
        self.thresholds = {
            **THRESHOLDS,
            **{_SHORT.get(name, name): value for name, value in (alert_thresholds or {}).items()},
        }
        self.alerts: list[PerformanceAlert] = []
        """The last ones, oldest first."""
        self.metrics_endpoints = tuple(metrics_endpoints)
        private = self._settings.webhook_private
        hooks: list[Channel] = [Webhook(url, private=private) for url in alert_webhooks]
        self._post = PostOffice([*hooks, *channels(self._settings, self._clock)], self._clock, gather=GATHER_SECONDS)
        self._machine = Machine(self._clock, seconds=1.0)
        self._tracked: dict[str, deque[tuple[float, float]]] = {}
        self._watches: list[Watch] = []
        self._figures: dict[str, float] = {}
        if hp_system is not None or alert_thresholds is not None:
            for name, limit in self.thresholds.items():
                operator = "less_than" if name == "cache_hit_rate" else "greater_than"
                self.add_alert(metric=name, threshold=limit, severity="warning", operator=operator)

    def track_metric(self, name: str) -> Callable[[F], F]:
        """Measure a function, which may be async: `response_time` in milliseconds, `error_rate`, or a field of its results.

        Such a field is an attribute or an entry of that name, `quality_score` for one. Several may be stacked.
        """

        def decorate(function: F) -> F:
            if inspect.iscoroutinefunction(function):

                @functools.wraps(function)
                async def asked(*args: Any, **kwargs: Any) -> Any:
                    with _Call(self, name) as call:
                        call.result = await function(*args, **kwargs)
                    return call.result

                return asked  # type: ignore[return-value]

            @functools.wraps(function)
            def called(*args: Any, **kwargs: Any) -> Any:
                with _Call(self, name) as call:
                    call.result = function(*args, **kwargs)
                return call.result

            return called  # type: ignore[return-value]

        return decorate

    def add_alert(
        self,
        metric: str,
        threshold: float,
        duration_minutes: float = 0.0,
        severity: str = "warning",
        operator: str = "greater_than",
    ) -> None:
        """Tell people when a figure has been beyond a threshold for so long.

        Raises:
            SettingsError: there is no such severity or operator, or a number is none.
        """
        if operator not in {"greater_than", "less_than"}:
            raise SettingsError(f"There is no operator {operator!r}. There are greater_than and less_than.")
        if severity not in {*Severity}:
            raise SettingsError(f"There is no severity {severity!r}. There are {', '.join(Severity)}.")
        if not math.isfinite(threshold) or not 0 <= duration_minutes < math.inf:
            raise SettingsError(f"An alert on {metric} needs a finite threshold and a duration of 0 minutes or more.")
        below, level = operator == "less_than", Severity(severity)
        side = "below" if below else "above"
        rule = Rule(
            metric, _RUNBOOKS.get(metric, ""), _PRIORITIES[level], level,
            (Condition(Level(_level(metric)), threshold, below=below),), duration_minutes,
            f"{metric} is {side} {threshold:g}.", "add_alert", "",
        )  # fmt: skip
        self._watches.append(Watch([rule], self, self._clock))

    async def monitor_loop(self) -> None:
        """Look every thirty seconds, until it is cancelled; ten seconds after a look that failed."""
        while True:
            try:
                await self.check()
                pause = EVERY_SECONDS
            except (OracleError, httpx.HTTPError, OSError, ValueError, LookupError) as error:
                log.warning("the monitor could not look: %s", type(error).__name__)
                pause = AFTER_ERROR_SECONDS
            await asyncio.sleep(pause)

    async def check(self) -> dict[str, float]:
        """Look once; the figures."""
        figures = {**self._of_machine(), **self._of_calls()}
        if self.hp_system is not None:
            figures |= _of_system(await asyncio.to_thread(self.hp_system.get_comprehensive_performance_stats))
        for address in self.metrics_endpoints:
            figures |= await asyncio.to_thread(_told, address)
        self._figures = figures
        samples = [Sample(_level(name).name, frozenset(), value) for name, value in figures.items()]
        for watch in self._watches:
            watch.look(samples)
        return figures

    def tell(self, notice: Notice) -> bool:
        """Take an alert on its way to people, and remember it."""
        name = notice.about.split("/")[1]
        at, figures = self._clock.now(), dict(self._figures)
        self.alerts.append(PerformanceAlert(at, name, notice.title, notice.severity.value, figures))
        del self.alerts[:-_MOST_ALERTS]
        return self._post.tell(notice)

    def observe(self, name: str, value: float) -> None:
        """Take one measurement; `track_metric` does."""
        if math.isfinite(value):
            self._tracked.setdefault(name, deque(maxlen=_REMEMBERED)).append((self._clock.monotonic(), value))

    async def close(self) -> None:
        """Send what waits."""
        await asyncio.to_thread(self._post.close)

    def _of_calls(self) -> dict[str, float]:
        since = self._clock.monotonic() - _WINDOW_SECONDS
        found = {name: [value for at, value in list(rows) if at >= since] for name, rows in self._tracked.items()}
        return {name: sum(values) / len(values) for name, values in found.items() if len(values) >= _LEAST}

    def _of_machine(self) -> dict[str, float]:
        usage = self._machine.usage()
        found = {"cpu_usage_percent": usage.cpu_percent, "memory_usage_percent": usage.memory_percent}
        return {name: value for name, value in found.items() if value is not None}


class _Call:
    """One call of a function that is measured."""

    def __init__(self, monitor: ProductionMonitor, name: str) -> None:
        self._monitor = monitor
        self._name = name
        self._began = 0.0
        self.result: Any = None

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, asyncio.CancelledError):
            return
        if self._name == "error_rate":
            self._monitor.observe(self._name, float(error is not None))
        elif self._name == "response_time":
            self._monitor.observe(self._name, 1000 * (time.perf_counter() - self._began))
        elif error is None:
            result = self.result
            value = result.get(self._name) if isinstance(result, Mapping) else getattr(result, self._name, None)
            if isinstance(value, int | float):
                self._monitor.observe(self._name, float(value))


def _numbers(facts: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, float]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{within}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{within}{name}", float(value)


def _level(metric: str) -> Series:
    """A figure as it stands: what is called ``_total`` elsewhere is not taken for a counter of ours."""
    return Series(f"{metric}:now")


def _of_system(stats: Mapping[str, Any]) -> dict[str, float]:
    """What a classification system tells, by the names of the thresholds; nothing of questions before there were enough."""
    if stats["response_times"]["window"] < _LEAST:
        return {}
    return {
        "response_time_ms": float(stats["response_times"]["avg_ms"]),
        "error_rate": 1.0 - float(stats["requests"]["success_rate"]),
        "cache_hit_rate": float(stats["cache"]["overall"]["hit_rate"]),
    }


def _told(address: str) -> dict[str, float]:
    """Numbers that an address tells: those of JSON, such as ``requests.p95_ms``, or sums over labels for Prometheus."""
    body = bytearray()
    with httpx.stream("GET", address, timeout=5.0) as reply:
        reply.raise_for_status()
        for part in reply.iter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise ValueError("metrics without end")
        if "json" in reply.headers.get("content-type", ""):
            facts = json.loads(body)
            if not isinstance(facts, dict):
                raise ValueError("metrics that have no names")
            return dict(_numbers(facts))
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(body.decode("utf-8")):
        for sample in family.samples:
            if not sample.name.endswith("_bucket") and math.isfinite(sample.value):
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


__all__ = ["THRESHOLDS", "PerformanceAlert", "ProductionMonitor"]
