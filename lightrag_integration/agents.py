"""`DocMindSupervisor`: deep mode under the documented name, for event loops. Needs the extra ``[agents]``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from threading import Event
from typing import Any

from cmo.agents import Progress, fresh
from cmo.app import App
from cmo.kit.deadline import Until
from cmo.oracle import admit
from cmo.settings import Settings, read_settings


class DocMindSupervisor:
    """Plans a question, asks its parts one by one, checks what they say, and writes one answer.

    Args:
        config: settings; read from the environment when not given.
        seconds: for one question; all the time there is when not given.
    """

    def __init__(self, config: Settings | None = None, *, seconds: float | None = None) -> None:
        self._app = App(config or read_settings())
        self._seconds = seconds

    async def process_query(self, query: str, thread_id: str = "") -> dict[str, Any]:
        """The answer, with `agent_history`: what was done, in order.

        A thread whose process was stopped goes on where it was when the same question is asked again.

        Raises:
            SettingsError: the extra is not installed.
            BadQuestion: it cannot be asked as it stands.
        """
        answer: Mapping[str, Any] = {}
        async for update in self.stream_query(query, thread_id):
            answer = update.get("answer") or answer
        return dict(answer)

    async def stream_query(self, query: str, thread_id: str = "") -> AsyncIterator[dict[str, Any]]:
        """Each step as it is done: `agent`, `text`, `thread_id`, and of the last one `answer`."""
        asked = admit(query)
        until = None if self._seconds is None else Until(time.monotonic() + self._seconds)
        loop, told, gone = asyncio.get_running_loop(), asyncio.Queue[Progress | None](), Event()

        def tell() -> None:
            try:
                for progress in self._app.deep.stream(asked, thread_id, until):
                    loop.call_soon_threadsafe(told.put_nowait, progress)
                    if gone.is_set():
                        return  # what is done is kept; nobody waits for the rest
            finally:
                loop.call_soon_threadsafe(told.put_nowait, None)

        working = asyncio.ensure_future(asyncio.to_thread(tell))
        try:
            while (progress := await told.get()) is not None:
                yield _update(progress)
        finally:
            gone.set()
            await working

    async def agent_history(self, thread_id: str) -> list[dict[str, Any]]:
        """What was asked in a thread and is done, oldest first, each with its steps."""
        return await asyncio.to_thread(partial(self._app.deep.history, thread_id))

    async def close(self) -> None:
        """Give everything back."""
        await asyncio.to_thread(self._app.close)


def create_initial_state(query: str) -> dict[str, Any]:
    """The state of a question that has not begun, as a thread keeps it: plain JSON."""
    return dict(fresh(admit(query)))


def _update(progress: Progress) -> dict[str, Any]:
    update = {"agent": progress.stage, "text": progress.text, "thread_id": progress.thread}
    return update if progress.answer is None else {**update, "answer": dict(progress.answer)}
