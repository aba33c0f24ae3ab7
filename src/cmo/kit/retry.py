"""Trying again: seldom, not at once, never in step with others, and at one place only.

::

    a call fails --may it pass? has it attempts, an allowance, time?--> a pause of chance length --> again

The pause is drawn from all of ``[0, first * 2^n)`` (full jitter: Brooker, AWS Architecture Blog 2015), after what the
server asked for. Retries are a tenth of the calls at most: when everything fails, more of it does not help. Where one
layer already tries again, those below it do not: three layers of three would be twenty-seven calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from cmo.kit.allowance import Purse
from cmo.kit.chance import CHANCE, Chance
from cmo.kit.deadline import remaining

T = TypeVar("T")

_inside: ContextVar[bool] = ContextVar("cmo_retrying", default=False)
_MOST_DOUBLINGS: Final = 30


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and with what pauses."""

    attempts: int = 3
    first_pause: float = 0.2
    """Seconds at most before the second attempt; doubles with each."""
    longest_pause: float = 10.0
    longest_asked: float = 60.0
    """A longer pause is not waited for, even if the server asks for it."""


@dataclass(frozen=True, slots=True)
class Again:
    """That a call may be tried again."""

    asked: float = 0.0
    """Seconds for which the server asked to be left alone."""


Judge = Callable[[Exception], Again | None]
"""Whether what went wrong may pass."""


def pause(patience: Patience, attempts: int, again: Again, chance: float) -> float | None:
    """Seconds before the next attempt; None if there is to be none.

    Args:
        patience: how often, and with what pauses.
        attempts: made so far.
        again: what the server said.
        chance: of [0, 1).
    """
    if attempts >= patience.attempts or not 0 <= again.asked <= patience.longest_asked:
        return None
    longest = min(patience.longest_pause, patience.first_pause * 2.0 ** min(attempts - 1, _MOST_DOUBLINGS))
    return again.asked + chance * longest


class Retrier:
    """Tries again. Threads and tasks may share it.

    Args:
        patience: how often, and with what pauses.
        purse: what pays for further attempts.
        on: errors that are looked at; others end the call.
        judge: whether one of those may pass.
        chance: for the pauses.
        tell: told of each further attempt, with the pause before it.
    """

    def __init__(
        self,
        patience: Patience,
        purse: Purse,
        on: tuple[type[Exception], ...],
        judge: Judge,
        *,
        chance: Chance = CHANCE,
        tell: Callable[[float], None] = lambda _pause: None,
    ) -> None:
        self._patience = patience
        self._purse = purse
        self._on = on
        self._judge = judge
        self._chance = chance
        self._tell = tell

    async def run(self, attempt: Callable[[], Awaitable[T]], *, repeatable: bool = True) -> T:
        """What an attempt comes to in the end. One is made if it is not repeatable."""
        with self._alone(repeatable) as first:
            made = 0
            while True:
                made += 1
                try:
                    return await attempt()
                except self._on as error:
                    if (wait := self._next(error, made, first)) is None:
                        raise
                await asyncio.sleep(wait)

    def run_here(self, attempt: Callable[[], T], *, repeatable: bool = True) -> T:
        """The same in the calling thread."""
        with self._alone(repeatable) as first:
            made = 0
            while True:
                made += 1
                try:
                    return attempt()
                except self._on as error:
                    if (wait := self._next(error, made, first)) is None:
                        raise
                time.sleep(wait)

    @contextmanager
    def _alone(self, repeatable: bool) -> Iterator[bool]:
        """Whether this layer is the one that tries again."""
        self._purse.earn()
        outer = _inside.get()
        token = _inside.set(outer or repeatable)
        try:
            yield repeatable and not outer
        finally:
            _inside.reset(token)

    def _next(self, error: Exception, made: int, first: bool) -> float | None:
        again = self._judge(error) if first else None
        wait = None if again is None else pause(self._patience, made, again, self._chance())
        if wait is None or wait >= remaining() or not self._purse.spend():
            return None
        self._tell(wait)
        return wait
