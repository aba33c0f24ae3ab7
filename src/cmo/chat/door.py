"""The door of the chat: who may come in, and what a page may load.

::

    host known? --> sent by our own page? --> Chainlit --> with a policy that loads nothing from elsewhere
       421               403

A page on another site can make a browser open a websocket here, and DNS rebinding lets it read what comes back; Chainlit
itself asks for neither. See `cmo.web.guard`, which does the same for the service.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Chainlit's page has a script and styles in line; nothing may come from another site, fonts least of all."""


class Door:
    """Lets in who calls by a name of this machine, from a page of the chat.

    Args:
        app: the chat.
        hosts: names by which it may be called.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.casefold() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(headers, scope)
        if refused and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif refused:
            await PlainTextResponse(refused[1], refused[0])(scope, receive, send)
        else:
            await self._app(scope, receive, _dressed(send))

    def _refused(self, headers: Headers, scope: Scope) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if (urlsplit(f"//{host}").hostname or "") not in self._hosts:
            return 421, "The chat is not called by that name."
        origin = headers.get("origin")
        reads = scope["type"] == "http" and scope["method"] in _READS
        if not reads and origin is not None and origin.partition("://")[2] != host:
            return 403, "Only the chat's own page may do this."
        return None


def _dressed(send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
        await send(message)

    return dressed
