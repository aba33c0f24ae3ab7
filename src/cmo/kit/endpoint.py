"""POST to a model behind HTTP, with patience and without ever showing the key.

::

    POST {base_url}{path} ─► reply
         └─ 429, 5xx, cut, late ─► a pause (Retry-After, else growing) ─► again, a few times ─► an error
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import stamina

ATTEMPTS = 5
PATIENCE_SECONDS = 120.0
"""After this no further attempt is begun."""
FIRST_PAUSE_SECONDS = 0.2
MAX_RETRY_AFTER_SECONDS = 60.0
"""A longer pause than this is not waited for."""


class Endpoint:
    """An HTTP service that answers POSTs of JSON. Threads may share it.

    Args:
        base_url: such as ``http://127.0.0.1:11434/v1``.
        failed: makes the error to raise of what went wrong: ``HTTP 401``, ``ReadTimeout``.
        api_key: sent as a bearer token; never shown.
        timeout: seconds a request may take.
        attempts: requests at most.
        first_pause: seconds before the second attempt; doubles with each, with some chance added.
        transport: of the HTTP client; for tests.
    """

    def __init__(
        self,
        base_url: str,
        failed: Callable[[str], Exception],
        *,
        api_key: str = "",
        timeout: float = 30.0,
        attempts: int = ATTEMPTS,
        first_pause: float = FIRST_PAUSE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.host = re.sub(r"^\w+://(?:[^@/]*@)?", "", base_url)
        self._base = base_url.rstrip("/")
        self._failed = failed
        self._attempts = attempts
        self._first_pause = first_pause
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=timeout, transport=transport)

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """The reply to a JSON body, of status 2xx. Raises what `failed` makes."""
        try:
            for attempt in stamina.retry_context(
                on=_pause,
                attempts=self._attempts,
                timeout=PATIENCE_SECONDS,
                wait_initial=self._first_pause,
                wait_jitter=self._first_pause,
            ):
                with attempt:
                    reply = self._client.post(self._base + path, json=body).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failed(_reason(error)) from None  # the cause holds the request, and the request holds the key
        return reply

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _pause(error: Exception) -> bool | float:
    """Whether to try again, and after how many seconds where the server says so."""
    if isinstance(error, httpx.TransportError):
        return not isinstance(error, httpx.UnsupportedProtocol)
    if not isinstance(error, httpx.HTTPStatusError):
        return False
    reply = error.response
    if reply.status_code != httpx.codes.TOO_MANY_REQUESTS and not reply.is_server_error:
        return False
    return _retry_after(reply.headers.get("retry-after", ""))


def _retry_after(value: Any) -> bool | float:
    """Seconds of a Retry-After header; a date (rare for these servers) or none leaves the pause to us (RFC 9110)."""
    try:
        seconds = float(value)
    except ValueError:
        return True
    return seconds if 0 <= seconds <= MAX_RETRY_AFTER_SECONDS else False


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return type(error).__name__
