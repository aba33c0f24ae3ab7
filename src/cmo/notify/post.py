"""The post office: takes notices at once, sends them from a thread of its own, each channel with patience.

::

    tell --the same a while ago? too many waiting?--> a short queue --thread--> one message --> each channel, a few attempts
            `--yes--> counted and dropped                  of all that waits                     `--not taken--> the log

Whoever tells never waits and never hears of a failure; a dead channel holds up no other for longer than its timeouts.
Where it gathers, a storm becomes one message with a count, and the longer it lasts, the rarer messages become.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cmo.kit.allowance import Purse
from cmo.kit.chance import CHANCE, Chance
from cmo.kit.clock import Clock
from cmo.kit.http import reason
from cmo.kit.retry import Again, Patience, Retrier
from cmo.model.notices import Notice
from cmo.notify.storm import gathered

log = logging.getLogger("cmo.notify")

QUIET_SECONDS = 600.0
_REMEMBERED = 1_000
_LULL_SECONDS = 1.0
"""For which a first notice waits for others that come with it."""
_RAREST_SECONDS = 60.0
"""Between two messages of a storm, at most."""


class Channel(Protocol):
    """One way to reach people."""

    name: str
    """Without any key."""
    errors: tuple[type[Exception], ...]
    """All that `send` raises."""

    def send(self, notice: Notice) -> None:
        """Send one, once."""
        ...

    def again(self, error: Exception) -> Again | None:
        """Whether a failed attempt may be made again."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of notices so far."""

    sent: dict[str, int] = field(default_factory=dict)
    """By channel."""
    failed: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    """Told a while ago already."""
    dropped: int = 0
    """There was no room, or it was closed."""
    waiting: int = 0


class PostOffice:
    """Sends notices through all its channels. Threads may share it.

    Args:
        channels: ways to reach people; without any, notices stay in the log.
        clock: for what was told a while ago.
        room: notices that may wait.
        quiet: seconds for which the same is not told again.
        gather: least seconds between two messages; what is told meanwhile becomes one. 0: each is a message.
        patience: attempts at one channel, and their pauses.
        chance: for the pauses.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        room: int = 100,
        quiet: float = QUIET_SECONDS,
        gather: float = 0.0,
        patience: Patience = Patience(attempts=3, first_pause=0.5, longest_pause=5.0),  # noqa: B008 - frozen
        chance: Chance = CHANCE,
    ) -> None:
        # One purse for all: when nothing gets through, few attempts are made again.
        purse = Purse(share=0.5, burst=6.0)
        self._channels = [
            (channel, Retrier(patience, purse, channel.errors, channel.again, chance=chance)) for channel in channels
        ]
        self._clock = clock
        self._room = room
        self._quiet = quiet
        self._gather = self._apart = gather
        self._not_before = 0.0
        self._told: OrderedDict[str, float] = OrderedDict()
        self._again: Counter[str] = Counter()
        self._waiting: deque[Notice] = deque()
        self._sent: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._repeated = self._dropped = self._lost = 0
        self._thread: threading.Thread | None = None
        self._busy = self._closed = False
        self._changed = threading.Condition()

    def tell(self, notice: Notice) -> bool:
        """Take a notice on its way; False where it is not taken."""
        with self._changed:
            if self._closed or len(self._waiting) >= self._room:
                self._dropped += 1
                self._lost += 1
                return False
            if self._lately(notice.about):
                self._repeated += 1
                self._again[notice.about] += 1
                return False
            if times := self._again.pop(notice.about, 0):
                notice = replace(notice, facts=(*notice.facts, ("since it was told", f"{times} times more")))
            log.log(notice.level or notice.severity.level, "%s: %s", notice.severity, notice.title)
            if not self._channels:
                return True
            if not self._started():
                self._dropped += 1
                return False
            self._waiting.append(notice)
            self._changed.notify_all()
            return True

    def posted(self) -> Posted:
        """What became of notices so far."""
        with self._changed:
            return Posted(
                dict(self._sent), dict(self._failed), self._repeated, self._dropped, len(self._waiting) + self._busy
            )

    def settle(self, seconds: float) -> bool:
        """Wait until nothing waits; whether that came true."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def close(self, seconds: float = 5.0) -> None:
        """Take nothing more, and give what waits so long to be sent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(seconds)
        if thread is None or not thread.is_alive():
            for channel, _ in self._channels:
                channel.close()

    def _started(self) -> bool:
        """A thread, where there is none or it died; whether there is one now."""
        if self._thread is not None and self._thread.is_alive():
            return True
        self._busy = False
        thread = threading.Thread(target=self._run, name="cmo-notify", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives out no more threads
            return False
        self._thread = thread
        return True

    def _lately(self, about: str) -> bool:
        """Whether the same was told a while ago; else it is from now on."""
        now = self._clock.monotonic()
        if about in self._told and now - self._told[about] < self._quiet:
            return True
        self._told[about] = now
        self._told.move_to_end(about)
        if len(self._told) > _REMEMBERED:
            self._again.pop(self._told.popitem(last=False)[0], None)
        return False

    def _run(self) -> None:
        while (notice := self._next()) is not None:
            for channel, retrier in self._channels:
                self._send(channel, retrier, notice)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> Notice | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            if not self._gather:
                self._busy = True
                return self._waiting.popleft()
            pause = max(min(_LULL_SECONDS, self._gather), self._not_before - time.monotonic())
            self._changed.wait_for(lambda: self._closed, pause)
            return self._all()

    def _all(self) -> Notice:
        """All that waits as one message, and when the next one may be sent."""
        self._busy = True
        waiting, lost = list(self._waiting), self._lost
        self._waiting.clear()
        self._lost = 0
        self._apart = min(_RAREST_SECONDS, 2 * self._apart) if len(waiting) > 1 else self._gather
        self._not_before = time.monotonic() + self._apart
        return gathered(waiting, lost)

    def _send(self, channel: Channel, retrier: Retrier, notice: Notice) -> None:
        try:
            retrier.run_here(lambda: channel.send(notice))
        except channel.errors as error:
            with self._changed:
                self._failed[channel.name] += 1
            # The kind of the error alone: its text may hold the address, and the address the key.
            log.warning("%s did not take %r: %s", channel.name, notice.title, reason(error))
            return
        with self._changed:
            self._sent[channel.name] += 1
