"""What the parts of a house can be asked at any moment, read into the counts: each part tells what it knows of itself.

Reading is cheap (no question is asked, no model loaded) and happens every few seconds, in a thread. A part that was not
opened yet tells nothing; one that fails tells nothing this time.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cmo
from cmo.app import App
from cmo.cache.counts import TierStatistics
from cmo.errors import OracleError
from cmo.kit.breaker import Phase
from cmo.kit.machine import Machine
from cmo.model.money import dollars
from cmo.model.webhooks import Standing
from cmo.ops import catalogue as c
from cmo.ops.cards import Cards
from cmo.ops.counts import Counts
from cmo.sorting.cast import OpenSorter
from cmo.web.desk import Desk

log = logging.getLogger("cmo.ops")

SIZE_SECONDS: Final = 60.0
"""The files of the index are measured no more often."""
_DESCRIPTORS: Final = Path("/proc/self/fd")


class Readings:
    """Reads what the parts of a service's own house tell.

    Args:
        desk: of the house.
        counts: into which.
        worker: number of this process.
    """

    def __init__(self, desk: Desk, counts: Counts, worker: Callable[[], int]) -> None:
        self._desk = desk
        self._house: App = desk.house
        self._counts = counts
        self._worker = worker
        self._machine = Machine(self._house.clock, 1.0)
        self._cards = Cards(self._house.clock)
        self._began = self._house.clock.now().timestamp()
        self._measured = -SIZE_SECONDS
        self._failing: set[str] = set()

    def read(self) -> None:
        """Everything."""
        for part in (
            self._process,
            self._kept,
            self._classes,
            self._money,
            self._outside,
            self._waiting,
            self._release,
            self._known,
            self._rounds,
        ):
            try:
                part()
            except (OracleError, OSError) as error:
                if part.__name__ not in self._failing:  # said once, and again when it went well in between
                    log.warning("%s cannot be read for the metrics: %s", part.__name__.strip("_"), error)
                self._failing.add(part.__name__)
            else:
                self._failing.discard(part.__name__)

    def _process(self) -> None:
        worker, usage = str(self._worker()), self._machine.usage()
        tell = self._counts.set
        tell(c.CPU, time.process_time(), worker)
        tell(c.STARTED, self._began, worker)
        if usage.memory_bytes is not None:
            tell(c.RESIDENT, float(usage.memory_bytes), worker)
        if _DESCRIPTORS.is_dir():
            tell(c.DESCRIPTORS, float(sum(1 for _ in _DESCRIPTORS.iterdir())), worker)
        if usage.cpu_percent is not None:
            tell(c.MACHINE_CPU, usage.cpu_percent / 100)
        if usage.memory_percent is not None:
            tell(c.MACHINE_MEMORY, usage.memory_percent / 100)
        for card in self._cards.seen():
            tell(c.GPU_MEMORY, float(card.taken), card.index)
        settings = self._house.settings
        tell(c.BUILD, 1.0, cmo.__version__, platform.python_version(), settings.embed_model, settings.engine)

    def _kept(self) -> None:
        statistics = self._desk.kept()
        for tier in statistics.tiers if statistics else ():
            self._tier("answers", tier)

    def _classes(self) -> None:
        opened = self._desk.sorting.at_hand
        if opened is not None:
            _classified(self._counts, opened)
            for tier in opened.sorter.reading().cache.tiers:
                self._tier("classes", tier)

    def _tier(self, cache: str, tier: TierStatistics) -> None:
        tell = self._counts.set
        tell(c.CACHE_REQUESTS, float(tier.hits), cache, tier.name, "hit")
        tell(c.CACHE_REQUESTS, float(tier.misses), cache, tier.name, "miss")
        tell(c.CACHE_EVICTIONS, float(tier.evictions), cache, tier.name)
        tell(c.CACHE_ERRORS, float(tier.errors), cache, tier.name)
        if tier.size is not None:
            tell(c.CACHE_ENTRIES, float(tier.size), cache, tier.name)
        if tier.bytes is not None:
            tell(c.CACHE_BYTES, float(tier.bytes), cache, tier.name)

    def _money(self) -> None:
        for account in self._house.treasury.budget.accounts():
            balance = account.balance
            if balance.account.tenant or balance.account.user:
                continue
            self._counts.set(c.BUDGET_SPENT, dollars(balance.spent), balance.window.value)
            if balance.limit is not None:
                self._counts.set(c.BUDGET_LIMIT, dollars(balance.limit), balance.window.value)
        self._counts.set(c.BUDGET_LEFT, self._house.treasury.left())

    def _outside(self) -> None:
        if "outside" not in self._house.__dict__:
            return
        for service, phase in self._house.outside.phases().items():
            for state in Phase:
                self._counts.set(c.BREAKERS, float(state is phase), service, state.value)

    def _waiting(self) -> None:
        if "executor" in self._house.__dict__:
            self._counts.set(c.ADMISSION_WAITING, float(self._house.executor.waiting))

    def _release(self) -> None:
        for metric in (c.RELEASE_EXPOSURE, c.RELEASE_STAGE, c.RELEASE_PHASE):
            self._counts.forget(metric)
        if not self._house.settings.delivery or "delivering" not in self._house.__dict__:
            return
        rollout = self._house.delivering.state.now().current.rollout
        if rollout is None:
            return
        status = rollout.status
        self._counts.set(c.RELEASE_EXPOSURE, float(status["percent"]) / 100, rollout.release)
        self._counts.set(c.RELEASE_STAGE, float(status["stage"]), rollout.release)
        for phase in c.PHASES:
            self._counts.set(c.RELEASE_PHASE, float(status["phase"] == phase), phase)

    def _rounds(self) -> None:
        if "rounds" not in self._house.__dict__:
            return
        done = self._house.rounds.done
        for outcome in ("delivered", "failed", "given-up"):
            self._counts.set(c.WEBHOOK_ATTEMPTS, float(done.sent[outcome]), outcome)
        for kind, rows in done.deleted.items():
            self._counts.set(c.RETENTION_DELETED, float(rows), kind)
        for metric in (c.WEBHOOKS, c.WEBHOOKS_WAITING, c.WEBHOOK_OLDEST, c.AUDIT_FAULTS, c.RETENTION_AGE):
            self._counts.forget(metric)  # the process that goes round tells them
        now = self._house.clock.now().timestamp()
        if done.stand is not None:
            self._told(done.stand, now)
        if done.audit_faults is not None:
            self._counts.set(c.AUDIT_FAULTS, float(done.audit_faults))
        if done.tidied_at is not None:
            self._counts.set(c.RETENTION_AGE, max(0.0, now - done.tidied_at))

    def _told(self, stand: Standing, now: float) -> None:
        for state, webhooks in stand.webhooks.items():
            self._counts.set(c.WEBHOOKS, float(webhooks), state.value)
        self._counts.set(c.WEBHOOKS_WAITING, float(stand.waiting))
        oldest = now if stand.oldest_at is None else stand.oldest_at
        self._counts.set(c.WEBHOOK_OLDEST, max(0.0, now - oldest))

    def _known(self) -> None:
        house, manifest = self._house, self._house.shelf.current()
        if manifest is None:
            return
        tell = self._counts.set
        tell(c.SNAPSHOT_AGE, max(0.0, (house.clock.now() - manifest.created_at).total_seconds()))
        tell(c.PAPERS, float(manifest.papers))
        tell(c.PASSAGES, float(manifest.live))
        tell(c.INDEX_BEHIND, float(max(0, house.record.head() - manifest.seq)))
        if (now := house.clock.monotonic()) - self._measured >= SIZE_SECONDS:
            self._measured = now
            tell(c.SNAPSHOT_BYTES, float(_size(house.shelf.folder)))


def _classified(counts: Counts, opened: OpenSorter) -> None:
    reading = opened.sorter.reading()
    for mark, count in reading.figures.marks.items():
        if mark.startswith("why-"):
            counts.set(c.CLASSIFICATION_FALLBACKS, float(count), mark.removeprefix("why-"))
        elif mark.isupper():
            counts.set(c.CLASSIFICATIONS, float(count), mark.lower())
    if (counsel := reading.counsel) is not None:
        trouble = {"late": counsel.late, "failed": counsel.failed, "unusable": counsel.unusable}
        for outcome, count in {**trouble, "answered": max(0, counsel.asked - sum(trouble.values()))}.items():
            counts.set(c.CLASSIFICATION_LLM, float(count), outcome)


def _size(folder: Path) -> int:
    """Bytes of all files; one that goes meanwhile counts nothing."""
    total = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(place) / name).stat().st_size
            except OSError:
                continue
    return total
