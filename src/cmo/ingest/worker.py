"""The worker process: reads one file after another, or draws pages of them, within limits, and says over a pipe what it found.

Run by `ParserPool` and `Drawer` as ``python -m cmo.ingest.worker <work> <limits>``, not by people. It ends when its standard input
does, so it never outlives its pool: at rest it sees the end of the pipe; at work the pipe's hang-up signal, or at the
latest the alarm that bounds the file, ends it even inside a library.

The real standard output is kept for frames alone; whatever a library prints goes nowhere. Errors are heard until the
worker is ready.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import orjson

from cmo.errors import PaperRefused
from cmo.ingest.codec import to_json_bytes
from cmo.ingest.frames import Frame, Kind, pack, receive
from cmo.ingest.limits import Limits
from cmo.model.outcomes import Refusal
from cmo.model.papers import ParsedPaper

Work = Callable[..., ParsedPaper | bytes]
"""Is given a path, the bytes that a file may have, and an order where there is one."""

MEMORY_REMEDY = "Split the file, or raise CMO_PARSE_MEGABYTES."
_ALARM_MARGIN_SECONDS = 5.0
"""The pool ends a slow worker; the worker's own alarm only matters when the pool is gone."""


def main(target: str, limits: Limits) -> None:
    """Serve files until the input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    _bound(limits)
    work = _load(target)
    os.dup2(silence, 2)
    _send(replies, Frame(Kind.READY, b"%d" % _peak_bytes()))
    while frame := receive(sys.stdin.buffer):
        with _Guard(limits, sys.stdin.buffer):
            path, _, order = frame.payload.partition(b"\0")
            reply = _reply(work, Path(os.fsdecode(path)), order, limits)
        _send(replies, reply)


def _peak_bytes() -> int:
    """Peak memory; Linux counts what the pool had in use when it started this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _send(stream: BinaryIO, frame: Frame) -> None:
    stream.write(pack(frame))
    stream.flush()


def _reply(work: Work, path: Path, order: bytes, limits: Limits) -> Frame:
    try:
        found = work(path, limits.file_bytes, *((order,) if order else ()))
        return Frame(Kind.PAPER, found if isinstance(found, bytes) else to_json_bytes(found))
    except PaperRefused as refused:
        return Frame(Kind.REFUSED, orjson.dumps([refused.reason, refused.detail, refused.remedy]))
    except MemoryError:
        detail = f"Reading {path.name} took more than {limits.memory_bytes / 1e6:,.0f} MB of memory."
        return Frame(Kind.REFUSED, _printable([Refusal.TOO_MUCH_MEMORY, detail, MEMORY_REMEDY]))
    except Exception as error:  # noqa: BLE001 - whatever a reader does, it costs this file alone
        return Frame(Kind.FAILED, _printable([type(error).__name__, str(error)[:500]]))


def _printable(parts: list[str]) -> bytes:
    return orjson.dumps([part.encode("utf-8", "replace").decode() for part in parts])


def _bound(limits: Limits) -> None:
    os.putenv("OPENBLAS_NUM_THREADS", "1")  # each thread would reserve address space, on large machines all of it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _load(target: str) -> Work:
    module, _, name = target.partition(":")
    work: Work = getattr(import_module(module), name)
    return work


class _Guard:
    """Ends the process when one file takes too long, or when the pool goes away meanwhile."""

    def __init__(self, limits: Limits, pipe: BinaryIO) -> None:
        self._limits = limits
        self._fd = pipe.fileno()

    def __enter__(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = int(used.ru_utime + used.ru_stime) + 1 + self._limits.cpu_seconds
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self._limits.wall_seconds + _ALARM_MARGIN_SECONDS)
        self._signal_on_hangup(on=True)

    def __exit__(self, *_: object) -> None:
        self._signal_on_hangup(on=False)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _signal_on_hangup(self, *, on: bool) -> None:
        """SIGIO, which ends the process, when the other end of the input pipe closes (Linux)."""
        fcntl.fcntl(self._fd, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, flags | os.O_ASYNC if on else flags & ~os.O_ASYNC)


if __name__ == "__main__":
    main(sys.argv[1], Limits(**orjson.loads(sys.argv[2])))
