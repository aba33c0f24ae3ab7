"""`cmo serve` on a base, in processes of its own, and what they take: processor, memory, descriptors (as Linux tells it)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from cmo.errors import NotFound
from cmo.kit.begun import await_answer

_STARTS_WITHIN: Final = 120.0
_ENDS_WITHIN: Final = 20.0
_ESTABLISHED: Final = "01"
_DOORS: Final = 8
"""Connections by which it is seen which processes answer."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the processes of a service take together."""

    cpu: float
    """Seconds since they began."""
    memory: float
    """MB, a page that several share counted once (PSS)."""
    descriptors: int


@dataclass(frozen=True, slots=True)
class Running:
    """A service."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def taken(self) -> Taken:
        """What its processes take now."""
        pids = _family(self.process.pid)
        return Taken(
            sum(map(_cpu, pids)), sum(map(_memory, pids)), sum(len(list(Path(f"/proc/{p}/fd").iterdir())) for p in pids)
        )

    def awake(self, workers: int) -> None:
        """Wait until so many processes take connections.

        Raises:
            NotFound: they do not.
        """
        ends = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < ends and self.process.poll() is None:
            with ExitStack() as doors:
                for _ in range(_DOORS):
                    door = doors.enter_context(closing(socket.create_connection(("127.0.0.1", self.port))))
                    door.sendall(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    door.recv(1)
                if len(self._owners()) >= workers:
                    return
            time.sleep(0.2)
        raise NotFound(f"Fewer than {workers} processes of the service answer after {_STARTS_WITHIN:g} s.")

    def _owners(self) -> set[int]:
        """Processes that hold an open connection."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
        port = f":{self.port:04X}"
        doors = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(port) and row[3] == _ESTABLISHED}
        return {pid for pid in _family(self.process.pid) if doors & _held(pid)}


@contextmanager
def running(folder: Path, workers: int, /, **environment: str) -> Iterator[Running]:
    """`cmo serve` on a base; it answers once it is entered.

    Raises:
        NotFound: it does not begin.
    """
    port = free_port()
    program = str(Path(sys.executable).with_name("cmo"))
    given = [f"CMO_HOME={folder}", "CMO_DRAIN_SECONDS=0", *(f"{name}={value}" for name, value in environment.items())]
    command = ["env", *given, program, "serve", "--port", str(port), "--workers", str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    try:
        one = Running(port, process)
        failure = NotFound("The service did not begin; try `cmo serve` on the same base to see why.")
        await_answer(process, lambda: answers(f"{one.address}/health"), _STARTS_WITHIN, failure)
        yield one
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    family = _family(process.pid) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:  # what is measured next should not share the machine with it
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def answers(url: str) -> bool:
    """Whether something answers there, and is well."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text("ascii").split():
            found += _family(int(child))
    return found


def _held(pid: int) -> set[str]:
    held = set()
    for door in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            held.add(str(door.readlink()))
    return held


def _cpu(pid: int) -> float:
    """Seconds, of users and of the system."""
    facts = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
