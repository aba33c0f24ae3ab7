"""Taking connections so that those who come are shared by all workers, and go first to one that has time.

::

    they come --> the socket of all workers --one each, whoever has nothing to do--> a worker
                                          '--the next one--------------------------> another
                                          '--all are busy, for as many moments as questions are before it--> the least busy

All workers listen on one socket, and an event loop that wakes takes all who wait there: of fifty users who came at once,
forty-nine spoke to one process, which refused some of them while the other had nothing to do. A loop that takes one and
leaves the next for a millisecond to whoever has time shares them, 26 and 24; taking one a turn was not enough (39 and 11),
since waking another process takes longer than a turn. And a worker at work on a question lets the others have a moment for
each that it has: who comes while another is free should not wait behind an answer (ADR 28). Having waited it takes as many
at once as it left moments, so it takes a thousand connections a second, busy or not.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
from collections.abc import Callable
from typing import Any, Final

import uvloop

NAME: Final = f"{__name__}:Loop"
"""By which uvicorn finds it."""
_TURN: Final = 0.001
"""Seconds that the others have to take the next one."""
_MOST_TURNS: Final = 8
"""That a busy worker leaves to the others: a connection may want something else than an answer."""
_PAUSE: Final = 0.1
"""Seconds until it is tried again where no descriptor is left."""
_Protocols = Callable[[], asyncio.BaseProtocol]


class Loop(uvloop.Loop):
    """An event loop whose servers on a shared socket are fair."""

    counts: Callable[[], int] | None = None
    """Questions; None as long as none can be asked."""

    def busy(self) -> int:
        """How many questions this process is at work on, or has waiting."""
        return self.counts() if self.counts else 0

    async def create_server(self, protocol_factory: _Protocols, *args: Any, **options: Any) -> Any:
        """As ever; on a socket that is given, a `Door`."""
        if (shared := options.get("sock")) is None:
            return await super().create_server(protocol_factory, *args, **options)
        context, backlog = options.get("ssl"), options.get("backlog", 100)
        return Door(self, protocol_factory, shared, context=context, backlog=backlog, busy=self.busy)


def tell(loop: asyncio.AbstractEventLoop, busy: Callable[[], int]) -> None:
    """Let a loop know how many questions its process is at work on; one of another kind need not."""
    if isinstance(loop, Loop):
        loop.counts = busy


class Door:
    """Takes connections from a socket; what uvicorn wants of a server.

    Args:
        loop: that serves them.
        protocols: makes what speaks with one.
        shared: listens here and in other processes.
        context: of TLS, if it is spoken.
        backlog: how many may wait to be taken.
        busy: how many questions this process is at work on.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocols: _Protocols,
        shared: socket.socket,
        *,
        context: tls.SSLContext | None,
        backlog: int,
        busy: Callable[[], int],
    ) -> None:
        self.sockets = (shared,)
        self._loop = loop
        self._protocols = protocols
        self._shared = shared
        self._context = context
        self._busy = busy
        self._coming: set[asyncio.Task[None]] = set()
        self._closed = False
        shared.settimeout(0)
        shared.listen(backlog)
        self._open()

    def close(self) -> None:
        """Take nobody any more."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._shared)

    async def wait_closed(self) -> None:
        """Until all who were taken are spoken with."""
        await asyncio.gather(*self._coming, return_exceptions=True)

    def _open(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._shared, self._come)

    def _come(self) -> None:
        """Somebody is there; nobody need be any more, once the others had their moments."""
        self._loop.remove_reader(self._shared)
        if turns := min(self._busy(), _MOST_TURNS):
            self._loop.call_later(turns * _TURN, self._take, turns)
        else:
            self._take(1)

    def _take(self, most: int) -> None:
        if self._closed:
            return
        pause = _TURN
        try:
            for _ in range(most):
                self._receive(self._shared.accept()[0])
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # another was faster, or they went
            pass
        except OSError:  # no descriptor is left: whoever waits longest makes room (`cmo.web.line`)
            pause = _PAUSE
        self._loop.call_later(pause, self._open)

    def _receive(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        coming = self._loop.create_task(self._welcome(connection))
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocols, connection, ssl=self._context)
        except (OSError, TimeoutError):  # they went, or speak no TLS
            connection.close()
