"""Observation of a service: counts, what the parts tell, the other workers, the last minutes; asked at /metrics.

::

    Boundary, questions --> Watch --> Counts <--read every five seconds-- Readings, health
                                        '--every second--> Exchange <--> other workers
                                                             '--asked--> Prometheus, /api/metrics, History
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import anyio
from anyio import to_thread

import cmo
from cmo.app import App
from cmo.ops import catalogue as c
from cmo.ops import metrics
from cmo.ops.alerts.rules import WATCHED
from cmo.ops.alerts.series import samples
from cmo.ops.alerts.silences import Silences
from cmo.ops.alerts.watch import Watch as Alarm
from cmo.ops.counts import Counts, State
from cmo.ops.exchange import Exchange
from cmo.ops.health import worth
from cmo.ops.history import EVERY_SECONDS, History
from cmo.ops.logs import RequestLog
from cmo.ops.summary import summary
from cmo.ops.watch import Hear, Listener, Watch
from cmo.web.desk import Desk
from cmo.web.readings import Readings

log = logging.getLogger("cmo.ops")

PUBLISH_SECONDS: Final = 1.0


class Observing:
    """One for each worker.

    Args:
        desk: of the service's own house.
        run: folder of this run of the service, shared by its workers; None where there is but one.
    """

    def __init__(self, desk: Desk, run: Path | None = None) -> None:
        house, settings = desk.house, desk.house.settings
        self.counts = Counts()
        self._desk = desk
        self._house: App = house
        self._exchange = Exchange(run, self.counts)
        self._history = History()
        self._readings = Readings(desk, self.counts, lambda: self._exchange.number)
        lines, hear = RequestLog(settings.performance_log_level, settings.slow_seconds), list[Hear]()
        self._exporter: Any = None
        if settings.otlp_url:
            from cmo.ops.traces import Exporter  # noqa: PLC0415 - an extra

            self._exporter = Exporter(
                settings.otlp_url, settings.trace_share, cmo.__version__, worker=lambda: self._exchange.number
            )
            hear.append(self._exporter)
        self.watch = Watch(
            self.counts,
            house.clock,
            settings.engine,
            [lines, *hear] if lines.all else hear,
            remark=() if lines.all else (lines,),
            slow=settings.slow_seconds,
            log_questions=settings.log_questions,
        )
        self.watching = self.watch if settings.metrics or settings.log_questions else None
        """Who is told of questions; None where nobody wants to know."""
        self._alarm = Alarm(WATCHED, house.trials.notifier, house.clock, Silences(house.folder, house.clock).silenced)
        self.counts.add(c.TENANTS_CROSSED, amount=0.0)  # Prometheus sees no rise from nothing to one
        self._looking = anyio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def listener(self) -> Listener | None:
        """Who is told of requests; None where nobody wants to know."""
        return self.watch if self._house.settings.metrics else None

    def crossed(self) -> None:
        """A request came to the base of another tenant, and was refused."""
        self.counts.add(c.TENANTS_CROSSED)

    async def start(self) -> None:
        """Begin to look around."""
        if self._house.settings.metrics:
            await to_thread.run_sync(self._exchange.open)
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Leave what was counted to the other workers, and send what traces there are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            await to_thread.run_sync(self._exchange.close)
        if self._exporter is not None:
            await to_thread.run_sync(self._exporter.close)

    async def told(self, accept: str) -> tuple[bytes, str]:
        """All metrics of all workers, and their media type."""
        began = perf_counter()
        async with self._looking:
            state, _ = await to_thread.run_sync(self._looked_around)
        told = await to_thread.run_sync(metrics.told, state, accept)
        self.counts.observe(c.TELLING, perf_counter() - began)
        return told

    async def facts(self) -> dict[str, Any]:
        """What the operations page shows, with the fields of document 004."""
        async with self._looking:
            state, workers = await to_thread.run_sync(self._looked_around)
        return {
            **summary(state),
            "workers": workers,
            "requests_per_second": round(self._history.rate(), 3),
            "error_rate": round(self._history.error_rate(), 5),
            "history": {"every_seconds": EVERY_SECONDS, "series": self._history.series()},
        }

    async def _run(self) -> None:
        """Every second tell the others; every five look around. Nothing that fails here ends it."""
        clock, looked = self._house.clock, float("-inf")
        while True:
            due = clock.monotonic() + PUBLISH_SECONDS
            try:
                if clock.monotonic() - looked >= EVERY_SECONDS:
                    looked = clock.monotonic()
                    async with self._looking:
                        state, _ = await to_thread.run_sync(self._looked_around)
                    if self._desk.fault is not None:
                        await self._desk.warm()  # nobody is sent here to find out that it would work by now
                    self._history.add(clock.monotonic(), state)
                    self.counts.set(c.ERROR_RATE, self._history.error_rate())
                    if self._house.settings.alerts and self._exchange.number == 0:  # one of the workers tells people
                        await to_thread.run_sync(self._judge, state)
                else:
                    await to_thread.run_sync(self._publish)
            except Exception:  # a background loop goes on
                log.exception("the metrics cannot be told to the other workers")
            await asyncio.sleep(max(0.0, due - clock.monotonic()))
            self.counts.observe(c.LAG, max(0.0, clock.monotonic() - due))

    def _judge(self, state: State) -> None:
        """Tell people of what is wrong."""
        self._alarm.look(samples(state))
        self.counts.forget(c.ALERTS)
        for one in self._alarm.firing():
            self.counts.set(c.ALERTS, 1.0, one.rule.name)

    def _publish(self) -> None:
        self.watch.fold()
        self._exchange.publish()

    def _looked_around(self) -> tuple[State, int]:
        """What all workers counted, this one after a look at its parts, and how many there are."""
        self.watch.fold()
        self.watch.show()
        self._readings.read()
        self._examine()
        state, workers = self._exchange.gathered()
        state.numbers[c.WORKERS_UP.name, ()] = float(workers)
        return state, workers

    def _examine(self) -> None:
        for name, part in self._desk.health.examined().parts.items():
            self.counts.set(c.HEALTH, worth(part.grade), name)
        self.counts.set(c.UP, float(not self._desk.unready()))
