"""POST to a model behind HTTP, with patience, within the deadline, and without ever showing the key.

::

    POST {base_url}{path} --breaker closed?--> attempt, within what time is left --> reply
                                                  `-- 429, 5xx, cut, late --> a pause (Retry-After, else chance),
                                                                              again, a few times --> an error

`Endpoint` is for threads: encoders and readers that work through papers. `AsyncEndpoint` is for what answers people,
and goes through all of `cmo.kit.dependency`. What is sent to either only computes, so it may be sent again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Hashable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from cmo.kit import deadline, spans
from cmo.kit.admission import Rank
from cmo.kit.allowance import Purse
from cmo.kit.breaker import Breaker, Fuse, Outcome, Phase
from cmo.kit.dependency import Dependency
from cmo.kit.http import ERRORS, Body, judge, reason
from cmo.kit.refusal import Refused, out_of_time
from cmo.kit.retry import Patience, Retrier

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.2
RETRY_SHARE, RETRY_BURST = 0.1, 10.0
Failed = Callable[[str], Exception]
Around = Callable[[Callable[[], httpx.Response]], httpx.Response]


class Endpoint:
    """An HTTP service that answers POSTs of JSON. Threads may share it.

    Args:
        base_url: such as ``http://127.0.0.1:11434/v1``.
        failed: makes the error to raise of what went wrong: ``HTTP 401``, ``ReadTimeout``.
        api_key: sent as a bearer token; never shown.
        timeout: seconds a request may take.
        attempts: requests at most.
        first_pause: seconds at most before the second attempt; doubles with each.
        fuse: when it is left alone for a while.
        transport: of the HTTP client; for tests.
    """

    def __init__(
        self,
        base_url: str,
        failed: Failed,
        *,
        api_key: str = "",
        timeout: float = 30.0,
        attempts: int = ATTEMPTS,
        first_pause: float = FIRST_PAUSE_SECONDS,
        fuse: Fuse = Fuse(),  # noqa: B008 - frozen
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.host = _host(base_url)
        self._base = base_url.rstrip("/")
        self._failed = failed
        self._timeout = timeout
        self._breaker = Breaker(fuse)
        patience = Patience(attempts, first_pause)
        self._retrier = Retrier(patience, Purse(RETRY_SHARE, RETRY_BURST), ERRORS, lambda error: judge(error).again)
        self._client = httpx.Client(headers=_headers(api_key), transport=transport)

    @property
    def phase(self) -> Phase:
        """What its breaker does now."""
        return self._breaker.circuit.phase

    def post(self, path: str, body: Mapping[str, Any], *, around: Around = lambda attempt: attempt()) -> httpx.Response:
        """The reply to a JSON body, of status 2xx.

        Args:
            path: after the base address.
            body: what is sent.
            around: makes an attempt: pays for each, say.

        Raises:
            OutOfTime: the deadline passed.
            Exception: what `failed` makes.
        """
        deadline.check(self.host)
        ticket = self._breaker.admit()
        if isinstance(ticket, Refused):
            raise self._failed(_resting(ticket.after))
        outcome = Outcome.IGNORED
        try:
            reply = self._retrier.run_here(lambda: around(lambda: self._attempt(path, body)))
            outcome = Outcome.SUCCESS
        except ERRORS as error:
            outcome = judge(error).outcome
            raise self._failed(reason(error)) from None  # the cause holds the request, and the request holds the key
        finally:
            self._breaker.settle(ticket, outcome)
        return reply

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _attempt(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        left = deadline.share()
        allowed = min(self._timeout, left)
        until = time.monotonic() + allowed
        gathered = Body()
        try:
            with self._client.stream(
                "POST", self._base + path, json=body, timeout=allowed, headers=deadline.header() | spans.header()
            ) as reply:
                for part in reply.iter_bytes():
                    gathered.add(part)
                    if time.monotonic() > until:  # a timeout of the client's is one between two parts
                        raise httpx.ReadTimeout("the reply drips")
        except httpx.TimeoutException:
            if left < self._timeout:  # a caller in a hurry says nothing about the service
                raise out_of_time(self.host) from None
            raise
        return gathered.of(reply)


class AsyncEndpoint:
    """An HTTP service that answers POSTs of JSON, for one event loop.

    Args:
        base_url: such as ``http://127.0.0.1:11434/v1``.
        failed: makes the error to raise of what went wrong: ``HTTP 401``, ``ReadTimeout``.
        dependency: the service; its errors are those of `cmo.kit.http`.
        api_key: sent as a bearer token; never shown.
        connections: open at once.
        idle_connections: kept open when nothing is to be sent.
        idle_seconds: for so long.
        transport: of the HTTP client; for tests.
    """

    def __init__(
        self,
        base_url: str,
        failed: Failed,
        dependency: Dependency,
        *,
        api_key: str = "",
        connections: int = 64,
        idle_connections: int = 16,
        idle_seconds: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.host = _host(base_url)
        self.dependency = dependency
        self._base = base_url.rstrip("/")
        self._failed = failed
        limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=idle_connections, keepalive_expiry=idle_seconds
        )
        self._client = httpx.AsyncClient(
            headers=_headers(api_key), limits=limits, timeout=dependency.policy.timeout_seconds, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        key: Hashable | None = None,
        rank: Rank = Rank.INTERACTIVE,
        caller: Hashable | None = None,
        enough: Callable[[Body], bool] | None = None,
    ) -> httpx.Response:
        """The reply to a JSON body, of status 2xx.

        Args:
            path: after the base address.
            body: what is sent.
            key: requests of one key are one request.
            rank: how much it matters.
            caller: for whom.
            enough: whether what has come will do, so that the rest of the reply is left.

        Raises:
            NotNow: the service is not asked now; says after how many seconds it may be.
            OutOfTime: the deadline passed.
            Exception: what `failed` makes.
        """
        try:
            return await self.dependency.call(
                lambda: self._attempt(path, body, enough), key=key, rank=rank, caller=caller, repeatable=True
            )
        except ERRORS as error:
            raise self._failed(reason(error)) from None  # the cause holds the request, and the request holds the key

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _attempt(
        self, path: str, body: Mapping[str, Any], enough: Callable[[Body], bool] | None
    ) -> httpx.Response:
        gathered = Body()
        headers = deadline.header() | spans.header()
        async with self._client.stream("POST", self._base + path, json=body, headers=headers) as reply:
            async for part in reply.aiter_bytes():
                gathered.add(part)
                if enough is not None and enough(gathered):
                    break
        return gathered.of(reply)


def _host(base_url: str) -> str:
    """The address without a name and a password."""
    return re.sub(r"^\w+://(?:[^@/]*@)?", "", base_url)


def _headers(api_key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def _resting(seconds: float) -> str:
    return f"it kept failing and is left alone for {seconds:.0f} s"
