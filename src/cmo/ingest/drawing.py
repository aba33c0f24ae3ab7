"""Pages are drawn in a process of their own, as files are read in one: a hostile page costs itself, and no thread for long.

::

    order --> the worker, started when first needed --> PNG
                |  too slow, out of memory, crashed      '--a minute without another one--> ended
                '--> killed, the page refused; the next order starts a fresh one
"""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Final

import orjson

from cmo.errors import PaperRefused
from cmo.ingest.child import Child, WorkerBroken
from cmo.ingest.limits import Limits
from cmo.model.outcomes import Refusal
from cmo.model.papers import Box

LIMITS: Final = Limits(wall_seconds=20.0, cpu_seconds=15)
"""A page of a paper takes a tenth of a second."""
_REST_SECONDS: Final = 60.0
_WORK: Final = "cmo.ingest.page_image:draw_one"
_INSTEAD: Final = "Look at it in the file itself."


class Drawer:
    """Draws pages of PDFs within limits, one at a time. Threads may share it; nothing runs until the first page.

    Args:
        limits: of one page.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._turn = threading.Lock()
        self._child: Child[bytes] | None = None
        self._rest: threading.Timer | None = None

    @property
    def pid(self) -> int:
        """Of the worker; 0 where none runs."""
        return self._child.pid if self._child else 0

    def draw(self, path: Path, page: int, boxes: Sequence[Box], scale: float) -> bytes:
        """PNG of a page (1-based), `scale` pixels a point, with the boxes marked that lie on it.

        Raises:
            PaperRefused: the file cannot be opened, or the page not be drawn within the limits.
        """
        order = orjson.dumps([page, [astuple(box) for box in boxes if box.page == page], scale])
        with self._turn:
            self._wake()
            child = self._ready()
            try:
                drawn = _outcome(child, path, order)
            except WorkerBroken as error:
                self._end()
                raise PaperRefused(Refusal.CRASHED, f"Page {page} cannot be drawn now: {error}", _INSTEAD) from error
            if isinstance(drawn, PaperRefused):
                self._end()
                raise PaperRefused(drawn.reason, f"Page {page} cannot be drawn: {drawn.detail}", _INSTEAD)
            if child.served >= self._limits.recycle_after:
                self._end()
            else:
                self._sleep()
            return drawn

    def close(self) -> None:
        """End the worker."""
        with self._turn:
            self._wake()
            self._end()

    def _ready(self) -> Child[bytes]:
        if self._child is not None and not self._child.alive:
            self._end()
        self._child = self._child or Child(_WORK, self._limits, bytes)
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _wake(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _sleep(self) -> None:
        """End the worker after a minute without another page."""
        self._rest = threading.Timer(_REST_SECONDS, self.close)
        self._rest.daemon = True
        self._rest.start()


def _outcome(child: Child[bytes], path: Path, order: bytes) -> bytes | PaperRefused:
    """What became of an order. Raises `WorkerBroken`."""
    child.start(path, order)
    with selectors.DefaultSelector() as selector:
        selector.register(child, selectors.EVENT_READ)
        while True:
            spoken = selector.select(max(0.0, child.deadline - time.monotonic()))
            outcome = child.read() if spoken else child.overdue(time.monotonic())
            if outcome is not None:
                return outcome
