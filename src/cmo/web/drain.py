"""Going without anybody noticing: told to end, the service first says so, and goes on serving until nobody is sent any more.

::

    SIGTERM --> /ready says 503, each reply closes its connection --drain seconds--> what uvicorn does: no new
                                                                                     connections, requests finished, end
    SIGTERM again, SIGINT --> at once
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cmo.web.desk import Desk

log = logging.getLogger("cmo.web")


@contextmanager
def draining(desk: Desk, seconds: float) -> Iterator[None]:
    """Drain on SIGTERM while a block is entered; to be entered in the event loop of the main thread.

    Args:
        desk: is told that it is leaving.
        seconds: between saying so and ending.
    """
    ends: Any = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()
    if not seconds or not callable(ends):
        yield
        return
    try:
        loop.add_signal_handler(signal.SIGTERM, _leave, desk, ends, loop, seconds)
    except (ValueError, RuntimeError):  # not the main thread: whoever runs us ends us in another way
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, ends)


def _leave(
    desk: Desk, ends: Callable[[int, FrameType | None], Any], loop: asyncio.AbstractEventLoop, seconds: float
) -> None:
    if desk.leaving:
        ends(signal.SIGTERM, None)
        return
    desk.leaving = True
    log.info("ends in %g s; /ready says so from now on", seconds)
    loop.call_later(seconds, ends, signal.SIGTERM, None)
