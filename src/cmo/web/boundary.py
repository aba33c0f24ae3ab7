"""The boundary: every reply leaves with a request id and security headers, and no fault leaves as a stack trace.

One of the three places that catch everything. It wraps the whole application, its guards included, and is therefore
where each request is timed: whoever listens is told when it came and when its last byte went.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cmo.kit.spans import Trace, tracing
from cmo.ops.watch import Listener, Request
from cmo.web.problems import problem

log = logging.getLogger("cmo.web")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The page needs its own files and nothing else: no inline script or style, no other site."""
SECURITY = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HUNG_UP = 499
"""The status of a request whose client went before there was one; nginx calls it so."""
_GIVEN_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


class Boundary:
    """Outermost layer of the service.

    Args:
        app: what it wraps.
        new_id: makes a request id where the client sent none that can be used.
        listener: is told of each request; None where nobody listens.
        leaving: whether the service is about to end: then each connection is closed after its reply.
    """

    def __init__(
        self,
        app: ASGIApp,
        new_id: Callable[[], str],
        listener: Listener | None = None,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._app = app
        self._new_id = new_id
        self._listener = listener
        self._leaving = leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        if self._listener is None:
            await self._serve(scope, receive, send, request_id)
            return
        await self._heard(self._listener, scope, receive, send, headers.get("traceparent", ""))

    async def _heard(self, listener: Listener, scope: Scope, receive: Receive, send: Send, parent: str) -> None:
        request_id, status, began = scope["state"]["request_id"], HUNG_UP, perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        trace_id = request_id if _TRACE_ID.fullmatch(request_id) else ""
        whole = tracing("request", parent, trace_id, request_id)
        listener.began()
        try:
            with whole:
                await self._serve(scope, receive, noted, request_id)
        finally:
            listener.ended(_request(scope, status, perf_counter() - began), whole.trace or Trace(""))

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        begun = False

        async def dressed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _dress(MutableHeaders(scope=message), {**SECURITY, "X-Request-ID": request_id}.items())
                if self._leaving():
                    MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        except Exception:
            log.exception("request %s failed", request_id)
            if begun:
                raise
            detail = f"Something went wrong that was not foreseen. The log names it by {request_id}."
            await problem(scope, 500, detail)(scope, receive, dressed)


def _request(scope: Scope, status: int, seconds: float) -> Request:
    """What may be told of a request: its route, never its address, which may hold what was asked."""
    state, route = scope["state"], scope.get("route")
    endpoint = getattr(route, "path", "") or ("/static" if scope["path"].startswith("/static/") else "")
    key = state.get("key_id", "")
    return Request(
        state["request_id"], endpoint, scope["method"], status, seconds, state.get("problem", ""), str(key or "")
    )


def _dress(headers: MutableHeaders, wanted: Iterable[tuple[str, str]]) -> None:
    for name, value in wanted:
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")
