"""Who asks, as a request says, and the release that answers them."""

from __future__ import annotations

import re
from typing import Final, Protocol

from fastapi import Request

from cmo.delivery.traffic import Asker
from cmo.model.questions import Question
from cmo.stories.recall import Told
from cmo.web.desk import Desk

_NAME: Final = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)


class Answers(Protocol):
    """Answers questions of one request."""

    async def __call__(self, question: Question, *, anew: bool) -> tuple[Told, dict[str, str]]:
        """A reply, and headers that say by which release it was made."""
        ...


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

    return plainly if released is None else answers


def asker(request: Request, question: Question) -> Asker:
    """Who asks: the user of the body, or of a header; the session; the group."""
    payer = question.payer
    return Asker(
        payer.user or _header(request, "x-user-id"),
        _header(request, "x-session-id"),
        _header(request, "x-cohort") or payer.tenant,
    )


def _header(request: Request, name: str) -> str:
    """A header that can be used as a name; what cannot is as good as none."""
    said = request.headers.get(name, "")
    return said if _NAME.fullmatch(said) else ""
