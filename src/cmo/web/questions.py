"""Questions: `POST /query`, whole or as a stream of sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from cmo.errors import OracleError
from cmo.kit.deadline import remaining, within
from cmo.kit.refusal import out_of_time
from cmo.model.money import Payer, micros
from cmo.model.questions import Question
from cmo.oracle import admit
from cmo.stories.recall import Told
from cmo.web import problems
from cmo.web.desk import AtDesk
from cmo.web.releases_asked import Answers, by_release
from cmo.web.replies import event, events, failing
from cmo.web.schemas import QueryBody, QueryParams
from cmo.web.schemas_replies import ReplyOut

router = APIRouter(tags=["questions"])

_STREAM = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "One event of the stream; its data is JSON.",
            "required": ["event", "data"],
            "properties": {
                "event": {"type": "string", "enum": ["sentence", "done", "error"]},
                "data": {"type": "string"},
            },
        },
    }
}


@router.post(
    "/query",
    responses={200: {"model": ReplyOut, "content": _STREAM}, **failing(400, 403, 413, 415, 421, 503)},
)
async def query(body: QueryBody, request: Request, desk: AtDesk) -> Response:
    """Ask a question: verbatim sentences with their citations, or an honest refusal.

    With `Accept: text/event-stream` the reply comes as events: a `sentence` for each, then `done` with the whole
    reply, or `error` with a problem.
    """
    question = replace(
        admit(body.query, body.mode, body.filters.filters(), Payer(body.tenant, body.user)),
        max_cost=None if body.max_cost is None else micros(Decimal(str(body.max_cost))),
    )
    answers = _in_time(await by_release(desk, request), body.deadline_ms)
    if "text/event-stream" in request.headers.get("accept", ""):
        return events(_told(answers, question, request))
    told, release = await answers(question, anew=_anew(request))
    return Response(told.body, media_type="application/json", headers=_cache_headers(told) | release)


@router.get(
    "/query/stream",
    response_class=Response,
    responses={200: {"content": _STREAM, "description": "Events"}, **failing(421, 503)},
)
async def query_stream(asked: Annotated[QueryParams, Query()], request: Request, desk: AtDesk) -> Response:
    """Ask a question and follow the answer as events, for clients that can only GET."""
    question = admit(asked.query, asked.mode, asked.filters())
    return events(_told(await by_release(desk, request), question, request))


def _in_time(answers: Answers, milliseconds: int | None) -> Answers:
    """The same, as long as somebody waits: stages see the deadline, and whoever misses it is told."""
    if milliseconds is None:
        return answers

    async def in_time(question: Question, *, anew: bool) -> tuple[Told, dict[str, str]]:
        with within(milliseconds / 1000):
            try:
                async with asyncio.timeout(remaining()):
                    return await answers(question, anew=anew)
            except TimeoutError:
                raise out_of_time("this question") from None

    return in_time


def _anew(request: Request) -> bool:
    """Whether the client wants the answer made anew."""
    return "no-cache" in request.headers.get("cache-control", "").casefold()


def _cache_headers(told: Told) -> dict[str, str]:
    """Where a reply comes from (RFC 9211), and its age."""
    if not told.cached:
        return {"Cache-Status": "cmo; fwd=miss"}
    return {"Cache-Status": f"cmo; hit; detail={told.tier}", "Age": str(int(told.age))}


async def _told(answers: Answers, question: Question, request: Request) -> AsyncIterator[bytes]:
    yield b": thinking\n\n"  # sends the headers, so that the client knows that it is heard
    try:
        reply = (await answers(question, anew=_anew(request)))[0].facts
    except OracleError as error:
        yield event("error", orjson.loads(problems.of_error(request.scope, error).body))
        return
    evidence: dict[str, Any] = {e["id"]: e for e in reply["evidence"]}
    for sentence in reply["sentences"]:
        yield event("sentence", {**sentence, "evidence": [evidence[key] for key in sentence["evidence"]]})
    yield event("done", reply)
