"""The candidate answers as well, and nobody waits for it.

::

    reply is sent --offer: drawn? idle machine? within the rate? room?--> a queue --one slow thread--> candidate
                      `--no--> dropped, counted by why                                  compare, judge --> keep

`offer` costs microseconds, never waits and never raises. The thread is a daemon of low priority. A candidate that
raises, exits its thread, or does not come back costs its own comparison: one that hangs is left to itself and another
thread goes on; after a few of these shadowing ends until the service starts again.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from cmo.delivery.assign import place
from cmo.delivery.compare import Pair, Shown, compare, failed, shown
from cmo.errors import OverBudget, SettingsError, StoreError
from cmo.kit import deadline
from cmo.kit.rate import Rate, Rates
from cmo.kit.refusal import Refused
from cmo.model.notices import Notice, Notifier, Severity
from cmo.model.questions import Question

_LOW = 10
"""Niceness of the thread."""
_WORDS = 200
"""Characters of an error that are kept."""


class Fate(StrEnum):
    """What became of an offer."""

    TAKEN = "taken"
    PASSED = "passed"
    """Not drawn."""
    REPEATED = "repeated"
    """The same question was compared a moment ago."""
    BUSY = "busy"
    """The machine has enough to do."""
    BUDGET = "budget"
    """As many as a minute may have, or no money for it."""
    FULL = "full"
    CLOSED = "closed"
    """The candidate hung too often, or the service ends."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many questions the candidate gets."""

    share: float = 0.1
    """Of the questions, 0 to 1."""
    salt: str = "shadow"
    queue: int = 8
    """Questions that may wait."""
    per_minute: float = 60.0
    seconds: float = 30.0
    """Longest time for one answer."""
    hangs: int = 3
    """So many answers that never came end it."""
    remembered: int = 1_000
    """Questions that are not compared again soon."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise SettingsError(f"{self.share:g} is no share of the questions. Give one from 0 to 1.")
        if min(self.queue, self.per_minute, self.seconds, self.hangs) <= 0:
            raise SettingsError("A shadow's queue, rate, time and patience must be above 0.")


class Candidate(Protocol):
    """Who answers unseen: in this process, or another service."""

    def __call__(self, question: Question) -> Mapping[str, Any]:
        """A reply as it would be sent; OverBudget where no money may go into it. May raise, hang or die."""
        ...


Judge = Callable[[str, Shown], float | None]
"""Question and answer to how well it is borne out, 0 to 1."""
Keep = Callable[[Question, Pair], None]
Reply = Callable[[], Mapping[str, Any]]
"""The reply that the user got; read only if it is compared."""


@dataclass(frozen=True, slots=True)
class _Job:
    question: Question
    reply: Reply
    candidate: Candidate
    keep: Keep


@dataclass(slots=True)
class _Worker:
    """One thread, and since when it has been at its present answer."""

    thread: threading.Thread | None = None
    since: float | None = None
    job: _Job | None = None
    left: bool = False
    """Whether it is left to itself; what it still finds is dropped."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a shadow did so far."""

    fates: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    hung: int = 0
    open: bool = True


class Shadow:
    """Compares what is told with what a candidate would tell.

    Args:
        candidate: answers unseen.
        keep: takes each comparison; runs in the shadow's own thread.
        sampling: how many questions it gets.
        monotonic: the clock.
        busy: whether the machine has enough to do; asked for each question that is drawn.
        judge: how well an answer is borne out.
        notifier: told when the candidate keeps failing.
    """

    def __init__(
        self,
        candidate: Candidate,
        keep: Keep,
        sampling: Sampling,
        *,
        monotonic: Callable[[], float],
        busy: Callable[[], bool] = lambda: False,
        judge: Judge = lambda _question, _shown: None,
        notifier: Notifier | None = None,
    ) -> None:
        self._candidate = candidate
        self._keep = keep
        self._sampling = sampling
        self._monotonic = monotonic
        self._busy = busy
        self._judge = judge
        self._notifier = notifier
        self._rates = Rates(Rate(sampling.per_minute / 60, max(1, round(sampling.per_minute / 6))), monotonic=monotonic)
        self._waiting: deque[_Job] = deque()
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._fates: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._worker = _Worker()
        self._hung = self._failures = 0
        self._closed = False
        self._changed = threading.Condition()

    def offer(
        self,
        question: Question,
        reply: Reply,
        *,
        draw: str = "",
        candidate: Candidate | None = None,
        keep: Keep | None = None,
    ) -> Fate:
        """Have a question that was answered compared, if it is drawn and there is room. Never waits, never raises.

        Args:
            question: as it was asked.
            reply: what the user got.
            draw: what it is drawn by; the question by default, so that the same ones are drawn everywhere.
            candidate: for this question, instead of the usual one.
            keep: the same.
        """
        drawn = place(self._sampling.salt, draw or question.text) < self._sampling.share
        with self._changed:
            fate = self._fate(question) if drawn else Fate.PASSED
            if fate is Fate.TAKEN and not self._start():
                fate = Fate.FULL
            self._fates[fate] += 1
            if fate is Fate.TAKEN:
                self._waiting.append(_Job(question, reply, candidate or self._candidate, keep or self._keep))
                self._changed.notify_all()
        return fate

    def counts(self) -> Counts:
        """What it did so far."""
        with self._changed:
            return Counts(dict(self._fates), dict(self._kinds), self._hung, not self._closed)

    def settle(self, seconds: float) -> bool:
        """Wait until nothing waits or runs; whether that came true."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and self._worker.job is None, seconds)

    def close(self, seconds: float = 1.0) -> None:
        """Take nothing more. Waits a moment for the answer under way, and not for one that hangs."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
            thread = self._worker.thread
        if thread is not None:
            thread.join(seconds)

    def _fate(self, question: Question) -> Fate:
        self._leave_hanging()
        if self._closed:
            return Fate.CLOSED
        if question.text in self._recent:
            return Fate.REPEATED
        if len(self._waiting) >= self._sampling.queue:
            return Fate.FULL
        if self._busy():
            self._waiting.clear()  # what waits would run while somebody else is waiting for an answer
            return Fate.BUSY
        if isinstance(self._rates.admit(""), Refused):
            return Fate.BUDGET
        self._recent[question.text] = None  # without a memory it is forgotten at once
        if len(self._recent) > self._sampling.remembered:
            self._recent.popitem(last=False)
        return Fate.TAKEN

    def _leave_hanging(self) -> None:
        """Let go of a thread whose answer is overdue."""
        worker = self._worker
        if worker.since is None or self._monotonic() - worker.since <= self._sampling.seconds:
            return
        worker.left = True
        self._worker = _Worker()
        self._hung += 1
        self._kinds["hung"] += 1
        if self._hung >= self._sampling.hangs:
            self._closed = True
            self._waiting.clear()
            self._tell(f"{self._hung} answers never came. Shadowing is off until the service starts again.")

    def _start(self) -> bool:
        """A thread, where there is none or it died; whether there is one now."""
        thread = self._worker.thread
        if thread is not None and thread.is_alive():
            return True
        worker = _Worker()
        worker.thread = threading.Thread(target=self._work, args=(worker,), name="cmo-shadow", daemon=True)
        try:
            worker.thread.start()
        except RuntimeError:  # the system gives out no more threads
            return False
        self._worker = worker
        return True

    def _work(self, worker: _Worker) -> None:
        with suppress(OSError, AttributeError):  # where the system knows no priorities of threads
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW)
        while (job := self._next(worker)) is not None:
            pair = self._compared(job)
            if worker.left:
                return
            if pair is not None:
                with suppress(OSError, StoreError):  # a full disk costs the text, not the count
                    job.keep(job.question, pair)
            with self._changed:
                worker.job = worker.since = None
                self._note(pair)
                self._changed.notify_all()

    def _next(self, worker: _Worker) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed or worker.left)
            if self._closed or worker.left:
                return None
            worker.job, worker.since = self._waiting.popleft(), self._monotonic()
            return worker.job

    def _compared(self, job: _Job) -> Pair | None:
        """The comparison; whatever goes wrong in it is told as a value, and None where there is no money for it."""
        began, now = self._monotonic(), Shown(answered=False)
        try:
            now = shown(job.reply())
            with deadline.within(self._sampling.seconds):
                candidate = shown(job.candidate(job.question))
                judged = self._judge(job.question.text, now), self._judge(job.question.text, candidate)
            pair = compare(now, candidate, judged)
        except OverBudget:
            return None
        except BaseException as error:  # noqa: BLE001 - whatever a candidate does, no reply and no thread may feel it
            took = 1_000 * (self._monotonic() - began)
            pair = failed(now, f"{type(error).__name__}: {error}"[:_WORDS], round(took, 3))
        return pair

    def _note(self, pair: Pair | None) -> None:
        if pair is None:
            self._fates[Fate.BUDGET] += 1
            return
        self._kinds[pair.kind] += 1
        self._failures = self._failures + 1 if pair.why else 0
        if self._failures == self._sampling.hangs:
            # The kind of the error alone: its text may hold anything.
            self._tell(f"It failed {self._failures} times in a row, last with {pair.why.partition(':')[0]}.")

    def _tell(self, text: str) -> None:
        if self._notifier is not None:
            self._notifier.tell(Notice("shadow/failing", "A shadowed candidate fails", text, Severity.WARNING))
