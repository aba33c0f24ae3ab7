"""A problem as a page, for whoever typed an address into a browser or followed a link; programs get problem details.

::

    handler --> problem details --the browser went there itself--> the same words in the frame of the pages
                                '--anything else--> as they are
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from string import Template
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cmo.web.problems import MEDIA_TYPE
from cmo.web.site import Page

Handler = Callable[[Request, Exception], Awaitable[Response]]

_PAGE: Final = Page(body="problem", title="Not here", skip=("said", "what is wrong"), styles=(), scripts=())
_KEPT: Final = ("content-type", "content-length")


def seen(handler: Handler) -> Handler:
    """A handler whose problems are pages to browsers."""

    async def handle(request: Request, error: Exception) -> Response:
        reply = await handler(request, error)
        return _page(reply) if _browses(request) and reply.media_type == MEDIA_TYPE else reply

    return handle


def _browses(request: Request) -> bool:
    """Whether somebody went there: scripts and images of the pages do not ask for HTML."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _page(reply: Response) -> Response:
    told = orjson.loads(reply.body)
    words = {"title": told["title"], "detail": told["detail"], "request": told["request_id"]}
    page = Template(_PAGE.told().decode()).safe_substitute({name: escape(word) for name, word in words.items()})
    headers = {name: value for name, value in reply.headers.items() if name not in _KEPT}
    return HTMLResponse(page, reply.status_code, headers | {"Vary": "Accept"})
