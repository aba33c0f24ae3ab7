"""Connections to a language model for coroutines: so many at once, the next waits its turn within the deadline.

::

    async with pool.get_connection() as line:      # a turn
        said = await line.complete(messages, most_tokens=200)
        async for piece in line.stream(messages, most_tokens=200): ...

The work is the endpoint's, in threads of the pool's own, so that no event loop ever waits for a model.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from cmo.kit import deadline
from cmo.kit.deadline import in_context
from cmo.kit.refusal import Refused, Why, out_of_time
from cmo.llm.endpoint import ChatEndpoint
from cmo.model.chat import Completion, Message

T = TypeVar("T")


class Connection:
    """One turn at a model, for one coroutine."""

    def __init__(self, chat: ChatEndpoint, threads: ThreadPoolExecutor) -> None:
        self._chat = chat
        self._threads = threads

    @property
    def name(self) -> str:
        """Of the model."""
        return self._chat.name

    async def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """What it says next; errors are those of the endpoint."""
        return await self._run(lambda: self._chat.complete(messages, most_tokens=most_tokens, schema=schema))

    async def stream(self, messages: Sequence[Message], *, most_tokens: int) -> AsyncGenerator[str, None]:
        """The same in pieces as they come."""
        speech = self._chat.stream(messages, most_tokens=most_tokens)
        try:
            while (piece := await self._run(lambda: next(speech, None))) is not None:
                yield piece
        finally:
            await asyncio.shield(self._run(speech.close))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, in_context(work))


class ConnectionPool:
    """So many connections to one model.

    Args:
        chat: the endpoint; its connections should be as many.
        max_connections: turns at once.
        wait_seconds: for a turn, where no deadline says less.
    """

    def __init__(self, chat: ChatEndpoint, *, max_connections: int, wait_seconds: float) -> None:
        self._chat = chat
        self._wait = wait_seconds
        self._turns = asyncio.Semaphore(max_connections)
        self._threads = ThreadPoolExecutor(max_connections, thread_name_prefix="cmo-llm")

    @asynccontextmanager
    async def get_connection(self) -> AsyncIterator[Connection]:
        """A turn for the length of a block.

        Raises:
            Overloaded: all turns were taken for as long as one may wait.
            OutOfTime: the deadline passed meanwhile.
        """
        left = deadline.remaining()
        try:
            async with asyncio.timeout(min(self._wait, left)):
                await self._turns.acquire()
        except TimeoutError:
            if left <= self._wait:
                raise out_of_time(self._chat.host) from None
            raise Refused(Why.FULL, math.ceil(self._wait)).error(self._chat.host) from None
        try:
            yield Connection(self._chat, self._threads)
        finally:
            self._turns.release()

    def close(self) -> None:
        """Wait for nobody. The endpoint is closed by whoever opened it."""
        self._threads.shutdown(wait=False, cancel_futures=True)
