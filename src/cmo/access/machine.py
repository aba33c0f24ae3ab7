"""Rates of the processes of one machine, in a file that all of them map into memory: the same rule, without a server.

::

    caller --hash--> a bucket of eight rows --its own, or one whose caller is quiet--> GCRA --> written back, under a lock

A row is a caller's hash and the moment of `cmo.kit.rate`. Who has been quiet is the same as one never seen, so a row is
free as soon as its moment has passed. Where eight callers of a bucket all ask just now, further ones share a row with one of
them: a flood of names gains nobody more. Monotonic time is that of the machine, so that its processes agree on it.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Final

from cmo.kit.rate import Rate, admit
from cmo.kit.refusal import Refused

_ROW: Final = Struct("<Qd")
_WAYS: Final = 8
_BUCKETS: Final = 8_192
_BYTES: Final = _BUCKETS * _WAYS * _ROW.size
_WAIT_SECONDS: Final = 0.05
"""For the lock, which is held for microseconds; a process that was stopped just then holds up nobody for longer."""
_TRY_SECONDS: Final = 0.0002


class MachineRates:
    """How often callers ask, in all processes that have the same file. Threads may share it.

    Args:
        path: of the file; made where there is none.
        monotonic: the clock, of the machine.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._file = -1
        self._table: mmap.mmap | None = None

    async def admit(self, caller: str, rate: Rate) -> float | None:
        """Seconds after which a call is admitted: 0 for now; None where nobody knows."""
        try:
            with self._turn, self._alone() as table:
                return self._admitted(table, caller, rate)
        except OSError:  # the file is gone or the lock is not to be had: each process counts for itself
            return None

    async def aclose(self) -> None:
        """Give back the file."""
        with self._turn:
            if self._table is not None:
                self._table.close()
                os.close(self._file)
                self._table, self._file = None, -1

    def _admitted(self, table: mmap.mmap, caller: str, rate: Rate) -> float:
        mine = int.from_bytes(hashlib.blake2b(caller.encode(), digest_size=8).digest()) or 1
        now = self._monotonic()
        place, kept, moment = _found(table, mine, now)
        after = admit(rate, moment, now)
        if isinstance(after, Refused):
            return after.after
        _ROW.pack_into(table, place, kept, after)
        return 0.0

    @contextmanager
    def _alone(self) -> Iterator[mmap.mmap]:
        """The table, which no other process changes meanwhile.

        Raises:
            OSError: it cannot be had.
        """
        table = self._table or self._opened()
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise
                time.sleep(_TRY_SECONDS)
        try:
            yield table
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _opened(self) -> mmap.mmap:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(file, _BYTES)  # what is new is zero: a row of nobody, long quiet
            table = mmap.mmap(file, _BYTES)
        except (OSError, ValueError):
            os.close(file)
            raise
        self._file, self._table = file, table
        return table


def _found(table: mmap.mmap, mine: int, now: float) -> tuple[int, int, float]:
    """Where the row of a caller is, whose it is to be, and its moment."""
    first = mine % _BUCKETS * _WAYS * _ROW.size
    rows = [(place, *_ROW.unpack_from(table, place)) for place in range(first, first + _WAYS * _ROW.size, _ROW.size)]
    own = next((row for row in rows if row[1] == mine), None)
    if own is not None:
        return own
    quiet = next((row for row in rows if row[2] <= now), None)
    return rows[-1] if quiet is None else (quiet[0], mine, -1.0)
