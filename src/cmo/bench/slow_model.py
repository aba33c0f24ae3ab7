"""A language model that takes its time: a real HTTP server of the chat protocol, in a thread of its own, on loopback.

How long it takes is drawn from a lognormal; what it says is somebody else's. Faults can be put in its way.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

MEDIAN_SECONDS: Final = 0.321
SIGMA: Final = 0.663
"""Together a mean of 400 ms and a 99th percentile of 1.5 s."""
_MOST_BODY: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent instead of an answer."""

    status: int = 200
    body: bytes = b""
    seconds: float = 0.0
    headers: str = ""
    cut: bool = False
    """The connection is cut without a word."""
    stalls: float = 0.0
    """It announces more than it sends, and falls silent for so many seconds."""


Says = Callable[[str], str]
"""A question to what the model says of it."""
Fault = Callable[[dict[str, Any]], Reply | None]
"""What happens to a request; None lets it be answered."""


class SlowModel:
    """Serves while entered.

    Args:
        seconds: median of the times; 0 for at once.
        sigma: of their logarithms.
        says: what it says to a question.
        fault: what happens to requests.
        seed: of the times.
    """

    def __init__(
        self,
        seconds: float = MEDIAN_SECONDS,
        sigma: float = SIGMA,
        *,
        says: Says = lambda _question: "{}",
        fault: Fault = lambda _body: None,
        seed: int = 0,
    ) -> None:
        self.fault = fault
        self.requests = 0
        self.at_once = 0
        self.most_at_once = 0
        self._seconds = seconds
        self._sigma = sigma
        self._rng = np.random.default_rng(seed)
        self._says = says
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="slow-model", daemon=True)
        self._stopped = asyncio.Event()
        self._port = 0

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, asyncio.CancelledError):
            pass  # the caller has gone, or we have
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
        body = json.loads(await reader.readexactly(min(length, _MOST_BODY)))
        self.requests += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            reply = self.fault(body) or self._answer(body)
            await asyncio.sleep(reply.seconds)
        finally:
            self.at_once -= 1
        if reply.cut:
            return False
        kind = "text/event-stream" if body.get("stream") and reply.status == 200 else "application/json"  # noqa: PLR2004
        writer.write(
            f"HTTP/1.1 {reply.status} -\r\nContent-Type: {kind}\r\n{reply.headers}"
            f"Content-Length: {len(reply.body) + bool(reply.stalls)}\r\n\r\n".encode()
            + reply.body
        )
        await writer.drain()
        await asyncio.sleep(reply.stalls)
        return not reply.stalls

    def _answer(self, body: dict[str, Any]) -> Reply:
        seconds = self._seconds * float(np.exp(self._sigma * self._rng.standard_normal())) if self._seconds else 0.0
        question = json.loads(body["messages"][-1]["content"])["question"]
        said = self._says(question)
        return Reply(200, spoken(said, stream=bool(body.get("stream"))), seconds)


def spoken(said: str, *, stream: bool, tokens: int = 30) -> bytes:
    """What a model says, as the protocol sends it, and how many tokens it says that this took."""
    usage = {"prompt_tokens": 500, "completion_tokens": tokens, "prompt_tokens_details": {"cached_tokens": 448}}
    if not stream:
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return json.dumps({"choices": [choice], "usage": usage}).encode()
    half = len(said) // 2
    parts = ((said[:half], None), (said[half:], "stop"))
    events = [{"choices": [{"delta": {"content": part}, "finish_reason": ended}]} for part, ended in parts]
    lines = [json.dumps(event) for event in [*events, {"choices": [], "usage": usage}]]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
