"""The clients: one waits, the other is awaited. What they can do stands in `endpoints`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any, Final, Self, TypeVar

import httpx

from cmo.client import calls
from cmo.client.calls import Filters, Mode
from cmo.client.endpoint import Call, Endpoint
from cmo.client.endpoints import DEFAULT_URL, Endpoints, as_ours, read, translated
from cmo.client.refused import refusal
from cmo.client.stream import Event, Feed
from cmo.client.upload import form
from cmo.kit.deadline import within
from cmo.kit.retry import Patience

T = TypeVar("T")
_PATIENCE: Final = Patience()
_EVENTS: Final = {"Accept": "text/event-stream"}


class Client(Endpoints):
    """Waits for each reply. Threads may share one.

    Args:
        url: where the service is.
        key: its API key; None takes that of the settings (``CMO_API_KEY``).
        seconds: how long a call may take, all attempts together; less within `within`.
        patience: how often, and with what pauses, a call is repeated that may be.
        transport: in place of a network, such as ``httpx.WSGITransport``.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        seconds: float = 60.0,
        patience: Patience = _PATIENCE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, key, seconds, patience)
        self._http = httpx.Client(base_url=self.url, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def send(self, endpoint: Endpoint[..., T], call: Call[T]) -> T:
        """Send a call, again where that may help.

        Raises:
            OracleError: the service refuses; of it `ServiceGone` and `OutOfTime`: there is no reply.
        """

        def attempt() -> T:
            with form(call.files, call.progress) as files, translated(self.url):
                return read(self._http.send(self._request(self._http, endpoint, call, files)), call)

        with within(call.seconds or self._seconds), as_ours():
            return self._retrier.run_here(attempt, repeatable=endpoint.repeatable)

    def stream(
        self,
        query: str,
        *,
        mode: Mode = "hybrid",
        filters: Filters | None = None,
        user: str = "",
        tenant: str = "",
        anew: bool = False,
    ) -> Iterator[Event]:
        """Ask a question and follow the answer: `stage`, `sentence` and, last, `answer`.

        Raises:
            OracleError: as for `ask`; in the midst of it, too.
        """
        call = calls.ask(query, mode=mode, filters=filters, user=user, tenant=tenant, anew=anew)
        return self._events(type(self).ask, call)

    def stream_deep(
        self,
        query: str,
        *,
        thread: str = "",
        mode: Mode = "hybrid",
        filters: Filters | None = None,
        user: str = "",
        tenant: str = "",
        deadline_ms: int | None = None,
    ) -> Iterator[Event]:
        """Ask a question of several parts and follow its steps, each a `stage` when it is done; then as `stream`.

        Raises:
            OracleError: as for `deep`; in the midst of it, too.
        """
        call = calls.deep(
            query, thread=thread, mode=mode, filters=filters, user=user, tenant=tenant, deadline_ms=deadline_ms
        )
        return self._events(type(self).deep, call)

    def _events(self, endpoint: Endpoint[..., Any], call: Call[Any]) -> Iterator[Event]:
        with within(call.seconds or self._seconds), as_ours():  # ends before the first event: callers have their own
            reply = self._retrier.run_here(lambda: self._opened(endpoint, call), repeatable=endpoint.repeatable)
        feed = Feed()
        with closing(reply), translated(self.url):
            for text in reply.iter_text():
                yield from feed.take(text)
        feed.end()

    def _opened(self, endpoint: Endpoint[..., Any], call: Call[Any]) -> httpx.Response:
        with translated(self.url):
            request = self._request(self._http, endpoint, call)
            request.headers.update(_EVENTS)
            reply = self._http.send(request, stream=True)
            if not reply.is_success:
                with closing(reply):
                    reply.read()
                raise refusal(reply)
            return reply


class AsyncClient(Endpoints):
    """The same, awaited; for one event loop. See `Client` for the arguments."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        seconds: float = 60.0,
        patience: Patience = _PATIENCE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, key, seconds, patience)
        self._http = httpx.AsyncClient(base_url=self.url, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def send(self, endpoint: Endpoint[..., T], call: Call[T]) -> T:
        """Send a call, again where that may help.

        Raises:
            OracleError: as `Client.send`.
        """

        async def attempt() -> T:
            with form(call.files, call.progress) as files, translated(self.url):
                return read(await self._http.send(self._request(self._http, endpoint, call, files)), call)

        with within(call.seconds or self._seconds), as_ours():
            return await self._retrier.run(attempt, repeatable=endpoint.repeatable)

    def stream(
        self,
        query: str,
        *,
        mode: Mode = "hybrid",
        filters: Filters | None = None,
        user: str = "",
        tenant: str = "",
        anew: bool = False,
    ) -> AsyncIterator[Event]:
        """Ask a question and follow the answer, as `Client.stream`.

        Raises:
            OracleError: as for `ask`; in the midst of it, too.
        """
        call = calls.ask(query, mode=mode, filters=filters, user=user, tenant=tenant, anew=anew)
        return self._events(type(self).ask, call)

    def stream_deep(
        self,
        query: str,
        *,
        thread: str = "",
        mode: Mode = "hybrid",
        filters: Filters | None = None,
        user: str = "",
        tenant: str = "",
        deadline_ms: int | None = None,
    ) -> AsyncIterator[Event]:
        """Ask a question of several parts and follow its steps, as `Client.stream_deep`.

        Raises:
            OracleError: as for `deep`; in the midst of it, too.
        """
        call = calls.deep(
            query, thread=thread, mode=mode, filters=filters, user=user, tenant=tenant, deadline_ms=deadline_ms
        )
        return self._events(type(self).deep, call)

    async def _events(self, endpoint: Endpoint[..., Any], call: Call[Any]) -> AsyncIterator[Event]:
        with within(call.seconds or self._seconds), as_ours():
            reply = await self._retrier.run(lambda: self._opened(endpoint, call), repeatable=endpoint.repeatable)
        feed = Feed()
        try:
            with translated(self.url):
                async for text in reply.aiter_text():
                    for event in feed.take(text):
                        yield event
        finally:
            await reply.aclose()
        feed.end()

    async def _opened(self, endpoint: Endpoint[..., Any], call: Call[Any]) -> httpx.Response:
        with translated(self.url):
            request = self._request(self._http, endpoint, call)
            request.headers.update(_EVENTS)
            reply = await self._http.send(request, stream=True)
            if not reply.is_success:
                await reply.aread()
                await reply.aclose()
                raise refusal(reply)
            return reply
