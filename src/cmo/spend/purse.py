"""Whose question is being worked on, and what it may cost: it goes along in the context, as the deadline does.

::

    a question --paying--> purse --each call within--> payer and question are filled in, its highest cost is taken
                                                         '--what it did not cost--> back into the purse

The purse is one for all threads and tasks of a question, so that side by side they cannot spend more than alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from cmo.errors import OverBudget
from cmo.model.money import Call, Micros, Payer, dollars


class Purse:
    """What one question may cost.

    Args:
        payer: who asks.
        question: the id of the answer.
        most: millionths of a dollar; None where nothing but the budgets limits it.
    """

    def __init__(self, payer: Payer, question: str, most: Micros | None) -> None:
        self.payer = payer
        self.question = question
        self._left = most
        self._lock = threading.Lock()
        self._spent: Micros = 0

    @property
    def spent(self) -> Micros:
        """What calls took so far; of those that are under way, all that they may take."""
        return self._spent

    def billed(self, call: Call) -> Call:
        """A call in the name of the one who asks, unless it has a payer of its own."""
        if call.payer == Payer():
            call = replace(call, payer=self.payer)
        return call if call.question else replace(call, question=self.question)

    def take(self, most: Micros) -> None:
        """Take what a call may cost.

        Raises:
            OverBudget: there is not so much left.
        """
        with self._lock:
            if self._left is not None and most > self._left:
                raise OverBudget(
                    f"This call may cost ${dollars(most):.6f}, and of what the question may cost ${dollars(self._left):.6f} "
                    "is left. Allow more with max_cost."
                )
            self._move(most)

    def give(self, rest: Micros) -> None:
        """Put back what a call did not cost."""
        with self._lock:
            self._move(-rest)

    def _move(self, amount: Micros) -> None:
        self._spent += amount
        if self._left is not None:
            self._left -= amount


_current: ContextVar[Purse | None] = ContextVar("cmo_purse", default=None)


def current() -> Purse:
    """The one of this context; a bottomless one of nobody where none is."""
    return _current.get() or Purse(Payer(), "", None)


@contextmanager
def paying(purse: Purse) -> Iterator[Purse]:
    """Let all calls of a block be paid from a purse."""
    token = _current.set(purse)
    try:
        yield purse
    finally:
        _current.reset(token)
