"""Who asks a service: a process of its own, with connections that stay, of which nothing is missed.

::

    job (JSON on stdin) --> closed loop: each connection asks anew when it was answered      --> how fast it is at most
                        '-> open loop: questions come when they come, whoever is still busy  --> how long people wait
    each reply: is it whole, of the right status, does it cite? --> figures (JSON on stdout)

In the open loop time runs from when a question was due, not from when it was sent: a service that stalls is not asked
less for that, and what came meanwhile has waited (what others call coordinated omission).

Whose connection a question comes on decides which worker hears it. People who know nothing of one another come each on one
of their own (`Job.strangers`), as browsers do that ask a question a minute: the service closes what is idle for five
seconds. Programs keep theirs; of those that are free the one asks that was free for longest. Were it the one that was just
answered, few connections would do, and a few are seldom shared evenly by workers.

Run by `cmo.bench.asking`: ``python -m cmo.bench.asker < job.json``.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import resource
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson

from cmo.bench.job import BROKEN, WRONG, Heard, Job, Waited, due
from cmo.kit.tally import quantile

_IDLE_SECONDS: Final = 3.0
"""After which a connection is not used again: uvicorn closes those that wait for five."""
_AGAIN_SECONDS: Final = 0.1
_AT_FIRST: Final = 16
_POINTS: Final = 2_000
_ENDS_WITHIN: Final = 30.0
"""That what was asked may take when nothing more is asked."""
_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


class Line(asyncio.Protocol):
    """One connection: a request at a time, its reply read as far as it must be."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._transport: Any = None
        self._data = b""
        self._whole = 0
        self.asked: tuple[int, float] | None = None
        """What is asked just now: number of the body, and when it was due."""
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = transport

    def ask(self, number: int, when: float) -> None:
        """Send a question."""
        self.asked, self._data, self._whole = (number, when), b"", 0
        self._transport.write(self._asker.requests[number])

    def data_received(self, data: bytes) -> None:
        """Part of a reply."""
        self._data = self._data + data if self._data else data
        if not self._whole:
            end = self._data.find(_HEAD)
            if end < 0:
                return
            at = self._data.find(_LENGTH, 0, end + 2)
            if at < 0:
                self._answered(WRONG)  # a service that is measured says how long its replies are
                return
            self._whole = end + len(_HEAD) + int(self._data[at + len(_LENGTH) : self._data.index(b"\r", at)])
        if len(self._data) >= self._whole:
            self._answered(int(self._data[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It is no longer there."""
        if self.asked is not None:
            self._answered(BROKEN)
        self._asker.lost(self)

    def close(self) -> None:
        """End it."""
        self._transport.close()

    def _answered(self, status: int) -> None:
        assert self.asked is not None
        (number, when), self.asked = self.asked, None
        data = self._data
        if status == HTTPStatus.OK and not all(part in data for part in self._asker.holds):
            status = WRONG
        self._asker.heard(self, number, when, status, data)


@dataclass
class Asker:
    """Asks, and keeps what came of it."""

    job: Job
    requests: list[bytes] = field(default_factory=list)
    holds: tuple[bytes, ...] = ()
    began: float = 0.0
    count: int = 0
    at: array[float] = field(default_factory=lambda: array("d"))
    took: array[float] = field(default_factory=lambda: array("d"))
    status: array[int] = field(default_factory=lambda: array("h"))
    late: array[float] = field(default_factory=lambda: array("d"))
    example: str = ""
    good: list[int] = field(default_factory=list)
    _free: deque[Line] = field(default_factory=deque)
    _lines: set[Line] = field(default_factory=set)
    _most: int = 0
    _queue: deque[tuple[int, float]] = field(default_factory=deque)
    _opening: int = 0
    _waiting: int = 0
    _next: Iterator[int] = field(default_factory=itertools.count)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _quiet: asyncio.Event | None = None

    async def run(self) -> Heard:
        """Do the job."""
        job = self.job
        self.requests = [_request(job, body) for body in job.bodies]
        self.holds = tuple(part.encode() for part in job.holds)
        numbers = range(len(job.bodies))
        self._next = iter(numbers) if job.once else itertools.cycle((*numbers[job.first :], *numbers[: job.first]))
        for _ in range(self._at_first()):
            await self._open()  # one after the other, as people come: so each worker gets some
        gc.collect()
        gc.freeze()
        gc.disable()
        self.began, cpu = time.perf_counter(), _cpu()
        await (self._openly() if job.rate else self._closed())
        wall, cpu = time.perf_counter() - self.began, _cpu() - cpu
        return self._told(wall, cpu)

    def _at_first(self) -> int:
        """Connections that are there when it begins."""
        if self.job.strangers:
            return 0
        return min(self.job.connections, _AT_FIRST) if self.job.rate else self.job.connections

    @property
    def ends(self) -> float:
        """When the last question is asked, in seconds since the beginning."""
        return self.job.warm_seconds + self.job.seconds

    # -- two ways of asking --------------------------------------------------------------------------------------

    async def _closed(self) -> None:
        while self._free:
            self._again(self._free.popleft())
        await self._until_quiet(self.ends + _ENDS_WITHIN)

    def _again(self, line: Line) -> None:
        now = time.perf_counter()
        if self.job.once or now - self.began < self.ends:
            number = next(self._next, None)
            if number is not None:
                line.ask(number, now)

    def _once_more(self, line: Line, number: int) -> None:
        self._waiting -= 1
        if line in self._lines and (self.job.once or time.perf_counter() - self.began < self.ends):
            line.ask(number, time.perf_counter())
        else:
            self._look()

    async def _openly(self) -> None:
        for at in due(self.job.rate, self.ends, self.job.seed):
            if (left := self.began + at - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            self._ask(next(self._next), self.began + at)
            if len(self.late) % 64 == 0:
                await asyncio.sleep(0)  # when late: replies are read as well
        await self._until_quiet(_ENDS_WITHIN)

    async def _until_quiet(self, seconds: float) -> None:
        """Wait for what was asked; whoever heard nothing by then counts as wrong."""
        self._quiet = asyncio.Event()
        if self._busy():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), seconds)

    def _look(self) -> None:
        if self._quiet is not None and not self._busy():
            self._quiet.set()

    def _busy(self) -> bool:
        return bool(self._queue or self._waiting) or any(line.asked for line in self._lines)

    def _ask(self, number: int, when: float) -> None:
        now = time.perf_counter()
        self.late.append(now - when)
        while self._free:
            line = self._free.popleft()
            if now - line.idle_since < _IDLE_SECONDS and line in self._lines:
                line.ask(number, when)
                return
            line.close()
        self._queue.append((number, when))
        self._one_comes()

    def _one_comes(self) -> None:
        """Somebody with a question that waits, as long as there are not too many."""
        if self._opening < len(self._queue) and len(self._lines) + self._opening < self.job.connections:
            self._opening += 1
            self._tasks.add(task := asyncio.get_running_loop().create_task(self._one_more()))
            task.add_done_callback(self._tasks.discard)

    async def _one_more(self) -> None:
        try:
            await self._open()
        finally:
            self._opening -= 1
        while self._queue and self._free:
            self._free.popleft().ask(*self._queue.popleft())

    async def _open(self) -> None:
        _, line = await asyncio.get_running_loop().create_connection(lambda: Line(self), "127.0.0.1", self.job.port)
        line.idle_since = time.perf_counter()
        self._lines.add(line)
        self._free.append(line)
        self._most = max(self._most, len(self._lines))

    # -- what is heard -------------------------------------------------------------------------------------------

    def heard(self, line: Line, number: int, when: float, status: int, data: bytes) -> None:
        """A reply, or what was to be one."""
        now = time.perf_counter()
        self.count += 1
        if now - self.began >= self.job.warm_seconds:
            self.at.append(now - self.began - self.job.warm_seconds)
            self.took.append(now - when)
            self.status.append(status)
        if status == HTTPStatus.OK:
            if self.job.once:
                self.good.append(number)
        elif status not in self.job.refusals and not self.example:
            self.example = f"{self.job.bodies[number][:200]} -> {status}: {data[:600].decode('utf-8', 'replace')}"
        line.idle_since = now
        if status != BROKEN:
            self._go_on(line, number, status)
        if line.asked is None:
            self._look()

    def _go_on(self, line: Line, number: int, status: int) -> None:
        """What a connection is for, now that it was answered."""
        if self.job.strangers:
            self._lines.discard(line)
            line.close()
            self._one_comes()
        elif not self.job.rate and status in self.job.refusals:
            self._waiting += 1
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._once_more, line, number)
        elif not self.job.rate:
            self._again(line)
        elif self._queue:
            line.ask(*self._queue.popleft())
        else:
            self._free.append(line)

    def lost(self, line: Line) -> None:
        """A connection is gone."""
        self._lines.discard(line)

    def _told(self, wall: float, cpu: float) -> Heard:
        seconds = wall if self.job.once else self.job.seconds
        within = [n for n, at in enumerate(self.at) if at <= seconds]
        ok = [self.took[n] for n in within if self.status[n] == HTTPStatus.OK]
        refused = [t for t, status in zip(self.took, self.status, strict=True) if status in self.job.refusals]
        late = [t for t, status in zip(self.took, self.status, strict=True) if status == HTTPStatus.OK]
        allowed = {HTTPStatus.OK.value, *self.job.refusals}
        unheard = len(self._queue) + sum(line.asked is not None for line in self._lines)
        wrong = sum(status not in allowed for status in self.status) + unheard
        step = max(1, len(self.at) // _POINTS)
        return Heard(
            round(seconds, 3), Waited.of(late), Waited.of(refused),
            {str(status): n for status, n in sorted(Counter(self.status).items())},
            wrong, self.example or (f"{unheard} questions heard nothing" if unheard else ""),
            round(len(ok) / seconds, 2), round(len(within) / seconds, 2), self.count, round(cpu / max(wall, 1e-9), 3),
            round(1000 * quantile(sorted(self.late), 0.99), 3) if self.late else 0.0, self._most,
            tuple(sorted(self.good)),
            tuple((round(self.at[n], 3), round(self.took[n], 5), self.status[n]) for n in range(0, len(self.at), step)),
        )  # fmt: skip


def _request(job: Job, body: str) -> bytes:
    data = body.encode()
    head = f"POST {job.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{job.headers}"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Read a job, do it, write what came of it."""
    facts: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    heard = asyncio.run(Asker(Job(**facts)).run())
    sys.stdout.buffer.write(orjson.dumps(asdict(heard)))


if __name__ == "__main__":
    main()
