"""The door of the chat: who may come in, and what a page may load.

::

    host known? --> sent by our own page? --> signed in, if they must? --> Chainlit --> with a policy that loads nothing
       421               403                     /cmo/login, 401                           from elsewhere

A page on another site can make a browser open a websocket here, and DNS rebinding lets it read what comes back; Chainlit
itself asks for neither. See `cmo.web.guard`, which does the same for the service.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cmo.chat.guests import BACK, Guest, Guests, here

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Chainlit's page has a script and styles in line; nothing may come from another site, fonts least of all."""
LOGIN: Final = "/cmo/login"
_CHAINLITS: Final = "access_token"
"""How its own cookies begin."""
OPEN: Final = frozenset({LOGIN, "/cmo/go", BACK})
"""What needs nobody to be in."""
Named = Callable[[Mapping[str, str]], str | None]
"""Whom Chainlit's own cookies name."""


class Door:
    """Lets in who calls by a name of this machine, from a page of the chat.

    Args:
        app: the chat.
        hosts: names by which it may be called.
        guests: who is in.
        cookie: name of the cookie by which they are.
        named: whom Chainlit's own cookies name; those of somebody else, who was in before, are kept from it.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], guests: Guests, cookie: str, named: Named) -> None:
        self._app = app
        self._guests = guests
        self._cookie = cookie
        self._named = named
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
        elif scope["path"] in OPEN:
            await self._app(scope, receive, _dressed(send))
        else:
            await self._let_in(headers, scope, receive, _dressed(send))

    async def _let_in(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        cookies = cookie_parser(headers.get("cookie", ""))
        shows = scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        one = await self._guests.who(cookies.get(self._cookie, "")[:100], anew=shows)
        if one is not None:
            with here(one):
                await self._app(self._without_others(cookies, scope, one), receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif shows:
            path = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            await RedirectResponse(f"{LOGIN}?next={quote(path, safe='/')}", 303)(scope, receive, send)
        else:
            await PlainTextResponse("Sign in first: load the chat's page again.", 401)(scope, receive, send)

    def _without_others(self, cookies: Mapping[str, str], scope: Scope, one: Guest) -> Scope:
        """A request without what says that it is of somebody else."""
        if self._named(cookies) in {None, one.name}:
            return scope
        kept = "; ".join(f"{name}={value}" for name, value in cookies.items() if not name.startswith(_CHAINLITS))
        told = [pair for pair in scope["headers"] if pair[0] not in {b"cookie", b"authorization"}]
        return {**scope, "headers": [*told, (b"cookie", kept.encode("latin-1"))]}

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
