"""What HTTP says when a call fails, and how much of an answer is read."""

from __future__ import annotations

import math
from typing import Final

import httpx

from cmo.kit.breaker import Outcome
from cmo.kit.retry import Again
from cmo.kit.trouble import Trouble

MOST_BYTES: Final = 64_000_000
"""Of one reply."""
ERRORS: Final[tuple[type[Exception], ...]] = (httpx.HTTPError, httpx.InvalidURL, TimeoutError)
"""All that a call raises by itself."""
_OWN_LENGTH = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_IGNORED = Trouble(Outcome.IGNORED)


class ReplyTooLong(httpx.HTTPError):
    """A reply went on for longer than anybody would read."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        super().__init__(f"more than {most:,} bytes")


class Body:
    """The bytes of a reply, as they come.

    Args:
        most: of them that are read.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._bytes = 0

    def add(self, part: bytes) -> None:
        """Some more.

        Raises:
            ReplyTooLong: too many.
        """
        self._bytes += len(part)
        if self._bytes > self._most:
            raise ReplyTooLong(self._most)
        self._parts.append(part)

    @property
    def size(self) -> int:
        """Bytes that came so far."""
        return self._bytes

    @property
    def whole(self) -> bytes:
        """All that came so far."""
        return b"".join(self._parts)

    def of(self, reply: httpx.Response) -> httpx.Response:
        """The reply with them as its content, if its status is 2xx.

        Raises:
            httpx.HTTPStatusError: it is another one.
        """
        headers = [(name, value) for name, value in reply.headers.items() if name not in _OWN_LENGTH]
        whole = httpx.Response(reply.status_code, headers=headers, content=self.whole, request=reply.request)
        return whole.raise_for_status()


def judge(error: Exception) -> Trouble:
    """What an error means (RFC 9110, 15): a wrong request says nothing about the service, one too many little."""
    if isinstance(error, httpx.HTTPStatusError):
        return _of_status(error.response)
    if isinstance(error, httpx.PoolTimeout):
        return _IGNORED  # our own connections were all taken
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Trouble(Outcome.FAILURE, Again(), dropped=True)
    if isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol):
        return Trouble(Outcome.FAILURE, Again())
    return Trouble(Outcome.FAILURE) if isinstance(error, ReplyTooLong) else _IGNORED


def reason(error: Exception) -> str:
    """What went wrong in a word or two: ``HTTP 401``, ``ReadTimeout``."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return type(error).__name__


def retry_after(value: str) -> float:
    """Seconds of a Retry-After header; 0 for a date (rare for these servers), for none, and for nonsense."""
    try:
        seconds = float(value)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(seconds) else max(0.0, seconds)


def _of_status(reply: httpx.Response) -> Trouble:
    again = Again(retry_after(reply.headers.get("retry-after", "")))
    if reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return Trouble(Outcome.IGNORED, again, dropped=True)
    if reply.is_server_error:
        return Trouble(Outcome.FAILURE, again, dropped=reply.status_code == httpx.codes.SERVICE_UNAVAILABLE)
    return _IGNORED
