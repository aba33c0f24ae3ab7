"""Questions: `POST /query`, whole or as a stream of sentences."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from cmo.kit.deadline import remaining, within
from cmo.kit.refusal import out_of_time
from cmo.model.access import Role
from cmo.model.money import micros
from cmo.model.questions import Question
from cmo.oracle import admit
from cmo.stories.recall import Told
from cmo.web.boundary import HUNG_UP
from cmo.web.desk import AtDesk
from cmo.web.releases_asked import by_release
from cmo.web.replies import events, failing
from cmo.web.roles import needs, payer
from cmo.web.schemas import QueryBody, QueryParams
from cmo.web.schemas_replies import ReplyOut
from cmo.web.streams import STREAM, told, while_there
from cmo.web.watching import Answers

router = APIRouter(tags=["questions"], dependencies=[needs(Role.READER)])


@router.post(
    "/query",
    responses={200: {"model": ReplyOut, "content": STREAM}, **failing(400, 403, 413, 415, 421, 503)},
)
async def query(body: QueryBody, request: Request, desk: AtDesk) -> Response:
    """Ask a question: verbatim sentences with their citations, or an honest refusal.

    With `"stream": true`, or `Accept: text/event-stream`, the reply comes as events: a `stage` for what is being done, a
    `sentence` as soon as each is checked, then `answer` with the whole reply, or `error` with a problem.
    """
    question = admit(body.query, body.mode, body.filters.filters(), payer(request, body.tenant, body.user))
    if body.max_cost is not None:
        question = replace(question, max_cost=micros(Decimal(str(body.max_cost))))
    answers = _in_time(await by_release(desk, request), body.deadline_ms)
    if body.stream or "text/event-stream" in request.headers.get("accept", ""):
        return _events(answers, question, request)
    answering = answers(question, anew=_anew(request))
    try:
        reply, release = await (while_there(request, answering) if desk.house.waits else answering)
    except ClientDisconnect:
        return Response(status_code=HUNG_UP)  # nobody reads it
    return Response(reply.body, media_type="application/json", headers=_cache_headers(reply) | release)


@router.get(
    "/query/stream",
    response_class=Response,
    responses={200: {"content": STREAM, "description": "Events"}, **failing(421, 503)},
)
async def query_stream(asked: Annotated[QueryParams, Query()], request: Request, desk: AtDesk) -> Response:
    """Ask a question and follow the answer as events, for clients that can only GET."""
    question = admit(asked.query, asked.mode, asked.filters(), payer(request))
    return _events(_in_time(await by_release(desk, request), None), question, request)


def _events(answers: Answers, question: Question, request: Request) -> Response:
    async def ask() -> Told:
        return (await answers(question, anew=_anew(request)))[0]

    return events(told(ask, request.scope))


def _in_time(answers: Answers, milliseconds: int | None) -> Answers:
    """The same, as long as somebody waits: stages see the deadline, and whoever misses it is told."""
    if milliseconds is None and math.isinf(remaining()):
        return answers

    async def in_time(question: Question, *, anew: bool) -> tuple[Told, dict[str, str]]:
        with within(math.inf if milliseconds is None else milliseconds / 1000):
            left = remaining()
            try:
                async with asyncio.timeout(None if math.isinf(left) else left):
                    return await answers(question, anew=anew)
            except TimeoutError:
                raise out_of_time("this question") from None

    return in_time


def _anew(request: Request) -> bool:
    """Whether the client wants the answer made anew."""
    return "no-cache" in request.headers.get("cache-control", "").casefold()


def _cache_headers(reply: Told) -> dict[str, str]:
    """Where a reply comes from (RFC 9211), and its age."""
    if not reply.cached:
        return {"Cache-Status": "cmo; fwd=miss"}
    return {"Cache-Status": f"cmo; hit; detail={reply.tier}", "Age": str(int(reply.age))}
