"""Who asks, as a request says, and the release that answers them."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from cmo.delivery.traffic import Asker
from cmo.model.questions import Question
from cmo.stories.recall import Told
from cmo.web.desk import Desk
from cmo.web.watching import Answers, watched

_LONGEST: Final = 200
_USER, _SESSION, _COHORT = b"x-user-id", b"x-session-id", b"x-cohort"


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

    return watched(request.app.state.observing.watching, plainly if released is None else answers)


def asker(request: Request, question: Question) -> Asker:
    """Who asks: the user of the body, or of a header; the session; the group."""
    payer, get = question.payer, dict(request.scope["headers"]).get
    return Asker(payer.user or _named(get(_USER)), _named(get(_SESSION)), _named(get(_COHORT)) or payer.tenant)


def _named(said: bytes | None) -> str:
    """A header that can be used as a name; what cannot is as good as none."""
    if not said or len(said) > _LONGEST or not said.isascii():
        return ""
    name = said.decode("ascii")
    return name if name.isprintable() and " " not in name else ""
