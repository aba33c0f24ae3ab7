"""Problems: every error as RFC 9457 problem details, and never a stack trace.

::

    OracleError        -> its own status and code
    validation error   -> 422 bad-question | bad-filter | invalid-request, 400 malformed-json
    HTTP exception     -> 404, 405, 413, 415 ...
    anything else      -> 500 unexpected (see `cmo.web.boundary`)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from cmo.errors import BadFilter, BadQuestion, NotNow, OracleError, StoreLocked
from cmo.kit.places import without_places

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
"""When to try again what another writer stood in the way of."""
_CODES = {
    400: "bad-request",
    403: "cross-site",
    404: "not-found",
    405: "method-not-allowed",
    408: "too-slow",
    413: "too-large",
    415: "unsupported-media-type",
    421: "unknown-host",
    500: "unexpected",
}
_FIELDS: Mapping[object, type[OracleError]] = {
    "query": BadQuestion,
    "question": BadQuestion,
    "mode": BadFilter,
    "filters": BadFilter,
}


def problem(
    scope: Scope,
    status: int,
    detail: str,
    *,
    code: str = "",
    title: str = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem as a response.

    Args:
        scope: of the request it answers.
        status: HTTP status.
        detail: what was wrong with this request, and what to do.
        code: stable name of the kind; by default that of the status.
        title: the kind in words; by default those of the status.
        headers: further headers.
        more: members of its own kind.
    """
    code = code or _CODES.get(status, "error")
    scope.setdefault("state", {})["problem"] = code  # for the log and the metrics
    body = {
        "type": f"/problems/{code}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": scope.get("path", ""),
        "code": code,
        "request_id": scope.get("state", {}).get("request_id", ""),
        **more,
    }
    return Response(orjson.dumps(body), status, headers=headers, media_type=MEDIA_TYPE)


def of_error(scope: Scope, error: OracleError, **more: Any) -> Response:
    """One of our own errors as a response."""
    retry = {"Retry-After": str(seconds)} if (seconds := _retry_seconds(error)) else None
    return problem(
        scope,
        error.status,
        shown(scope, str(error)),
        code=error.code,
        title=title_of(type(error)),
        headers=retry,
        **more,
    )


def shown(scope: Scope, text: str) -> str:
    """Words as whoever asks may read them: only those who run the service are told where its files lie."""
    state = scope.get("state", {})
    if state.get("places"):
        return text
    desk = state.get("desk")
    return without_places(text, (desk.house.folder, Path.home()) if desk is not None else (Path.home(),))


def _retry_seconds(error: OracleError) -> int:
    """After how many whole seconds to ask again; 0 if that is not known to help."""
    if isinstance(error, NotNow):
        return max(1, math.ceil(error.after))
    return RETRY_SECONDS if isinstance(error, StoreLocked) else 0


def title_of(kind: type[OracleError]) -> str:
    """The kind of error in words: the first line of its docstring."""
    return (kind.__doc__ or kind.__name__).splitlines()[0].rstrip(".")


def kinds() -> dict[str, dict[str, Any]]:
    """All kinds of problem by code: our own errors, and what HTTP adds."""
    found: dict[str, dict[str, Any]] = {
        **{code: {"status": status, "title": HTTPStatus(status).phrase} for status, code in _CODES.items()},
        "malformed-json": {"status": 400, "title": "The body is not JSON"},
        "invalid-request": {"status": 422, "title": "Invalid request"},
    }
    waiting: list[type[OracleError]] = [OracleError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = {"status": kind.status, "title": title_of(kind)}
        waiting += kind.__subclasses__()
    return found


async def on_oracle_error(request: Request, error: Exception) -> Response:
    """Handler of our own errors."""
    assert isinstance(error, OracleError)
    return of_error(request.scope, error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Handler of what the framework refuses."""
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"There is nothing at {request.url.path}. The interface is described at /docs."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible at {request.url.path}."
    return problem(request.scope, error.status_code, detail, headers=error.headers)


async def on_invalid(request: Request, error: Exception) -> Response:
    """Handler of requests that do not have the shape that the interface asks for."""
    assert isinstance(error, RequestValidationError)
    faults: Sequence[Any] = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return problem(request.scope, 400, "The body is not valid JSON.", code="malformed-json")
    named = [{"pointer": _pointer(fault["loc"]), "detail": fault["msg"]} for fault in faults]
    detail = "; ".join(f"{n['pointer'].rpartition('/')[2] or 'body'}: {n['detail']}" for n in named)
    kind = next((_FIELDS[part] for fault in faults for part in fault["loc"][1:] if part in _FIELDS), None)
    if kind is None:
        return problem(request.scope, 422, detail, code="invalid-request", title="Invalid request", errors=named)
    return of_error(request.scope, kind(detail), errors=named)


def _pointer(location: Sequence[object]) -> str:
    """A JSON pointer (RFC 6901) into the body, or to a parameter."""
    place, *path = map(str, location)
    steps = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)
    return f"#{steps}" if place == "body" else f"{place}{steps}"
