"""Questions of several parts: `POST /api/deep`, answered in steps that are told as they are done, and kept.

::

    question --one of two at a time--> plan, retrieve, read, check, ... write --> the answer
                  '--too many wait--> 503        '--the asker goes, time is up--> what is done is kept in the thread

Needs the extra `[agents]`; without it the reply is 501.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Request
from pydantic import AliasChoices, Field
from starlette.responses import Response

from cmo.agents.deep import Progress
from cmo.errors import Overloaded
from cmo.kit.deadline import Until, share
from cmo.kit.leaving import Leaving, check, noticing
from cmo.kit.telling import heard, hearing
from cmo.model.access import Role
from cmo.model.money import Payer, micros
from cmo.model.questions import Question
from cmo.model.stages import Stage, Step
from cmo.oracle import admit
from cmo.stories.recall import Told
from cmo.web.desk import AtDesk, Desk
from cmo.web.replies import events, failing, json
from cmo.web.roles import may_see, needs, payer
from cmo.web.schemas import Query, QueryBody, Sent
from cmo.web.schemas_replies import CitationOut, EvidenceOut, RefusalOut, SentenceOut
from cmo.web.streams import STREAM, told

router = APIRouter(prefix="/api/deep", tags=["questions"], dependencies=[needs(Role.READER)])

SECONDS: Final = 120.0
"""For which a question is worked on, where nobody says otherwise."""
_WAITING: Final = 8
"""Questions that may wait for their turn."""
_TURN_SECONDS: Final = 30.0

Thread = Annotated[str, Path(pattern=r"^[\w.:-]{1,100}$", description="The `thread_id` of a reply.")]


class DeepBody(QueryBody):
    """A question of several parts."""

    query: Annotated[Query, Field(validation_alias=AliasChoices("question", "query"))]
    """The question, in words; also as `query`, as elsewhere."""
    thread_id: Annotated[str, Field(max_length=100, validation_alias=AliasChoices("thread_id", "thread"))] = ""
    """Continues what was asked under this name; the same question goes on where it was interrupted."""


class StepOut(Sent):
    """One question of the plan, and what became of it."""

    question: str
    why: str
    mode: str
    answered: bool
    answer: str
    confidence: float
    id: str
    gap: str


class DeepOut(Sent):
    """One answer of what the steps found."""

    id: str
    """By which it can be rated and replayed."""
    thread_id: str
    question: str
    answer: str
    answered: bool
    confidence: float
    sentences: list[SentenceOut]
    citations: list[CitationOut]
    evidence: list[EvidenceOut]
    sources: list[str]
    refusal: RefusalOut | None
    source: str
    mode: str
    disputes: list[dict[str, Any]]
    """What sources contradict each other in."""
    gaps: list[dict[str, Any]]
    """Questions of the plan that got no answer, and why."""
    steps: list[StepOut]
    agent_history: list[dict[str, Any]]
    """What was done, in order."""
    planned_by: str
    notice: str
    snapshot: str
    cost_usd: float
    processing_time_ms: float


class ThreadOut(Sent):
    """What was asked in a thread."""

    thread_id: str
    history: list[dict[str, Any]]
    """Questions that are done, oldest first, each with its answer and its steps."""
    unfinished: dict[str, Any] | None
    """The question that was begun last, where it is not done: ask it again to go on."""


class ForgottenOut(Sent):
    """A thread that is no more."""

    thread_id: str


@router.post(
    "",
    responses={200: {"model": DeepOut, "content": STREAM}, **failing(400, 403, 404, 409, 413, 415, 421, 501, 503, 507)},
)
async def deep(body: DeepBody, request: Request, desk: AtDesk) -> Response:
    """Plan, retrieve, read, check and write. When the time is up, what is not asked yet is told as a gap.

    With `"stream": true`, or `Accept: text/event-stream`, each step comes as an event `stage` when it is done, then the
    sentences, then `answer`.
    """
    question = _asked(body, payer(request, body.tenant, body.user))
    desk.house.deep.installed()
    if desk.queue_of_thoughts() >= _WAITING:
        raise Overloaded(f"{_WAITING} questions of several parts wait already. Ask again in a moment.", _TURN_SECONDS)
    await desk.oracle()
    until, sees = _until(body.deadline_ms), partial(may_see, request)
    ask = _asking(desk, lambda: desk.house.deep.stream(question, body.thread_id, until, sees))
    if body.stream or "text/event-stream" in request.headers.get("accept", ""):
        return events(told(ask, request.scope))
    return Response((await ask()).body, media_type="application/json")


@router.get("/{thread_id}", responses={200: {"model": ThreadOut}, **failing(404, 421, 501, 503)})
async def thread(thread_id: Thread, request: Request, desk: AtDesk) -> Response:
    """What was asked in a thread, and what can be gone on with. Readers see their own, operators all."""
    return json(await desk.read(desk.house.deep.thread, thread_id, partial(may_see, request)))


@router.delete("/{thread_id}", responses={200: {"model": ForgottenOut}, **failing(403, 404, 409, 421, 501, 503, 507)})
async def forget(thread_id: Thread, request: Request, desk: AtDesk) -> Response:
    """Delete a thread and all that was asked in it; its answers stay written down for as long as others do."""

    def forgotten() -> dict[str, Any]:
        desk.house.deep.thread(thread_id, partial(may_see, request))
        desk.house.deep.forget(thread_id)
        return {"thread_id": thread_id}

    return json(await desk.read(forgotten))


def _asking(desk: Desk, begin: Callable[[], Iterator[Progress]]) -> Callable[[], Awaitable[Told]]:
    """Works on the question in a thread of its own; whoever goes ends it after, or in, the step in hand."""

    def steps() -> bytes:
        hear, answer = hearing(), b""
        with heard(None):  # what the questions of the plan are answered with is not the answer yet
            for progress in begin():
                check()
                if progress.answer is not None:
                    answer = orjson.dumps(progress.answer)
                if hear is not None:
                    hear(Stage(Step(progress.stage), progress.text, progress.thread))
        return answer

    async def ask() -> Told:
        leaving = Leaving()
        try:
            with noticing(leaving):
                return Told(await desk.think(steps))
        except asyncio.CancelledError:
            leaving.leave()
            raise

    return ask


def _until(milliseconds: int | None) -> Until:
    """When to stop: the body says, and whoever asks for less time in a header gets less."""
    seconds = SECONDS if milliseconds is None else milliseconds / 1000
    return Until(time.monotonic() + min(seconds, share()))


def _asked(body: QueryBody, who: Payer) -> Question:
    """The question of a body, as admitted."""
    question = admit(body.query, body.mode, body.filters.filters(), who)
    return replace(question, max_cost=None if body.max_cost is None else micros(Decimal(str(body.max_cost))))
