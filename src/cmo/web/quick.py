"""A question that is plainly right goes straight to its handler; whatever else comes goes the way of all requests.

::

    POST /query --read and checked at once--> role --> `cmo.web.questions.query` --> the reply
          '--not as it should be--> the routes, which say what is wrong

Looking for a route and solving its dependencies takes as much of the processor as looking a kept answer up (ADR 25).
What is described, checked and refused stays with the route: what is not right is handed on as it came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cmo.errors import OracleError
from cmo.web import problems, questions
from cmo.web.roles import table
from cmo.web.schemas import QueryBody

_PLACE: Final = ("POST", "/query")
_JSON: Final = (b"content-type", b"application/json")
_ROUTE: Final = next(route for route in questions.router.routes if getattr(route, "path", "") == _PLACE[1])
_MAY: Final = table([questions.router])[_PLACE]


class Quick:
    """Answers plain questions.

    Args:
        app: whatever else there is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or (scope["method"], scope["path"]) != _PLACE or _JSON not in scope["headers"]:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            received = await _received(receive)
        except HTTPException as error:  # of the guard
            await (await problems.on_http_exception(request, error))(scope, receive, send)
            return
        if (body := _read(received)) is None:
            await self._app(scope, _again(received, receive), send)
            return
        scope["route"] = _ROUTE  # by which it is counted
        await (await _answered(request, body))(scope, receive, send)


async def _received(receive: Receive) -> list[Message]:
    """All that comes of a body; the guard sees to it that it is not much."""
    received = [await receive()]
    while received[-1].get("more_body"):
        received.append(await receive())
    return received


def _read(received: Sequence[Message]) -> QueryBody | None:
    """What is asked; None where it is not as it should be."""
    try:
        return QueryBody.model_validate_json(b"".join([message.get("body", b"") for message in received]))
    except ValidationError:
        return None


async def _answered(request: Request, body: QueryBody) -> Response:
    try:
        await _MAY(request)
        return await questions.query(body, request, request.scope["state"]["desk"])
    except OracleError as error:
        return problems.of_error(request.scope, error)


def _again(received: Sequence[Message], receive: Receive) -> Receive:
    """What was received, for whoever comes next."""
    waiting = deque(received)

    async def again() -> Message:
        return waiting.popleft() if waiting else await receive()

    return again
