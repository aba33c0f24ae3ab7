"""Files are read in processes of their own, so that a hostile file costs only itself.

::

    paths --admit--> idle worker --reply--> (path, paper or refusal)
                       |  too slow, out of memory, crashed
                       +--> killed, its file refused, a fresh worker takes its place

One thread drives the pool; results come as they complete. Nothing is read ahead beyond one file a worker.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from cmo.errors import PaperRefused
from cmo.ingest import files
from cmo.ingest.child import Child, WorkerBroken
from cmo.ingest.codec import from_json_bytes
from cmo.ingest.limits import Limits
from cmo.model.outcomes import Refusal
from cmo.model.papers import ParsedPaper

__all__ = ["Limits", "ParserPool", "Result", "WorkerBroken"]

Result = tuple[Path, ParsedPaper | PaperRefused]

DEFAULT_LIMITS = Limits()
DEFAULT_PARSE = "cmo.ingest.parse:parse_one"


class ParserPool:
    """Workers that read files within limits. Enter it to use it; workers start when first needed.

    `parse` names a function ``(path, max_bytes) -> ParsedPaper`` as ``module:function``; workers import it.
    """

    def __init__(self, workers: int = 2, limits: Limits = DEFAULT_LIMITS, *, parse: str = DEFAULT_PARSE) -> None:
        self._size = workers
        self._limits = limits
        self._parse = parse
        self._idle: list[Child[ParsedPaper]] = []
        self._busy: list[Child[ParsedPaper]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers at once, whatever they do."""
        for child in (*self._idle, *self._busy):
            child.end()
        self._idle, self._busy = [], []

    @property
    def pids(self) -> frozenset[int]:
        """Of the workers that run now."""
        return frozenset(child.pid for child in (*self._idle, *self._busy))

    def parse(self, path: Path) -> ParsedPaper:
        """Read one file. Raises `PaperRefused`, or `WorkerBroken` when no worker can start."""
        ((_, result),) = self.parse_many([path])
        if isinstance(result, PaperRefused):
            raise result
        return result

    def parse_many(self, paths: Iterable[Path]) -> Iterator[Result]:
        """Read files, each result as soon as it is there; one call at a time.

        Leaving the loop early ends the workers that are still at work. Raises `WorkerBroken`.
        """
        if self._busy:
            raise RuntimeError("This pool is reading already; finish that loop first, or use another pool.")
        waiting = iter(paths)
        done: deque[Result] = deque()
        try:
            while True:
                self._fill(waiting, done)
                if not done and not self._busy:
                    return
                self._collect(done)
                if done:
                    yield done.popleft()
        finally:
            for child in self._busy:
                child.end()
            self._busy = []

    def _fill(self, waiting: Iterator[Path], done: deque[Result]) -> None:
        """Give every free worker a file, as long as results are being taken."""
        while len(self._busy) < self._size and len(done) < self._size:
            path = next(waiting, None)
            if path is None:
                return
            try:
                files.admit(path, self._limits.file_bytes)
            except PaperRefused as refused:
                done.append((path, refused))
                continue
            child = self._free()
            self._busy.append(child)
            child.start(path)

    def _free(self) -> Child[ParsedPaper]:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            child.end()
        return Child(self._parse, self._limits, from_json_bytes)

    def _collect(self, done: deque[Result]) -> None:
        """Take what has arrived; wait for something only if there is nothing to hand out."""
        if not self._busy:
            return
        patience = 0.0 if done else max(0.0, min(c.deadline for c in self._busy) - time.monotonic())
        with selectors.DefaultSelector() as selector:
            for child in self._busy:
                selector.register(child, selectors.EVENT_READ)
            spoken = [key.fileobj for key, _ in selector.select(patience)]
        now = time.monotonic()
        for child in list(self._busy):
            result = child.read() if child in spoken else child.overdue(now)
            if result is not None:
                assert child.path
                done.append((child.path, result))
                self._release(child, result)

    def _release(self, child: Child[ParsedPaper], result: ParsedPaper | PaperRefused) -> None:
        """Keep a sound worker for the next file; end one that is worn or ran out of memory."""
        self._busy.remove(child)
        starved = isinstance(result, PaperRefused) and result.reason == Refusal.TOO_MUCH_MEMORY
        if child.alive and not starved and child.served < self._limits.recycle_after:
            self._idle.append(child)
        else:
            child.end()
