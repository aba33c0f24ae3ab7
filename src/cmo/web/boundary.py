"""The boundary: every reply leaves with a request id and security headers, and no fault leaves as a stack trace.

One of the three places that catch everything. It wraps the whole application, its guards included, and is therefore
where each request is timed: whoever listens is told when it came and when its last byte went.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from time import perf_counter
from typing import Final

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
STAY = {"Strict-Transport-Security": "max-age=31536000"}
_UNTIMED: Final = nullcontext()
_READ: Final = frozenset({b"x-request-id", b"traceparent"})
_GIVEN_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


class Boundary:
    """Outermost layer of the service.

    Args:
        app: what it wraps.
        new_id: makes a request id where the client sent none that can be used: 32 hexadecimal digits, by which its trace
            is known as well.
        listener: is told of each request; None where nobody listens.
        stages: whether the stages of each request are timed, for who listens.
        leaving: whether the service is about to end: then each connection is closed after its reply.
        by_tls: whether clients come by TLS; browsers are then told to come in no other way.
    """

    def __init__(
        self,
        app: ASGIApp,
        new_id: Callable[[], str],
        listener: Listener | None = None,
        leaving: Callable[[], bool] = lambda: False,
        *,
        stages: bool = True,
        by_tls: bool = False,
    ) -> None:
        self._app = app
        self._new_id = new_id
        self._listener = listener
        self._leaving = leaving
        self._stages = stages
        wanted = {**SECURITY, **STAY} if by_tls else SECURITY
        self._security = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in wanted.items()]
        self._names = frozenset(name for name, _ in self._security) | {b"x-request-id"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = {name: value for name, value in scope["headers"] if name in _READ}
        given = said.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if given and _GIVEN_ID.fullmatch(given) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        status, began = [HUNG_UP], perf_counter()
        if self._listener is None:
            await self._serve(scope, receive, send, status)
            return
        trace_id = request_id if request_id != given or _TRACE_ID.fullmatch(given) else ""
        parent = said[b"traceparent"].decode("latin-1") if b"traceparent" in said else ""
        whole = tracing("request", parent, trace_id, request_id) if self._stages else None
        self._listener.began()
        try:
            with whole or _UNTIMED:
                await self._serve(scope, receive, send, status)
        finally:
            trace = whole.trace if whole is not None else None
            self._listener.ended(_request(scope, status[0], perf_counter() - began), trace or Trace(""))

    async def _serve(self, scope: Scope, receive: Receive, send: Send, status: list[int]) -> None:
        request_id = scope["state"]["request_id"]

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                message["headers"] = self._dressed(message.get("headers", ()), request_id)
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        except Exception:
            log.exception("request %s failed", request_id)
            if status[0] != HUNG_UP:
                raise
            detail = f"Something went wrong that was not foreseen. The log names it by {request_id}."
            await problem(scope, 500, detail)(scope, receive, dressed)

    def _dressed(self, headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
        """Headers with ours in the place of any of those names; as bytes, since every reply goes through here."""
        kept = [pair for pair in headers if pair[0] not in self._names]
        if all(name != b"cache-control" for name, _ in kept):
            kept.append((b"cache-control", b"no-store"))
        if self._leaving():
            kept.append((b"connection", b"close"))
        return [*kept, *self._security, (b"x-request-id", request_id.encode("ascii"))]


def _request(scope: Scope, status: int, seconds: float) -> Request:
    """What may be told of a request: its route, never its address, which may hold what was asked."""
    state, route, asks = scope["state"], scope.get("route"), scope["state"].get("principal")
    endpoint = getattr(route, "path", "") or ("/static" if scope["path"].startswith("/static/") else "")
    key = asks.key if asks is not None else ""
    told = (state["request_id"], endpoint, scope["method"], status, seconds, state.get("problem", ""), key)
    return tuple.__new__(Request, told)  # one for each request; its own constructor takes twice as long
