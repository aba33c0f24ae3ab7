"""Taking connections one at a time, so that those who come at once are shared by all workers.

::

    a burst --> the socket of all workers --one each, whoever has time--> a worker
                                          '--the next one-------------> another

All workers listen on one socket, and an event loop that wakes takes all who wait there: of fifty users who came at once,
forty-nine spoke to one process, which refused some of them while the other had nothing to do. A loop that takes one and
leaves the next for a millisecond to whoever has time shares them, 26 and 24; taking one a turn was not enough (39 and 11),
since waking another process takes longer than a turn. It bounds what a worker takes to a thousand connections a second.
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
_PAUSE: Final = 0.1
"""Seconds until it is tried again where no descriptor is left."""
_Protocols = Callable[[], asyncio.BaseProtocol]


class Loop(uvloop.Loop):
    """An event loop whose servers on a shared socket are fair."""

    async def create_server(self, protocol_factory: _Protocols, *args: Any, **options: Any) -> Any:
        """As ever; on a socket that is given, a `Door`."""
        if (shared := options.get("sock")) is None:
            return await super().create_server(protocol_factory, *args, **options)
        return Door(self, protocol_factory, shared, options.get("ssl"), options.get("backlog", 100))


class Door:
    """Takes connections from a socket; what uvicorn wants of a server.

    Args:
        loop: that serves them.
        protocols: makes what speaks with one.
        shared: listens here and in other processes.
        context: of TLS, if it is spoken.
        backlog: how many may wait to be taken.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocols: _Protocols,
        shared: socket.socket,
        context: tls.SSLContext | None,
        backlog: int,
    ) -> None:
        self.sockets = (shared,)
        self._loop = loop
        self._protocols = protocols
        self._shared = shared
        self._context = context
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
            self._loop.add_reader(self._shared, self._take)

    def _take(self) -> None:
        try:
            connection, _ = self._shared.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # another was faster, or they went
            return
        except OSError:  # no descriptor is left: whoever waits longest makes room (`cmo.web.line`)
            self._loop.remove_reader(self._shared)
            self._loop.call_later(_PAUSE, self._open)
            return
        self._loop.remove_reader(self._shared)
        self._loop.call_later(_TURN, self._open)
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
