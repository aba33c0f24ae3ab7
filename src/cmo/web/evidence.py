"""Evidence: where a sentence is printed, and the page itself with the sentence highlighted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from cmo import wire
from cmo.errors import NotFound
from cmo.model.access import Role
from cmo.model.papers import Box, PaperRef
from cmo.stories.beside import Neighbour
from cmo.web.desk import AtDesk, Desk
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas_papers import BesideOut, PlaceOut

router = APIRouter(tags=["evidence"], dependencies=[needs(Role.READER)])

PaperId = Annotated[str, Path(min_length=1, max_length=64)]
EvidenceId = Annotated[str, Path(max_length=100, examples=["3fa2b1c0d9e1.1.10234-10377"])]


class View(BaseModel):
    """What of a page to show."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    evidence: Annotated[list[str], Field(max_length=20)] = []
    """Ids of the sentences to highlight."""
    scale: Annotated[float, Field(ge=0.25, le=4)] = 2.0
    """Pixels a point (1/72 inch)."""


class Around(BaseModel):
    """How much of what stands beside a sentence to show."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    neighbours: Annotated[int, Field(ge=0, le=10)] = 2
    """Sentences of the same paper, on each side."""
    others: Annotated[int, Field(ge=0, le=25)] = 12
    """Other papers at most."""


@dataclass(frozen=True, slots=True)
class _Shot:
    """What is to be drawn: all of it immutable, so that its tag is known before it is drawn."""

    paper: PaperRef
    page: int
    boxes: tuple[Box, ...]
    scale: float

    @property
    def tag(self) -> str:
        """A strong entity tag (RFC 9110)."""
        facts = f"{self.paper.paper_id}.{self.paper.version}.{self.paper.sha256}.{self.page}.{self.boxes}.{self.scale}"
        return f'"{hashlib.blake2b(facts.encode(), digest_size=12).hexdigest()}"'


@router.get("/evidence/{evidence_id}", responses={200: {"model": PlaceOut}, **failing(404, 421, 503)})
async def place(evidence_id: EvidenceId, desk: AtDesk) -> Response:
    """Where a piece of evidence is printed: its paper, its page, its words, and their boxes."""
    found = await desk.read(lambda: desk.house.viewer.place(evidence_id))
    return json(wire.place(evidence_id, found))


@router.get("/evidence/{evidence_id}/beside", responses={200: {"model": BesideOut}, **failing(404, 421, 503)})
async def beside(evidence_id: EvidenceId, around: Annotated[Around, Query()], desk: AtDesk) -> Response:
    """The sentences before and after it, and what other papers say to the same: for it, against it, or near it.

    Other papers are found by meaning and words, and judged without a language model: what is told is a probability.
    """
    await desk.oracle()
    return json(await desk.read(_beside, desk, evidence_id, around))


@router.get(
    "/papers/{paper_id}/pages/{page}.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "The page"}, **failing(404, 421, 503)},
)
async def page_image(
    paper_id: PaperId,
    page: Annotated[int, Path(ge=1, le=1_000_000)],
    desk: AtDesk,
    view: Annotated[View, Query()],
    if_none_match: Annotated[str, Header(max_length=4000)] = "",
) -> Response:
    """A page as it is printed, with evidence highlighted; several pieces may be asked for.

    May be kept by clients, but asked for anew each time: a retracted paper is no longer shown.
    """
    shot = await desk.read(_aim, desk, paper_id, page, view)
    headers = {"ETag": shot.tag, "Cache-Control": "private, no-cache"}
    if shot.tag in if_none_match:
        return Response(status_code=304, headers=headers)
    image = await desk.draw(
        lambda: desk.house.viewer.image(shot.paper, shot.page, shot.boxes, scale=shot.scale),
    )
    return Response(image, media_type="image/png", headers=headers)


def _aim(desk: Desk, paper_id: str, page: int, view: View) -> _Shot:
    """Find what is to be drawn.

    Raises:
        NotFound: no such paper, or evidence that belongs to another one.
    """
    places = [desk.house.viewer.place(key) for key in view.evidence]
    paper = places[0].paper if places else desk.house.record.paper(paper_id)
    if paper.paper_id != paper_id or any(found.paper != paper for found in places):
        raise NotFound(f"The evidence asked for is not all of one version of paper {paper_id!r}.")
    boxes = tuple(box for found in places for box in found.boxes if box.page == page)
    return _Shot(paper, page, boxes, view.scale)


def _beside(desk: Desk, evidence_id: str, around: Around) -> dict[str, Any]:
    place = desk.house.viewer.place(evidence_id)
    found = desk.house.beside.look(place, around.neighbours, around.others)

    def told(one: Neighbour) -> dict[str, Any]:
        key = f"{place.paper.paper_id}.{place.paper.version}.{one.start}-{one.end}"
        return {"id": key, "text": one.text, "page": one.boxes[0].page if one.boxes else place.page}

    return {
        "id": evidence_id,
        "before": [told(one) for one in found.before],
        "after": [told(one) for one in found.after],
        "others": [
            {
                "stance": one.stance.value,
                "probability": round(one.probability, 4),
                "paper": wire.paper(one.evidence.paper),
                "evidence": wire.evidence(one.evidence, number),
            }
            for number, one in enumerate(found.others, 1)
        ],
    }
