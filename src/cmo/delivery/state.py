"""What decides over answers, as a process last knew it.

::

    store --three times a second, or at a word--> prepare (build what a new release needs) --> last known
      '--silent--> the last known holds for a while, then is stale: who asks falls back to the baseline
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cmo.delivery.flags import completed
from cmo.errors import OracleError
from cmo.kit.clock import Clock
from cmo.model.delivery import Current, DeliveryReads, Setting

log = logging.getLogger("cmo.delivery")

EVERY_SECONDS: Final = 0.3
QUIET_SECONDS: Final = 5.0
"""Between looks, where word of a change comes by itself."""
STALE_SECONDS: Final = 60.0
"""How long what was last known holds, while nobody can say otherwise."""
_FOLLOWED_SECONDS: Final = 3.0
"""After which every process knows of a change, and wrote what it saw before that."""
_WHOLE: Final = 100
"""Looks of which one reads all, whatever the mark says."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was last known, and whether that is too long ago."""

    current: Current
    stale: bool
    era: int = 0
    """Rises whenever an asker may be answered by another release."""


class Hears(Protocol):
    """Word of changes, such as over a Redis."""

    def wait(self, stop: threading.Event, quiet: float, alone: float) -> None:
        """Until something changed: `quiet` seconds at most, and `alone` while no word can come."""
        ...


class LastKnown:
    """A process's view of the store. Threads may share it.

    Args:
        store: where the state is kept.
        clock: for durations.
        prepare: builds what a state needs before anybody is answered by it; called once more when others followed.
        given: switches as the environment gives them; what is stored comes first.
        every: seconds between looks.
        stale: seconds of silence after which what is known does not count any more.
        hears: has word of changes; None where it looks again and again instead.
    """

    def __init__(
        self,
        store: DeliveryReads,
        clock: Clock,
        *,
        prepare: Callable[[Current], None] = lambda _: None,
        given: Mapping[str, Setting] | None = None,
        every: float = EVERY_SECONDS,
        stale: float = STALE_SECONDS,
        hears: Hears | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._prepare = prepare
        self._given = given or {}
        self._every = every
        self._stale = stale
        self._hears = hears
        self._mark: object = None
        self._again = math.inf
        self._asked = 0
        self._fresh, self._old = Known(Current(), stale=False), Known(Current(), stale=True, era=-1)
        self._heard = clock.monotonic()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._silent = False

    def now(self) -> Known:
        """What is known; costs no look at the store."""
        return self._old if self._clock.monotonic() - self._heard > self._stale else self._fresh

    def refresh(self) -> None:
        """Look now.

        Raises:
            StoreError: the store cannot be used; what was known stays.
        """
        mark = self._store.mark()
        if mark != self._mark or not self._asked % _WHOLE:
            self._learn(completed(self._store.current(), self._given))
            self._mark = mark
        self._asked += 1
        self._heard = self._clock.monotonic()
        if self._heard >= self._again:
            self._again = math.inf
            self._prepared(self._fresh.current)

    def _learn(self, current: Current) -> None:
        known = self._fresh
        changed = _deciding(current) != _deciding(known.current)
        if changed:
            self._prepared(current)
            self._again = self._clock.monotonic() + _FOLLOWED_SECONDS
        era = known.era + changed
        self._fresh, self._old = Known(current, stale=False, era=era), Known(current, stale=True, era=-1 - era)

    def start(self) -> None:
        """Look now and from now on, in a thread of its own."""
        self._look()
        self._thread = threading.Thread(target=self._run, name="cmo-delivery-state", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._hears is None:
                self._stop.wait(self._every)
            else:
                due = self._silent or self._again < math.inf
                self._hears.wait(self._stop, self._every if due else QUIET_SECONDS, self._every)
            self._look()

    def _look(self) -> None:
        try:
            self.refresh()
        except Exception as error:  # noqa: BLE001 - a background loop goes on, whatever the store does
            if not self._silent:
                log.warning("releases: the store cannot be read, what was last known holds: %s", error)
            self._silent = True
            return
        if self._silent:
            log.warning("releases: the store can be read again")
        self._silent = False

    def _prepared(self, current: Current) -> None:
        try:
            self._prepare(current)
        except OracleError as error:  # it shows in the answers of the release, where the gates see it
            log.warning("releases: a release cannot be prepared: %s", error)


def _deciding(current: Current) -> Current:
    """The part that decides who gets what: not what the gates have seen, which changes all the time."""
    rollout = current.rollout
    if rollout is None:
        return current
    return replace(current, rollout=replace(rollout, evidence={}, version=0, at=0.0))
