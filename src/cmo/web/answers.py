"""Answers after they were given: `POST /api/feedback`, `GET /api/answers/{id}`, and asked again.

::

    id --written down?--> whose? --own, or one who runs the service asks--> told, rated, asked again
            '--not yet: a moment is waited'--another's--> 404, as if there were none
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import anyio
from fastapi import APIRouter, Path, Request
from pydantic import AfterValidator, Field
from starlette.responses import Response

from cmo import wire
from cmo.answer.bibliography import Style, bibliography
from cmo.errors import NotFound, NotNow
from cmo.kit.text import clean_text
from cmo.model.access import Role
from cmo.model.audit import HIGHEST, LOWEST, MAX_COMMENT_CHARS, Given, Rating
from cmo.web.desk import AtDesk, Desk
from cmo.web.replies import failing, json
from cmo.web.roles import may_see, needs, payer
from cmo.web.schemas import Asked, Sent, Who

router = APIRouter(prefix="/api", tags=["answers"], dependencies=[needs(Role.READER)])

AnswerId = Annotated[str, Path(pattern="^[0-9a-f]{1,32}$", description="The `id` of a reply.")]


_LOOKS: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds between looks at the log for an answer that is not there yet."""
_KINDS = {
    Style.BIBTEX: "application/x-bibtex",
    Style.RIS: "application/x-research-info-systems",
    Style.VANCOUVER: "text/plain; charset=utf-8",
}


class FeedbackBody(Asked):
    """What somebody thinks of an answer."""

    answer_id: Annotated[str, Field(pattern="^[0-9a-f]{1,32}$")]
    """The `id` of the reply."""
    rating: Annotated[int, Field(ge=LOWEST, le=HIGHEST)]
    """1 (useless or wrong) to 5 (right and complete)."""
    comment: Annotated[str, AfterValidator(clean_text), Field(max_length=MAX_COMMENT_CHARS)] = ""
    """In words."""
    user: Who = ""
    """Who says so; each has one rating of an answer, the last."""
    tenant: Who = ""
    """Whose group that is."""


class FeedbackOut(Sent):
    """A rating as it was kept."""

    answer_id: str
    rating: int
    ratings: int
    """How many people rated this answer."""
    average: float


class RatingOut(Sent):
    """One person's rating."""

    rating: int
    comment: str
    at: str


class GivenOut(Sent):
    """An answer as it was given."""

    id: str
    at: str
    release: str
    version: str
    asked: dict[str, Any]
    reply: dict[str, Any]
    ratings: list[RatingOut]


class PaperChangeOut(Sent):
    """A paper whose part in the answer is not what it was."""

    paper_id: str
    title: str
    fate: str


class ChangeOut(Sent):
    """Something that differs."""

    then: Any
    now: Any


class ReplayOut(Sent):
    """An answer then and now."""

    id: str
    at: str
    question: str
    kept: list[str]
    gone: list[str]
    new: list[str]
    papers: list[PaperChangeOut]
    changed: dict[str, ChangeOut]
    same: bool
    """Whether a reader would see the same sentences of the same papers."""
    reply: dict[str, Any]
    """What is said now."""


@router.post("/feedback", response_model=FeedbackOut, responses=failing(400, 404, 413, 415, 422, 503, 507))
async def feedback(body: FeedbackBody, request: Request, desk: AtDesk) -> Response:
    """Rate an answer."""
    house = desk.house
    await _given(desk, request, body.answer_id)

    def kept() -> dict[str, Any]:
        answers = house.record.answers
        who = payer(request, body.tenant, body.user)
        answers.rate(Rating(body.answer_id, house.clock.now(), who, body.rating, body.comment))
        scores = [rating.score for rating in answers.ratings(body.answer_id)]
        return {
            "answer_id": body.answer_id,
            "rating": body.rating,
            "ratings": len(scores),
            "average": round(sum(scores) / len(scores), 3),
        }

    return json(await desk.read(kept))


@router.get("/answers/{answer_id}", response_model=GivenOut, responses=failing(404, 422, 503))
async def answer(answer_id: AnswerId, request: Request, desk: AtDesk) -> Response:
    """An answer as it was given, whatever became of its papers since. Readers see their own, operators all."""
    given = await _given(desk, request, answer_id)
    ratings = await desk.read(desk.house.record.answers.ratings, answer_id)
    said = [{"rating": r.score, "comment": r.comment, "at": r.at.isoformat()} for r in ratings]
    return json(
        {
            "id": given.id,
            "at": given.at.isoformat(),
            "release": given.release,
            "version": given.version,
            "asked": given.asked,
            "reply": given.reply,
            "ratings": said,
        }
    )


@router.get(
    "/answers/{answer_id}/references",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in _KINDS.values()}}, **failing(404, 422, 503)},
)
async def references(answer_id: AnswerId, request: Request, desk: AtDesk, style: Style = Style.BIBTEX) -> Response:
    """The papers that an answer cites, as reference managers and journals take them."""
    given = await _given(desk, request, answer_id)
    text = bibliography([wire.paper_of(c) for c in given.reply["citations"]], style)
    return Response(text, media_type=_KINDS[style])


@router.get("/answers/{answer_id}/replay", response_model=ReplayOut, responses=failing(404, 422, 503))
async def replay(answer_id: AnswerId, request: Request, desk: AtDesk) -> Response:
    """Ask again what an answer was given to: what would differ today, and why."""
    await _given(desk, request, answer_id)
    await desk.oracle()
    replayed = await desk.read(lambda: desk.house.replayer.replay(answer_id))
    return json(replayed.as_json())


async def _given(desk: Desk, request: Request, answer_id: str) -> Given:
    """An answer that whoever asks may see; one that was given a moment ago is waited for, as answers are written together.

    Raises:
        NotFound: there is none, or it is another's: who may not see it learns nothing of it.
        NotNow: it was given, and the store takes nothing for now.
    """
    house = desk.house
    given = await desk.read(house.record.answers.get, answer_id)
    for seconds in _LOOKS:
        if given is not None or not (desk.one_of_several or house.chronicle.holds(answer_id)):
            break
        await anyio.sleep(seconds)
        given = await desk.read(house.record.answers.get, answer_id)
    if given is None and house.chronicle.holds(answer_id):
        raise NotNow(f"The answer {answer_id!r} is not written down yet: the store takes nothing. Try again.", 5.0)
    if given is None or not may_see(request, given.payer.user):
        raise NotFound(f"There is no answer {answer_id!r}, or it is forgotten. See `cmo answers list`.")
    return given
