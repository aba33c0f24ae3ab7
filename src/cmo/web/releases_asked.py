"""Who asks, as a request says, and the release that answers them."""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request

from cmo.delivery.traffic import Asker
from cmo.model.questions import Question
from cmo.stories.recall import Told
from cmo.web.desk import Desk
from cmo.web.watching import Answers, watched

_NAME: Final = re.compile(rb"[\x21-\x7e]{1,200}")
_USER, _SESSION, _COHORT = b"x-user-id", b"x-session-id", b"x-cohort"
_HEADERS: Final = (_USER, _SESSION, _COHORT)


async def by_release(desk: Desk, request: Request) -> Answers:
    """Who answers the questions of a request: by releases where the service has them, else by the settings.

    Raises:
        OracleError: questions cannot be answered.
    """
    released = await desk.released()
    recall = await desk.recall()

    async def plainly(question: Question, *, anew: bool) -> tuple[Told, dict[str, str]]:
        return await recall.ask(question, anew=anew), {}

    async def answers(question: Question, *, anew: bool) -> tuple[Told, dict[str, str]]:
        assert released is not None
        reply = await released.ask(question, asker(request, question), anew=anew)
        return reply.told, {"X-Release": f"{reply.release or 'baseline'}; arm={reply.arm}"}

    return watched(request.app.state.observing.watch, plainly if released is None else answers)


def asker(request: Request, question: Question) -> Asker:
    """Who asks: the user of the body, or of a header; the session; the group."""
    said = {name: _named(value) for name, value in request.scope["headers"] if name in _HEADERS}
    payer, get = question.payer, said.get
    return Asker(payer.user or get(_USER, ""), get(_SESSION, ""), get(_COHORT, "") or payer.tenant)


def _named(said: bytes) -> str:
    """A header that can be used as a name; what cannot is as good as none."""
    return said.decode("ascii") if _NAME.fullmatch(said) else ""
