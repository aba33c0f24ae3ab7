"""An answer while it is made, as server-sent events.

::

    stage --> sentence, sentence, ... --> answer             each sentence as soon as it is checked
                 '--> stage "withdrawn" --> sentence, ...     another engine's answer is better, or a release failed
              --> error                                       a problem (RFC 9457)

What is told early is what `answer` will hold; where it turns out otherwise, that is said before anything else. A kept
answer and one in the papers' own words come at once. Somebody who goes ends the work, unless others wait for it as well;
somebody who reads slowly holds up nobody but themselves: an answer has a handful of sentences, and they wait here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from cmo import wire
from cmo.errors import OracleError
from cmo.kit.telling import heard
from cmo.model.answers import AnswerSentence
from cmo.model.stages import Anew, Stage
from cmo.stories.recall import Told
from cmo.web import problems
from cmo.web.replies import event

T = TypeVar("T")
PULSE_SECONDS: Final = 10.0
"""Silence after which a comment is sent, so that nobody on the way takes the line for dead."""
EVENTS: Final = ("stage", "sentence", "answer", "error")
STREAM: Final[dict[str, Any]] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "One event of the stream; its data is JSON.",
            "required": ["event", "data"],
            "properties": {"event": {"type": "string", "enum": list(EVENTS)}, "data": {"type": "string"}},
        },
    }
}
"""For the OpenAPI document."""
_WITHDRAWN: Final = "What was shown does not stand: another answer takes its place."
_END: Final = object()


async def told(
    ask: Callable[[], Awaitable[Told]], scope: Scope, *, pulse: float = PULSE_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The events of one question.

    Args:
        ask: answers it.
        scope: of the request, for problems.
        pulse: seconds of silence after which a comment is sent.
    """
    yield b": heard\n\n"  # sends the headers, so that the client knows that it is heard
    loop, facts = asyncio.get_running_loop(), asyncio.Queue[object]()

    def hear(fact: object) -> None:  # in the thread that makes the answer, which may outlive who waits for it
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(facts.put_nowait, fact)

    with heard(hear):
        asking = asyncio.ensure_future(ask())

    def ended(done: asyncio.Future[Told]) -> None:
        done.cancelled() or done.exception()  # seen, even if whoever would be told has gone
        facts.put_nowait(_END)

    asking.add_done_callback(ended)
    shown = _Shown()
    try:
        while (fact := await _next(facts, pulse)) is not _END:
            if piece := b": at work\n\n" if fact is None else shown.by(fact):
                yield piece
        try:
            reply = (await asking).facts
        except OracleError as error:
            yield event("error", orjson.loads(problems.of_error(scope, error).body))
            return
        yield shown.rest(reply) + event("answer", reply)
    finally:
        asking.cancel()


async def while_there(request: Request, work: Awaitable[T]) -> T:
    """What work comes to; it is ended once whoever asks has gone, as nobody would hear of it.

    Raises:
        ClientDisconnect: they have.
    """
    working, going = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, going), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return await working
    finally:
        working.cancel()
        going.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _next(facts: asyncio.Queue[object], pulse: float) -> object:
    """What is told next; None where it is silent for too long."""
    try:
        async with asyncio.timeout(pulse):
            return await facts.get()
    except TimeoutError:
        return None


class _Shown:
    """The sentences that a reader has seen."""

    def __init__(self) -> None:
        self._sentences: list[Mapping[str, Any]] = []

    def by(self, fact: object) -> bytes:
        """What a fact makes known; nothing where it is of no interest to readers."""
        match fact:
            case AnswerSentence():
                self._sentences.append(wire.sentence(fact))
                return event("sentence", wire.sentence_alone(fact))
            case Stage():
                thread = {"thread_id": fact.thread} if fact.thread else {}
                return event("stage", {"stage": fact.step.value, "text": fact.text, **thread})
            case Anew():
                return self._withdrawn()
        return b""

    def rest(self, reply: Mapping[str, Any]) -> bytes:
        """The sentences of the whole answer that were not seen yet; all, where those that were do not begin it."""
        sentences = reply["sentences"]
        withdrawn = b"" if sentences[: len(self._sentences)] == self._sentences else self._withdrawn()
        evidence = {piece["id"]: piece for piece in reply["evidence"]}
        papers = {paper["number"]: paper for paper in reply["citations"]}
        return withdrawn + b"".join(
            event(
                "sentence",
                {
                    **sentence,
                    "evidence": [evidence[key] for key in sentence["evidence"]],
                    "papers": [papers[number] for number in sentence["citations"]],
                },
            )
            for sentence in sentences[len(self._sentences) :]
        )

    def _withdrawn(self) -> bytes:
        seen, self._sentences = len(self._sentences), []
        return event("stage", {"stage": "withdrawn", "text": _WITHDRAWN, "sentences": seen}) if seen else b""
