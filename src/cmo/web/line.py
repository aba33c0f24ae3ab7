"""A connection: what uvicorn does, and besides that nobody holds one without asking, and none is dropped with a request on its way.

::

    made --headers within HEAD_SECONDS--> busy --reply--> waits again
      '--not, or too many wait (the one that waits longest)--> closed
      '--more than MOST_HEAD bytes of them--> 431, closed
    told to end: waits LINGER_SECONDS for what is on its way, then ends as uvicorn has it

uvicorn closes connections that were used and wait; one that never sends a request it keeps for good (Slowloris), until no
descriptor is left to answer anybody. And httptools keeps headers as long as they come: one that never ends would take all
memory, before anybody is asked for a key.
"""

from __future__ import annotations

import asyncio
import resource
from functools import cache
from typing import ClassVar, Final
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

HEAD_SECONDS: Final = 20.0
"""From the connection, or the reply before, to the last header."""
MOST_HEAD: Final = 65_536
"""Bytes of an address with its headers, of trailers, or between two pieces of a body."""
_TOO_LONG: Final = b"Address and headers are longer than what is taken here. Send less."
LINGER_SECONDS: Final = 0.3
"""Longer than a request takes to arrive that was sent before its client could know."""
MOST_DESCRIPTORS: Final = 65_536
_FILES: Final = 128
"""Descriptors of the index, the database, the event loop and what else a worker holds, with room to spare."""


class Line(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen by uvicorn: httptools where it is there, else h11
    """One connection of a client."""

    _waiting: ClassVar[WeakKeyDictionary[ServerState, dict[Line, asyncio.TimerHandle]]] = WeakKeyDictionary()
    """Of each server, those that ask nothing at the moment; who has waited longest comes first."""
    _counts: ClassVar = hasattr(AutoHTTPProtocol, "on_body")
    """Whether headers are counted here; h11 does so itself."""
    _head = 0
    """Bytes since the last header or piece of a body was whole."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Somebody is there."""
        super().connection_made(transport)
        self._wait()
        if len(waiting := self._others()) > most_waiting():
            next(iter(waiting))._close()  # noqa: SLF001 - one of us

    def data_received(self, data: bytes) -> None:
        """Somebody says something; who has not yet said what is wanted still waits."""
        self._head += len(data)
        super().data_received(data)
        if self._counts and self._head > MOST_HEAD and not self.transport.is_closing():
            self._refuse()
        if self._asked():
            self._stop_waiting()

    def on_headers_complete(self) -> None:
        """All headers are there."""
        self._head = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body is."""
        self._head = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Somebody was answered."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self._asked():
            self._stop_waiting()
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Somebody has gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Told to end."""
        self.loop.call_later(LINGER_SECONDS, self._end)

    def _end(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _asked(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self) -> None:
        if not self._asked():  # else another reply is on its way
            head = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: text/plain\r\n"
            self.transport.write(head + b"content-length: %d\r\n\r\n" % len(_TOO_LONG) + _TOO_LONG)
        self._close()

    def _wait(self) -> None:
        self._others()[self] = self.loop.call_later(HEAD_SECONDS, self._close)

    def _stop_waiting(self) -> None:
        if (timer := self._others().pop(self, None)) is not None:
            timer.cancel()

    def _close(self) -> None:
        self._stop_waiting()
        self.transport.close()

    def _others(self) -> dict[Line, asyncio.TimerHandle]:
        return self._waiting.setdefault(self.server_state, {})


@cache
def most_waiting() -> int:
    """How many may wait: the other descriptors are for those who ask, and for files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    return max(16, min(3 * most // 4, most - _FILES))


def take_descriptors() -> None:
    """Let this process, and those that it starts, hold as many as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(MOST_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
