"""Questions of a request, watched: what came of each, where the reply was found, how long it took."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from time import perf_counter
from typing import Any, Final, Protocol

from cmo import wire
from cmo.errors import OracleError
from cmo.model.questions import Question
from cmo.ops.watch import Watch
from cmo.oracle import Reply
from cmo.stories.recall import Told

log: Final = logging.getLogger("cmo.questions")
_FAULT: Final = 500
_ANSWERED: Final = b'"answered":'
"""Quotes inside strings are escaped, so this is the field itself."""


class Answers(Protocol):
    """Answers questions of one request."""

    def __call__(self, question: Question, *, anew: bool) -> Awaitable[tuple[Told, dict[str, str]]]:
        """A reply, and headers that say by which release it was made."""
        ...


def watched(watch: Watch, ask: Answers) -> Answers:
    """The same, watched."""

    async def watching(question: Question, *, anew: bool) -> tuple[Told, dict[str, str]]:
        began, outcome, tier, arm = perf_counter(), "failed", "", ""
        watch.question_began()
        try:
            told, headers = await ask(question, anew=anew)
            outcome, tier = "answered" if _answered(told.body) else "refused", told.tier
            if headers:
                arm = headers.get("X-Release", "").rpartition("arm=")[2]
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except OracleError as error:
            outcome = "failed" if error.status >= _FAULT else "refused"
            raise
        finally:
            watch.question_ended(outcome, tier, perf_counter() - began, arm)
            if watch.log_questions:
                log.info("%s", outcome, extra={"question": question.text})
        if not told.cached:
            watch.made(told.made or told.facts)
        return told, headers

    return watching


async def seen(watch: Watch, work: Awaitable[Reply]) -> dict[str, Any]:
    """A reply that an oracle makes, as it is sent, watched in the same way."""
    began, outcome = perf_counter(), "failed"
    watch.question_began()
    try:
        reply = await work
        outcome = "answered" if reply.answer.refusal is None else "refused"
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    finally:
        watch.question_ended(outcome, "", perf_counter() - began)
    facts = wire.reply(reply)
    watch.made(facts)
    return facts


def _answered(body: bytes) -> bool:
    """Read from the bytes as they are: a reply is long, and the first field of that name is the one."""
    return body.startswith(b"true", body.find(_ANSWERED) + len(_ANSWERED))
