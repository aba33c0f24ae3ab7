"""`ConnectionPool`: the documented class over the language model that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from cmo.app import App
from cmo.errors import SettingsError
from cmo.llm.pool import Connection
from cmo.llm.pool import ConnectionPool as Pool
from cmo.model.chat import Message, Speaker
from cmo.settings import Settings, read_settings

SERVICES: Final = ("openai", "ollama", "vllm", "llama.cpp")
"""All of them speak OpenAI's protocol; which one it is the settings say."""


class ConnectionPool:
    """Connections to the language model, so many at once; every attempt is paid for from the budget.

    Args:
        service: what speaks OpenAI's protocol.
        max_connections: at once; who comes later waits, no longer than `timeout_seconds`.
        timeout_seconds: of an attempt.
        retry_attempts: at most.
        config: settings; those of the environment by default.

    Raises:
        SettingsError: a value cannot be used, or no language model is set.
    """

    def __init__(
        self,
        service: str = "openai",
        max_connections: int = 50,
        timeout_seconds: float = 30,
        retry_attempts: int = 3,
        *,
        config: Settings | None = None,
    ) -> None:
        if service not in SERVICES:
            raise SettingsError(f"There are no connections to {service!r}. There are: {', '.join(SERVICES)}.")
        if max_connections < 1 or timeout_seconds <= 0 or retry_attempts < 1:
            raise SettingsError("max_connections, timeout_seconds and retry_attempts must be more than 0.")
        self._app = App((config or read_settings()).model_copy(update={"llm_connections": max_connections}))
        chat = self._app.outside.endpoint(timeout_seconds, attempts=retry_attempts)
        if chat is None:
            raise SettingsError(
                "No language model is set. Set CMO_LLM_URL and CMO_LLM_MODEL, or OPENAI_API_KEY as well."
            )
        self._pool = Pool(chat, max_connections=max_connections, wait_seconds=timeout_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def get_connection(self) -> AsyncIterator[Connection]:
        """One of them for the length of a block: ``await connection.complete(messages, most_tokens=200)``."""
        async with self._pool.get_connection() as connection:
            yield connection

    async def close(self) -> None:
        """Close what is open."""
        self._pool.close()
        await asyncio.to_thread(self._app.close)


def test_openai_connectivity() -> bool:
    """Ask the language model that the environment names for one token.

    Raises:
        SettingsError: none is set.
        ChatFailed: it does not answer; so that a script stops with a message and a non-zero code.
    """
    app = App(read_settings())
    try:
        app.outside.needed("check").complete([Message(Speaker.USER, "Say yes.")], most_tokens=8)
    finally:
        app.close()
    return True


test_openai_connectivity.__test__ = False  # type: ignore[attr-defined]  # a name of the documents, not a test
