"""The boundary: every reply leaves with a request id and security headers, and no fault leaves as a stack trace.

One of the three places that catch everything. It wraps the whole application, its guards included.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
_GIVEN_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class Boundary:
    """Outermost layer of the service.

    Args:
        app: what it wraps.
        new_id: makes a request id where the client sent none that can be used.
    """

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def dressed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _dress(MutableHeaders(scope=message), {**SECURITY, "X-Request-ID": request_id}.items())
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        except Exception:
            log.exception("request %s failed", request_id)
            if begun:
                raise
            detail = f"Something went wrong that was not foreseen. The log names it by {request_id}."
            await problem(scope, 500, detail)(scope, receive, dressed)


def _dress(headers: MutableHeaders, wanted: Iterable[tuple[str, str]]) -> None:
    for name, value in wanted:
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")
