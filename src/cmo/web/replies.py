"""JSON and event streams as responses."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cmo.web.schemas import Problem

Described = dict[int | str, dict[str, Any]]


def json(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


def event(name: str, value: Any) -> bytes:
    """One server-sent event; JSON has no line breaks, so it is one line of data."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(value) + b"\n\n"


class _Events(StreamingResponse):
    """What a client that has gone leaves unread is ended at once, not when somebody tidies up."""

    def __init__(self, source: AsyncGenerator[bytes, None]) -> None:
        super().__init__(source, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._source):
            await super().__call__(scope, receive, send)


def events(source: AsyncGenerator[bytes, None]) -> Response:
    """Events as they come; proxies are asked not to hold them back."""
    return _Events(source)


def failing(*statuses: int) -> Described:
    """What a route may answer instead, for the OpenAPI document."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}
