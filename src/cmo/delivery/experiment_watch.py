"""Looks at the running experiment now and then, in one process of all: harm ends it, people hear of what is decided.

Each look reads all that was seen. It takes a hundredth of the time at most: the longer one takes, the longer the pause.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from cmo.delivery.experiments import Experiments
from cmo.errors import OracleError
from cmo.kit.clock import Clock
from cmo.model.delivery import Lease
from cmo.model.notices import Notifier

log = logging.getLogger("cmo.delivery")

LEASE: Final = "experiments"
EVERY_SECONDS: Final = 60.0
_SHARE: Final = 0.01
Takes = Callable[[str, str, float, float], Lease | None]


class Watchman:
    """Looks in a thread of its own.

    Args:
        experiments: what he looks at.
        lease: takes or renews the lease that lets one process look.
        notifier: whom he tells.
        clock: the time.
        every: seconds between looks, at least.
    """

    def __init__(
        self, experiments: Experiments, lease: Takes, notifier: Notifier, clock: Clock, *, every: float = EVERY_SECONDS
    ) -> None:
        self._experiments = experiments
        self._lease = lease
        self._notifier = notifier
        self._clock = clock
        self._every = every
        self._holder = f"watchman-{uuid4().hex[:12]}"
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look from now on."""
        self._thread = threading.Thread(target=self._run, name="cmo-watchman", daemon=True)
        self._thread.start()

    def close(self, seconds: float = 5.0) -> None:
        """Stop; a look under way is not waited for longer."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def look(self) -> float:
        """Look once; seconds until the next time."""
        began = self._clock.monotonic()
        try:
            if self._lease(LEASE, self._holder, self._clock.now().timestamp(), 3 * self._every) is not None:
                self._experiments.check(self._notifier)
        except OracleError as error:
            log.warning("experiments: the running one cannot be looked at: %s", error)
        return max(self._every, (self._clock.monotonic() - began) / _SHARE)

    def _run(self) -> None:
        pause = self._every
        while not self._stop.wait(pause):
            pause = self.look()
