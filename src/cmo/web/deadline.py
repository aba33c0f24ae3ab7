"""The deadline that a client sends along: `X-Deadline-Ms`, the milliseconds after which it no longer waits.

It goes along in the context, so that every stage and every call to the outside knows what is left. A question whose
time is over gets its 504 at once. A change that has begun is not broken off half-way: its stages see the deadline,
and what was acknowledged is told. A reply that has begun ends as its handler ends it.
"""

from __future__ import annotations

import math

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cmo.kit.deadline import HEADER, read, within
from cmo.kit.refusal import out_of_time
from cmo.web.problems import of_error

_NAME = HEADER.lower().encode()
_CHANGES = frozenset({"PUT", "PATCH", "DELETE"})


class Deadlines:
    """Keeps deadlines.

    Args:
        app: whose requests have them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as long as there is time."""
        seconds = read(_said(scope)) if scope["type"] == "http" else None
        if seconds is None:
            await self._app(scope, receive, send)
            return
        with within(seconds), anyio.CancelScope() as limit:
            limit.deadline = math.inf if seconds and _changes(scope) else anyio.current_time() + seconds

            async def told(message: Message) -> None:
                limit.deadline = math.inf
                await send(message)

            await anyio.lowlevel.checkpoint()  # no time at all: not even a beginning
            await self._app(scope, receive, told)
        if limit.cancelled_caught:
            await of_error(scope, out_of_time("this request"))(scope, receive, send)


def _said(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == _NAME), "")


def _changes(scope: Scope) -> bool:
    return scope["method"] in _CHANGES or (scope["method"] == "POST" and scope["path"] == "/papers")
