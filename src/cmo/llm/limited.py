"""The HTTP client below the openai SDK, with ends: so many bytes, so much time, whatever the server does.

::

    bytes of a reply --still within the limits?--> the SDK
    time is up --a timer hangs up, so that a server that has gone silent in the middle keeps nobody
whoever asked has gone --the same; a reply that has not begun is left at its first byte

A timeout of HTTP clients is one between two reads; here it is that of the whole reply. Of headers it is the former.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx2

from cmo.kit import leaving


class TooMuch(httpx2.ReadError):
    """A reply went on for longer than anybody would read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one reply."""

    seconds: float
    most_bytes: int


_limits: ContextVar[Limits] = ContextVar("cmo_reply_limits")


@contextmanager
def limited(limits: Limits) -> Iterator[None]:
    """What is sent within the block has these limits, also where its reply is read after it."""
    token = _limits.set(limits)
    try:
        yield
    finally:
        _limits.reset(token)


class LimitedClient(httpx2.Client):
    """Sends within the limits of the block."""

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """The reply; its body may raise `TooMuch` or ``ReadTimeout``."""
        limits = _limits.get()
        until = time.monotonic() + limits.seconds
        reply = super().send(request, stream=True, **options)
        line = reply.extensions.get("network_stream")
        held = line.get_extra_info("socket") if line is not None else None
        reply.stream = _Body(reply.stream, limits.most_bytes, until, held)
        with ExitStack() as stack:
            stack.callback(reply.close)
            if reply.headers.get("content-encoding", "identity") != "identity":
                raise TooMuch("the reply is compressed, which nobody asked for")  # a few bytes could become millions
            if not stream:
                reply.read()
            stack.pop_all()
        return reply


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Any, most_bytes: int, until: float, held: socket.socket | None) -> None:
        self._stream = stream
        self._left = most_bytes
        self._held = held
        self._late = False
        self._deserted = False
        self._closed = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(0.0, until - time.monotonic()), self._hang_up)
        self._timer.daemon = True
        self._timer.start()
        self._stay = leaving.current().then(self._leave)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self._stream:
                self._left -= len(part)
                if self._left < 0:
                    raise TooMuch("the reply does not end")
                if self._late or self._deserted:
                    break
                yield part
        except httpx2.TransportError as error:
            if self._deserted:
                raise leaving.Left from error
            if not self._late:
                raise
            raise httpx2.ReadTimeout("the reply takes too long") from error
        if self._deserted:
            raise leaving.Left
        if self._late:
            raise httpx2.ReadTimeout("the reply takes too long")

    def close(self) -> None:
        self._timer.cancel()
        self._stay()
        with self._lock:  # not a connection that somebody else has meanwhile
            self._closed = True
        self._stream.close()

    def _leave(self) -> None:
        self._deserted = True
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._late = True
            if self._held is not None:
                with suppress(OSError):  # not `self._held.shutdown`: TLS would be undone under its reader's feet
                    socket.socket.shutdown(self._held, socket.SHUT_RDWR)
