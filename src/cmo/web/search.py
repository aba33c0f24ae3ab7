"""Search: `GET /api/search`, passages as they are found, each with the sentence in it that comes nearest; no answer is made."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from cmo import wire
from cmo.answer.quote import quote
from cmo.model.access import Role
from cmo.model.evidence import Found, Passage
from cmo.model.papers import Section
from cmo.oracle import admit
from cmo.web.desk import AtDesk
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas import PaperOut, QueryParams, Sent
from cmo.web.schemas_replies import EvidenceOut

router = APIRouter(prefix="/api/search", tags=["questions"], dependencies=[needs(Role.READER)])


class Sought(QueryParams):
    """What to look for."""

    limit: Annotated[int, Field(ge=1, le=50)] = 10
    """How many passages to show."""


class PassageOut(Sent):
    """A passage, best first, and where it is printed."""

    paper: PaperOut
    section: Section
    heading: str
    page: int
    score: float
    """Comparable within one search only."""
    text: str
    nearest: EvidenceOut
    """The sentence of it that comes nearest to the question; its `citation` is the passage's place in the list."""


class FoundOut(Sent):
    """What a search found."""

    question: str
    snapshot: str
    searched: int
    """How many passages could have been found under the filters."""
    notice: str
    passages: list[PassageOut]


@router.get("", responses={200: {"model": FoundOut}, **failing(421, 503)})
async def search(asked: Annotated[Sought, Query()], desk: AtDesk) -> Response:
    """Find passages of the papers, without making an answer of them."""
    question = admit(asked.query, asked.mode, asked.filters())
    await desk.oracle()
    found = await desk.read(lambda: desk.house.retriever.retrieve(question, asked.limit))
    return json(_told(found))


def _told(found: Found) -> dict[str, Any]:
    return {
        "question": found.question,
        "snapshot": found.snapshot,
        "searched": found.searched,
        "notice": found.notice,
        "passages": [_passage(passage, found, n) for n, passage in enumerate(found.passages, 1)],
    }


def _passage(passage: Passage, found: Found, number: int) -> dict[str, Any]:
    likeness = passage.sentence_vectors @ found.query_vector
    best = int(np.argmax(likeness))
    nearest = quote(passage, passage.sentences[best], float(likeness[best]))
    return {
        "paper": wire.paper(passage.paper),
        "section": passage.section.value,
        "heading": passage.heading,
        "page": passage.sentences[0].page,
        "score": round(passage.score, 4),
        "text": passage.text,
        "nearest": wire.evidence(nearest, number),
    }
