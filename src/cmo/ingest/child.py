"""One worker process as its pool sees it: give it a file, read its reply, learn why it died.

::

    started --file--> at work --reply--> at rest --file--> ...
                         +--too slow, killed, crashed--> gone
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Generic, TypeVar

import orjson

from cmo.errors import PaperRefused
from cmo.ingest.frames import BadFrame, Frame, Kind, pack, unpack
from cmo.ingest.limits import Limits
from cmo.model.outcomes import Refusal

T = TypeVar("T")

_READ_BYTES = 1 << 20
_LAST_BREATH_SECONDS = 1.0
"""How long a process that closed its output may take to end by itself, so that it can say why."""
_MEMORY_SHARE = 0.5
"""A library that aborts with more than this part of its memory in use has most likely run out of it."""
_EXPORT = "Open it in another program and export it again; report it if the file looks fine."
_SIMPLER = "Split it or export a simpler copy, or raise CMO_PARSE_SECONDS or CMO_PARSE_MEGABYTES."


class WorkerBroken(RuntimeError):
    """The worker ended before it was ready; its complaint is on standard error."""


class Child(Generic[T]):
    """A running worker and the file it works on.

    Args:
        work: what it does, as ``module:function``.
        limits: for one file.
        decode: reads what it sends.
    """

    def __init__(self, work: str, limits: Limits, decode: Callable[[bytes], T]) -> None:
        self._limits = limits
        self._decode = decode
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", "cmo.ingest.worker", work, orjson.dumps(asdict(limits)).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            process_group=0,  # Ctrl-C reaches the pool alone, which then ends its workers
        )
        self._buffer = bytearray()
        self._ready = False
        self._inherited = 0
        self.path: Path | None = None
        self.deadline = 0.0
        self.served = 0

    def fileno(self) -> int:
        """Of the pipe that replies come from, for a selector."""
        assert self._process.stdout
        return self._process.stdout.fileno()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def start(self, path: Path, order: bytes = b"") -> None:
        """Begin with a file, and what is to be done with it where there is a choice. A worker that died meanwhile is noticed when its reply is read."""
        self.path = path
        self.served += 1
        self._give_time()
        try:
            assert self._process.stdin
            self._process.stdin.write(pack(Frame(Kind.FILE, b"\0".join((os.fsencode(path), order)))))
        except BrokenPipeError:
            pass

    def read(self) -> T | PaperRefused | None:
        """What has arrived: the outcome, or None while it is incomplete. Raises `WorkerBroken`."""
        assert self.path
        data = os.read(self.fileno(), _READ_BYTES)
        if not data:
            return self._died()
        self._buffer += data
        self._give_time()  # it is sending, and waits for us to take it
        try:
            return self._outcome()
        except (BadFrame, ValueError):
            self.end()
            detail = f"The reader of {self.path.name} sent something other than what was asked for."
            return PaperRefused(Refusal.CRASHED, detail, _EXPORT)

    def overdue(self, now: float) -> PaperRefused | None:
        """The refusal of its file if time is up; the process is ended then."""
        if now < self.deadline or self.path is None:
            return None
        self.end()
        return self._too_slow(f"{self._limits.wall_seconds:g} s")

    def end(self) -> tuple[int, int]:
        """Kill the process if it still runs. Returns its exit status (negative for a signal) and peak memory in bytes."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        return self._wait(patience=0.0)

    @property
    def alive(self) -> bool:
        """Whether it still runs: one that died at rest must not cost the next file."""
        return self._process.poll() is None

    def _outcome(self) -> T | PaperRefused | None:
        while frame := unpack(self._buffer):
            if frame.kind is Kind.READY:
                self._ready, self._inherited = True, int(frame.payload)
                continue
            return self._of(frame)
        return None

    def _of(self, frame: Frame) -> T | PaperRefused:
        assert self.path
        match frame.kind:
            case Kind.PAPER:
                return self._decode(frame.payload)
            case Kind.REFUSED:
                reason, detail, remedy = orjson.loads(frame.payload)
                return PaperRefused(reason, detail, remedy)
            case Kind.FAILED:
                kind, message = orjson.loads(frame.payload)
                detail = f"The reader failed on {self.path.name} ({kind}: {message})."
                return PaperRefused(Refusal.CRASHED, detail, _EXPORT)
            case Kind.FILE | Kind.READY:
                raise BadFrame("a worker sends no such frame here")

    def _give_time(self) -> None:
        self.deadline = time.monotonic() + self._limits.wall_seconds

    def _died(self) -> PaperRefused:
        status, memory = self._wait(_LAST_BREATH_SECONDS)
        self.end()
        if not self._ready:
            raise WorkerBroken(f"A parser worker could not start (exit status {status}); see standard error.")
        assert self.path
        if -status in {signal.SIGXCPU, signal.SIGALRM}:
            return self._too_slow(f"{self._limits.cpu_seconds} s of processor time")
        full = memory > max(self._inherited, _MEMORY_SHARE * self._limits.memory_bytes)
        if -status == signal.SIGKILL or (status < 0 and full):
            detail = f"Reading {self.path.name} took more memory than {self._limits.memory_bytes / 1e6:,.0f} MB."
            return PaperRefused(Refusal.TOO_MUCH_MEMORY, detail, _SIMPLER)
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return PaperRefused(Refusal.CRASHED, f"The reader crashed on {self.path.name} ({how}).", _EXPORT)

    def _too_slow(self, limit: str) -> PaperRefused:
        assert self.path
        return PaperRefused(Refusal.TOO_SLOW, f"Reading {self.path.name} took longer than {limit}.", _SIMPLER)

    def _wait(self, patience: float) -> tuple[int, int]:
        """Reap the process, after some patience by force; its own account of memory needs `wait4`."""
        if self._process.returncode is not None:
            return self._process.returncode, 0
        until = time.monotonic() + patience
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        while not pid and time.monotonic() < until:
            time.sleep(0.005)
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if not pid:
            self._process.kill()
            _, status, usage = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode, usage.ru_maxrss * 1024
