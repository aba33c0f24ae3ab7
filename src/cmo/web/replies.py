"""JSON and event streams as responses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from cmo.web.schemas import Problem

Described = dict[int | str, dict[str, Any]]


def json(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


def event(name: str, value: Any) -> bytes:
    """One server-sent event; JSON has no line breaks, so it is one line of data."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(value) + b"\n\n"


def events(source: AsyncIterator[bytes]) -> Response:
    """Events as they come; proxies are asked not to hold them back."""
    return StreamingResponse(source, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def failing(*statuses: int) -> Described:
    """What a route may answer instead, for the OpenAPI document."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}
