"""How busy this machine and this process are: what the kernel says, without a library.

CPU is a share of time between two looks. Memory is what the container may take, where there is one. Where a system has
no ``/proc``, what it does not say is None.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cmo.kit.clock import Clock

_T = TypeVar("_T")
_PROC = Path("/proc")
_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
_KILO = 1024
_IDLE = slice(3, 5)
"""Of the fields of ``cpu`` in ``/proc/stat``: idle and waiting for the disk."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One look."""

    cpu_percent: float | None
    """Of all cores, since the look before."""
    process_cpu_percent: float
    """Of all cores, by this process."""
    memory_percent: float | None
    """Of what the machine or its container has."""
    memory_bytes: int | None
    """That this process holds."""
    cores: int


class Machine:
    """Looks, at most once in a while. Threads may share it.

    Args:
        clock: for the time between two looks.
        seconds: a look holds for so long.
        proc: where the kernel tells.
    """

    def __init__(self, clock: Clock, seconds: float = 10.0, proc: Path = _PROC) -> None:
        self._clock = clock
        self._seconds = seconds
        self._proc = proc
        self._lock = threading.Lock()
        self._last: Usage | None = None
        self._at, self._own, self._ticks = clock.monotonic(), time.process_time(), _ticks(proc)

    def usage(self) -> Usage:
        """How busy it is."""
        now = self._clock.monotonic()
        with self._lock:
            if self._last is None or now - self._at >= self._seconds:
                self._last = self._look(now)
            return self._last

    def _look(self, now: float) -> Usage:
        own, ticks = time.process_time(), _ticks(self._proc)
        passed = max(1e-3, now - self._at)
        usage = Usage(
            _busy(self._ticks, ticks),
            round(min(100.0, 100 * (own - self._own) / (passed * cores())), 2),
            _memory(self._proc),
            _resident(self._proc),
            cores(),
        )
        self._at, self._own, self._ticks = now, own, ticks
        return usage


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_left(proc: Path = _PROC) -> int | None:
    """Bytes that can still be taken, of the machine and of the container; None where the system does not tell."""
    free = _said(lambda: _kilobytes(proc / "meminfo", "MemAvailable"))
    rooms = [] if free is None else [free]
    for limit, current in _GROUPS:
        most = _said(lambda path=limit: int(path.read_text("ascii")))  # type: ignore[misc]
        held = _said(lambda path=current: int(path.read_text("ascii")))  # type: ignore[misc]
        if most is not None and held is not None:
            rooms.append(max(0, most - held + (_said(lambda path=current: _given_back(path.parent)) or 0)))  # type: ignore[misc]
    return min(rooms, default=None)


def _given_back(group: Path) -> int:
    """Bytes of files that a container holds and gives back when they are wanted."""
    lines = (group / "memory.stat").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.split()[0] in {"inactive_file", "total_inactive_file"})


def _ticks(proc: Path) -> tuple[int, int] | None:
    """Busy and all, since the machine started."""
    return _said(lambda: _counted((proc / "stat").read_text("ascii")))


def _counted(text: str) -> tuple[int, int]:
    fields = [int(field) for field in text.split("\n", 1)[0].split()[1:9]]
    if len(fields) < _IDLE.stop:
        raise ValueError("no times of a processor")
    return sum(fields) - sum(fields[_IDLE]), sum(fields)


def _busy(before: tuple[int, int] | None, now: tuple[int, int] | None) -> float | None:
    if before is None or now is None:
        return None
    passed = now[1] - before[1]
    return round(100 * (now[0] - before[0]) / passed, 2) if passed > 0 else 0.0


def _memory(proc: Path) -> float | None:
    for limit, current in _GROUPS:
        most = _said(lambda path=limit: int(path.read_text("ascii")))  # type: ignore[misc]
        held = _said(lambda path=current: int(path.read_text("ascii")))  # type: ignore[misc]
        total = _said(lambda: _kilobytes(proc / "meminfo", "MemTotal"))
        if most and held is not None and total and most <= total:  # else the container is as large as the machine
            return round(100 * held / most, 2)
    total = _said(lambda: _kilobytes(proc / "meminfo", "MemTotal"))
    free = _said(lambda: _kilobytes(proc / "meminfo", "MemAvailable"))
    return round(100 * (1 - free / total), 2) if total and free is not None else None


def _resident(proc: Path) -> int | None:
    return _said(lambda: _kilobytes(proc / "self" / "status", "VmRSS"))


def _kilobytes(path: Path, name: str) -> int:
    for line in path.read_text("ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * _KILO
    raise ValueError(name)


def _said(look: Callable[[], _T]) -> _T | None:
    try:
        return look()
    except (OSError, ValueError, IndexError, StopIteration):
        return None
