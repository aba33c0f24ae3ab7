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
_ANSWERED: Final = b'"answered":true'
"""Quotes inside strings are escaped, so this is the field itself."""


class Answers(Protocol):
    """Answers questions of one request."""

    def __call__(self, question: Question, *, anew: bool) -> Awaitable[tuple[Told, dict[str, str]]]:
        """A reply, and headers that say by which release it was made."""
        ...


def watched(watch: Watch | None, ask: Answers) -> Answers:
    """The same, watched; as it is where nobody watches."""
    if watch is None:
        return ask

    async def watching(question: Question, *, anew: bool) -> tuple[Told, dict[str, str]]:
        began, outcome, tier, arm = perf_counter(), "failed", "", ""
        watch.asking += 1
        try:
            told, headers = await ask(question, anew=anew)
            outcome, tier = "answered" if _ANSWERED in told.body else "refused", told.tier
            if headers:
                arm = headers.get("X-Release", "").rpartition("arm=")[2]
        except (asyncio.CancelledError, OracleError) as error:
            outcome = _outcome(error)
            raise
        finally:
            watch.question_ended(outcome, tier, perf_counter() - began, arm)
            if watch.log_questions:
                log.info("%s", outcome, extra={"question": question.text})
        if not told.tier:
            watch.made(told.made or told.facts)
        return told, headers

    return watching


async def seen(watch: Watch | None, work: Awaitable[Reply]) -> dict[str, Any]:
    """A reply that an oracle makes, as it is sent, watched in the same way."""
    if watch is None:
        return wire.reply(await work)
    began, outcome = perf_counter(), "failed"
    watch.asking += 1
    try:
        reply = await work
        outcome = "answered" if reply.answer.refusal is None else "refused"
    except (asyncio.CancelledError, OracleError) as error:
        outcome = _outcome(error)
        raise
    finally:
        watch.question_ended(outcome, "", perf_counter() - began)
    facts = wire.reply(reply)
    watch.made(facts)
    return facts


def _outcome(error: asyncio.CancelledError | OracleError) -> str:
    """What came of a question that has no reply."""
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    return "failed" if error.status >= _FAULT else "refused"
