"""An event loop in which waiting takes no time: hours of sleeps and timeouts pass in the order in which they would.

::

    nothing is ready --> the clock jumps to the next timer --> it is ready

Deterministic, so simulations and tests run the real code. For work that waits for timers alone: a socket or a thread
would be waited for in vain.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")
_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop, which is a clock as well."""

    def __init__(self) -> None:
        self._moment = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Seconds since it began."""
        return self._moment

    def monotonic(self) -> float:
        """The same."""
        return self._moment

    def now(self) -> datetime:
        """A time of day that fits."""
        return _BEGAN + timedelta(seconds=self._moment)

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._moment += seconds


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("Nothing will ever happen: all wait for what no timer brings.")
        self._loop.jump(max(0.0, timeout))
        return super().select(0)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def clock() -> VirtualLoop:
    """The clock of the virtual loop that runs now."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop
