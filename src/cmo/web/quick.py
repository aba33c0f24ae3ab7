"""A question that is plainly right goes straight to its handler; whatever else comes goes the way of all requests.

::

    POST /query, its body in one piece --read and checked at once--> role --> `cmo.web.questions.query` --> the reply
                     '--in several, or not as it should be--> the routes, which say what is wrong

Looking for a route and solving its dependencies takes as much of the processor as looking a kept answer up (ADR 25).
What is described, checked and refused stays with the route: what is not right is handed on as it came.
"""

from __future__ import annotations

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
            first = await receive()
        except HTTPException as error:  # of the guard
            await (await problems.on_http_exception(request, error))(scope, receive, send)
            return
        if (body := _read(first)) is None:
            await self._app(scope, _again(first, receive), send)
            return
        scope["route"] = _ROUTE  # by which it is counted
        await (await _answered(request, body))(scope, receive, send)


def _read(first: Message) -> QueryBody | None:
    """What is asked; None where it is not all there, or not as it should be."""
    if first.get("more_body"):
        return None
    try:
        return QueryBody.model_validate_json(first.get("body", b""))
    except ValidationError:
        return None


async def _answered(request: Request, body: QueryBody) -> Response:
    try:
        await _MAY(request)
        return await questions.query(body, request, request.scope["state"]["desk"])
    except OracleError as error:
        return problems.of_error(request.scope, error)


def _again(first: Message, receive: Receive) -> Receive:
    """What was received, for whoever comes next."""
    waiting = [first]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
