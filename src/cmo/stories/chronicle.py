"""The story of an answer after it was given: it is written down, may be judged by people, and can be asked again.

::

    reply --note--> queue --a quarter of a second at most--> the log, many at once
                      '--full, or the store is gone for long--> counted as lost; no reply waits for the log

Whoever asks never waits for the disk. A process that is killed loses what it noted in the last quarter of a second.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from cmo.errors import OracleError
from cmo.kit.clock import Clock
from cmo.model.audit import AnswerLog, Facts, Given
from cmo.model.papers import Section
from cmo.model.questions import Filters, Mode, Question, Reach

log = logging.getLogger("cmo.stories.chronicle")

_SECONDS: Final = 0.25
_AT_ONCE: Final = 100
_SETS: Final = ("journals", "sections", "papers", "without")
_MOST: Final = 5_000
"""Answers that wait for the store; at 10 KB each."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of answers since the process began."""

    written: int
    waiting: int
    lost: int
    """Not written down, as the store was gone for too long. Whoever asked got the answer all the same."""


class Chronicle:
    """Writes answers down. Threads may share it.

    Args:
        answers: opens the log, on first use and not before.
        clock: for the time of an answer.
        version: of this program.
        days: for how long answers are kept; older ones are deleted now and then.
    """

    def __init__(self, answers: Callable[[], AnswerLog], clock: Clock, version: str, *, days: float) -> None:
        self._answers = answers
        self._clock = clock
        self._version = version
        self._days = days
        self._waiting: deque[Given] = deque()
        self._written = self._lost = 0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._told = False

    def note(self, question: Question, reply: Facts, *, deep: bool = False) -> None:
        """Write an answer down, soon; one that was made in steps says so, as it is asked again in steps."""
        given = Given(
            str(reply["id"]), self._clock.now(), question.payer, str(reply.get("release") or ""), self._version,
            asked(question) | ({"deep": True} if deep else {}), reply,
        )  # fmt: skip
        with self._wake:
            if self._closing or len(self._waiting) >= _MOST:
                self._lost += 1
                return
            self._waiting.append(given)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="cmo-chronicle", daemon=True)
                self._thread.start()
            if len(self._waiting) >= _AT_ONCE:
                self._wake.notify()

    def holds(self, answer: str) -> bool:
        """Whether an answer waits here to be written down."""
        with self._wake:
            return any(given.id == answer for given in self._waiting)

    def statistics(self) -> Noted:
        """What became of answers so far."""
        with self._wake:
            return Noted(self._written, len(self._waiting), self._lost)

    def close(self) -> None:
        """Write down what waits, then stop."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(10)

    def _write(self) -> None:
        self._forget()
        done = True
        while True:
            with self._wake:
                if not self._closing and not (done and len(self._waiting) >= _AT_ONCE):
                    self._wake.wait(_SECONDS)
                batch = [self._waiting[n] for n in range(min(_AT_ONCE, len(self._waiting)))]
                closing = self._closing
            done = not batch or self._put(batch)
            if closing and (not done or len(batch) < _AT_ONCE):
                return

    def _put(self, batch: list[Given]) -> bool:
        """Whether the store took them; if not they wait on, until there are too many."""
        try:
            self._answers().put(batch)
        except OracleError as error:
            if not self._told:
                log.warning("answers cannot be written down for now: %s", error)
            self._told = True
            return False
        self._told = False
        with self._wake:
            for _ in batch:
                self._waiting.popleft()
            self._written += len(batch)
        return True

    def _forget(self) -> None:
        try:
            self._answers().forget(self._clock.now() - timedelta(days=self._days))
        except OracleError as error:
            log.warning("old answers could not be deleted: %s", error)


def asked(question: Question) -> dict[str, Any]:
    """All that it takes to ask a question again, as plain values."""
    filters = question.filters
    return {
        "query": question.text,
        "mode": question.mode.value,
        "filters": {
            "year_from": filters.year_from,
            "year_to": filters.year_to,
            **{name: sorted(getattr(filters, name)) for name in _SETS},
        },
        "reach": asdict(question.reach) if question.reach else None,
    }


def question_of(facts: Facts) -> Question:
    """The question that `asked` told."""
    told = facts["filters"]
    journals, sections, papers, without = (told[name] for name in _SETS)
    filters = Filters(
        told["year_from"],
        told["year_to"],
        frozenset(journals),
        frozenset(map(Section, sections)),
        frozenset(papers),
        frozenset(without),
    )
    return Question(facts["query"], Mode(facts["mode"]), filters, Reach.of(facts["reach"]) if facts["reach"] else None)
