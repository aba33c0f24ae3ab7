"""Connections go first to a worker that has time, and to any rather than to none."""

import asyncio
import socket
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cmo.web import fair

IDLE, BUSY = "idle", "busy"


class Greeting(asyncio.Protocol):
    """Says who took the connection."""

    def __init__(self, name: str) -> None:
        self._name = name

    def connection_made(self, transport: Any) -> None:
        transport.write(self._name.encode())
        transport.close()


@pytest.fixture
def shared() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made


@contextmanager
def door(shared: socket.socket, name: str, questions: int) -> Iterator[fair.Door]:
    """Of a worker that is at work on so many questions."""
    loop = asyncio.get_running_loop()
    with shared.dup() as own:
        made = fair.Door(loop, lambda: Greeting(name), own, context=None, backlog=100, busy=lambda: questions)
        yield made
        made.close()


async def taken_by(shared: socket.socket) -> str:
    reader, writer = await asyncio.open_connection(*shared.getsockname())
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=fair.Loop) as runner:
        runner.run(work)


@pytest.mark.parametrize("first", [IDLE, BUSY])
def test_who_comes_while_a_worker_is_free_does_not_wait_at_one_that_is_busy(shared: socket.socket, first: str) -> None:
    async def come() -> None:
        counts = {IDLE: 0, BUSY: 3}
        last = next(name for name in counts if name != first)
        with door(shared, first, counts[first]), door(shared, last, counts[last]):
            for _ in range(10):
                assert await taken_by(shared) == IDLE
                await asyncio.sleep(0.01)  # longer than either leaves to the other

    run(come())


def test_where_all_are_busy_all_who_come_are_taken_by_both(shared: socket.socket) -> None:
    async def come() -> None:
        with door(shared, "one", 50), door(shared, "other", 50):
            met = Counter(await asyncio.gather(*(taken_by(shared) for _ in range(60))))
        assert met.total() == 60
        assert len(met) == 2

    run(come())


def test_a_worker_that_ends_meanwhile_takes_nobody(shared: socket.socket) -> None:
    async def come() -> None:
        with door(shared, BUSY, 8) as ends:
            coming = asyncio.create_task(taken_by(shared))
            await asyncio.sleep(0)
            ends.close()
            with door(shared, IDLE, 0):
                assert await coming == IDLE

    run(come())


def test_a_loop_knows_how_busy_its_process_is(shared: socket.socket) -> None:
    async def come() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Greeting(IDLE), sock=shared)
        assert isinstance(server, fair.Door)
        assert server._busy() == 0
        fair.tell(loop, lambda: 4)
        assert server._busy() == 4
        server.close()

    run(come())
