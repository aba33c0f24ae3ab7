"""How workers of one service tell each other their numbers, so that whoever is asked can tell all of them.

::

    worker 0 --every second--> 0.json --.
    worker 1 --every second--> 1.json --+--> merged, by whichever worker is asked
    workers that ended ------> gone.json

A worker holds a lock on its number for as long as it lives. Who finds a file whose lock is free adds what it counted to
those that are gone, so no counter ever falls, however a worker ends; what a worker counted in the second before it was
killed is lost. Whoever is asked writes its own file first: no later reader may see less than was told.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cmo.ops.counts import Counts, State, decoded, merged

MOST_WORKERS: Final = 64


class Exchange:
    """This worker's place among the others.

    Args:
        folder: of this run of the service, the same for all workers; None where there is but one.
        counts: what this one counts.
    """

    def __init__(self, folder: Path | None, counts: Counts) -> None:
        self._folder = folder
        self._counts = counts
        self._held = -1
        self.number = 0
        """Of this worker, from 0; that of one that ended is given to the next."""

    def open(self) -> None:
        """Take a number.

        Raises:
            OSError: nothing can be written in the folder.
        """
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            for number in range(MOST_WORKERS):
                held = _locked(self._lock(number))
                if held is not None:
                    self._held, self.number = held, number
                    self._absorb(number)
                    return

    def publish(self) -> None:
        """Tell the others."""
        if self._folder is not None and self._held >= 0:
            _write(self._file(self.number), self._counts.state().encoded())

    def gathered(self) -> tuple[State, int]:
        """All workers' numbers, also of those that are gone, and how many are there."""
        if self._folder is None or self._held < 0:
            return self._counts.state(), 1
        self.publish()
        with self._alone():
            self._bury()
            files = sorted(self._folder.glob("*.json"))
            there = sum(file.stem != "gone" for file in files)
            return merged(state for file in files if (state := _read(file)) is not None), there

    def close(self) -> None:
        """Leave the number, and what was counted."""
        if self._folder is None or self._held < 0:
            return
        self.publish()
        with self._alone():
            self._absorb(self.number)
            os.close(self._held)
            self._held = -1

    def _bury(self) -> None:
        """Add up what workers left that ended without a word."""
        assert self._folder is not None
        for file in self._folder.glob("*.json"):
            if file.stem.isdecimal() and int(file.stem) != self.number:
                held = _locked(self._lock(int(file.stem)))
                if held is not None:
                    self._absorb(int(file.stem))
                    os.close(held)

    def _absorb(self, number: int) -> None:
        """Add what a worker left to those that are gone."""
        assert self._folder is not None
        left = _read(self._file(number))
        if left is not None:
            gone = self._folder / "gone.json"
            before = _read(gone) or State()
            _write(gone, merged((before, left.lasting())).encoded())
        self._file(number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{number}.json"

    def _lock(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{number}.lock"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        assert self._folder is not None
        with (self._folder / "all.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _locked(path: Path) -> int | None:
    """A lock that lasts as long as the process; None where another one has it."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held


def _write(path: Path, data: bytes) -> None:
    """Replace a file whole. Nothing is forced to the disk: it has to outlive a process, not the machine."""
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_bytes(data)
    fresh.replace(path)


def _read(file: Path) -> State | None:
    try:
        return decoded(file.read_bytes())
    except (OSError, ValueError):
        return None
