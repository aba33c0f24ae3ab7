"""The part of the cast list for what a service does by itself: webhooks are sent, and what is old is deleted each day.

::

    workers of all machines --lease--> one of them goes round: each tenant's base --> webhooks that are due
                                                                  '--once a day--> what is kept too long, the audit

Whoever dies loses the lease, and another worker goes round. A base that cannot be used costs the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from cmo.access.trail import audited
from cmo.cast.tenants import lodged, lodgers
from cmo.errors import OracleError
from cmo.kit.clock import Clock
from cmo.kit.seal import Seal
from cmo.model.webhooks import Standing
from cmo.settings import Settings
from cmo.stories.privacy import tidy

if TYPE_CHECKING:
    from cmo.notify import Courier
    from cmo.store.record import Record

log = logging.getLogger("cmo.rounds")

LEASE: Final = "rounds"
LEASE_SECONDS: Final = 15.0
EVERY_SECONDS: Final = 1.0
DAY_SECONDS: Final = 86_400.0
DELIVERY_DAYS: Final = 30.0
"""For which it is kept what became of a delivery."""
_LOOK_SECONDS: Final = 10.0
"""Between looks for tenants that came, and counts of what waits."""
_AGAIN_SECONDS: Final = 600.0
"""Before what could not be tidied is tried again."""
_END_SECONDS: Final = 5.0
"""For which the end waits for what is under way, such as a name that nobody answers for."""
_OWN: Final = "the service's own base"


def kept_days(settings: Settings) -> dict[str, float]:
    """For how many days each kind of record is kept; 0 is for good."""
    return {
        "answers": settings.audit_days or 1e-9,  # with 0 none are kept, also of those from before
        "exposures": settings.exposure_days,
        "spending": settings.spending_days,
        "deliveries": DELIVERY_DAYS,
    }


@dataclass(slots=True)
class Done:
    """What this process did on its rounds."""

    sent: Counter[str] = field(default_factory=Counter)
    """Attempts to deliver, by what came of them."""
    stand: Standing | None = None
    """How webhooks stand and what waits for them, of all tenants; None where another process goes round."""
    deleted: Counter[str] = field(default_factory=Counter)
    """Rows that were old, by kind."""
    tidied_at: float | None = None
    """Seconds since 1970 of when all bases were tidied last, or of when this process began to go round; None as above."""
    audit_faults: int | None = None
    """Bases whose audit does not hold; None as above."""


class Rounds:
    """Goes round while it has the lease. Cheap to make.

    Args:
        settings: of the service.
        clock: both clocks.
        seal: of what is kept in the bases.
        front: the record of the service's own base; None where there is none yet.
    """

    def __init__(self, settings: Settings, clock: Clock, seal: Seal, front: Callable[[], Record | None]) -> None:
        self._settings = settings
        self._clock = clock
        self._seal = seal
        self._front = front
        self._holder = f"rounds-{uuid4().hex[:12]}"
        self._until = self._look_at = self._tidy_at = float("-inf")
        self._lodged: dict[str, Record] = {}
        self._failing: set[tuple[str, str]] = set()
        """Where, and what is not done there."""
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._wake: Callable[[], object] = self._stop.set
        self.done = Done()

    def start(self) -> None:
        """Go round from now on, in a thread of its own."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="cmo-rounds", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop. What is under way just then is sent again by whoever goes round next."""
        self._stop.set()
        with suppress(RuntimeError):  # its loop is closed already
            self._wake()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    async def _run(self) -> None:
        from cmo.notify import Courier  # noqa: PLC0415 - a service starts sooner without

        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(stopped.set)
        async with Courier(self._clock, private=self._settings.webhook_private) as courier:
            self.done.sent = courier.came_of
            while not self._stop.is_set():
                await self._round(courier)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), EVERY_SECONDS)
        await asyncio.to_thread(self._leave)

    async def _round(self, courier: Courier) -> None:
        try:
            bases = await asyncio.to_thread(self._bases)
            for tenant, record in bases.items():
                with self._spared(tenant, "no webhook is sent"):
                    await courier.look(record.outbox, tenant)
        except Exception as error:  # noqa: BLE001 - a background loop goes on, whatever the store does
            self._complain(_OWN, "nothing is done", error)
        else:
            self._well(_OWN, "nothing is done")

    def _bases(self) -> dict[str, Record]:
        """The bases to look into now, tidied if that is due; none where another process goes round."""
        front, now = self._front(), self._clock.monotonic()
        if front is None or not self._leads(front, now):
            self.done.stand = self.done.tidied_at = self.done.audit_faults = None
            self._tidy_at = float("-inf")
            return {}
        if self.done.tidied_at is None:
            self.done.tidied_at = self._clock.now().timestamp()
        looks = now >= self._look_at
        if looks:
            self._look_at = now + _LOOK_SECONDS
            self._move_in()
        bases = {self._settings.tenant: front, **self._lodged}
        if now >= self._tidy_at:
            self._tidy_at = now + (DAY_SECONDS if self._tidied(bases) else _AGAIN_SECONDS)
            self._audit(bases)
        if looks:
            self.done.stand = self._stand(bases)
        return bases

    def _leads(self, front: Record, now: float) -> bool:
        """Whether this process has the lease, which is renewed when a third of it has passed."""
        if now < self._until - LEASE_SECONDS * 2 / 3:
            return True
        lease = front.delivery.lease(LEASE, self._holder, self._clock.now().timestamp(), LEASE_SECONDS)
        self._until = float("-inf") if lease is None else now + LEASE_SECONDS
        return lease is not None

    def _move_in(self) -> None:
        """Open the bases of tenants that came. Few things are open of each: no index, no model."""
        from cmo.store.engine import sqlite_url  # noqa: PLC0415 - see above
        from cmo.store.record import Record  # noqa: PLC0415

        for tenant in lodgers(self._settings):
            if tenant not in self._lodged:
                with self._spared(tenant, "it is left out"):
                    own = lodged(self._settings, tenant)
                    url = own.database_url or sqlite_url(own.working_dir.expanduser())
                    self._lodged[tenant] = Record.open(url, self._clock, self._seal)

    def _tidied(self, bases: Mapping[str, Record]) -> bool:
        """Delete what is kept too long; whether that could be done everywhere."""
        days, now, done = kept_days(self._settings), self._clock.now(), 0
        for tenant, record in bases.items():
            with self._spared(tenant, "nothing old is deleted"):
                deleted = tidy(record.persons, days, now)
                done += 1
                self.done.deleted.update(deleted)
                if any(deleted.values()):
                    rows = ", ".join(f"{count} {kind}" for kind, count in deleted.items() if count)
                    log.info("%s: deleted what was kept long enough: %s", _place(tenant), rows)
        if done == len(bases):
            self.done.tidied_at = now.timestamp()
        return done == len(bases)

    def _audit(self, bases: Mapping[str, Record]) -> None:
        """See whether the audit of each base still holds."""
        faults = 0
        for tenant, record in bases.items():
            with self._spared(tenant, "the audit is not looked at"):
                if (fault := audited(record.access)) is not None:
                    faults += 1
                    log.critical("%s: the audit does not hold: %s", _place(tenant), fault.what)
        self.done.audit_faults = faults

    def _stand(self, bases: Mapping[str, Record]) -> Standing:
        found = []
        for tenant, record in bases.items():
            with self._spared(tenant, "what waits is not counted"):
                found.append(record.outbox.standing())
        return Standing.of_all(found)

    @contextmanager
    def _spared(self, tenant: str, missed: str) -> Iterator[None]:
        """Let a base that cannot be used cost the others nothing."""
        try:
            yield
        except OracleError as error:
            self._complain(_place(tenant), missed, error)
        else:
            self._well(_place(tenant), missed)

    def _complain(self, place: str, missed: str, error: Exception) -> None:
        """Say what is wrong once, and again when it went well in between."""
        if (place, missed) not in self._failing:
            log.warning("%s: %s: %s", place, missed, error)
        self._failing.add((place, missed))

    def _well(self, place: str, missed: str) -> None:
        if (place, missed) in self._failing:
            self._failing.discard((place, missed))
            log.warning("%s: that is over: %s", place, missed)

    def _leave(self) -> None:
        """Let go of the lease, so that nobody waits for it, and close what was opened."""
        with suppress(OracleError):
            front = self._front()
            if front is not None and self._until > self._clock.monotonic():
                front.delivery.lease(LEASE, self._holder, self._clock.now().timestamp(), 0.0)
        for record in self._lodged.values():
            record.close()


def _place(tenant: str) -> str:
    return f"tenant {tenant}" if tenant else _OWN
