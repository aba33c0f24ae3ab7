"""The graph around a concept, as the page draws it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from cmo import wire
from cmo.web.desk import AtDesk, Desk
from cmo.web.replies import failing, json
from cmo.web.schemas import NodeOut

router = APIRouter(prefix="/api/graph", tags=["enrichment"])


class Wanted(BaseModel):
    """What of the graph to show."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    concept: Annotated[str, Field(min_length=1, max_length=300, examples=["phenylalanine"])]
    """A concept: its name, or an identifier such as `CHEBI:17295` or `HMDB0000159`."""
    hops: Annotated[int, Field(ge=1, le=2)] = 1
    """How many relations are followed."""
    limit: Annotated[int, Field(ge=1, le=50)] = 12
    """How many relations of a concept are shown."""


class EdgeOut(BaseModel):
    """What the papers together say of one relation."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    subject: str
    """Id of a node."""
    relation: str
    object: str
    probability: float
    papers_for: int
    papers_against: int
    source: str


class NeighbourhoodOut(BaseModel):
    """A concept and what is said around it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    concept: NodeOut
    nodes: list[NodeOut]
    edges: list[EdgeOut]


@router.get("", responses={200: {"model": NeighbourhoodOut}, **failing(404, 421, 503)})
async def neighbourhood(wanted: Annotated[Wanted, Query()], desk: AtDesk) -> Response:
    """A concept, its surest relations, and the concepts at their ends."""
    return json(await desk.read(_around, desk, wanted))


def _around(desk: Desk, wanted: Wanted) -> dict[str, Any]:
    atlas = desk.house.atlas()
    start = atlas.find(wanted.concept)
    edges = [edge for told in atlas.around(start, wanted.hops, wanted.limit).values() for edge in told]
    numbers = dict.fromkeys([start.number, *(end for edge in edges for end in (edge.subject, edge.object))])
    nodes = {number: atlas.graph.node(number) for number in numbers}
    return {
        "concept": wire.node(start),
        "nodes": [wire.node(node) for node in nodes.values()],
        "edges": [
            {
                "subject": nodes[edge.subject].concept,
                "relation": edge.type.value,
                "object": nodes[edge.object].concept,
                "probability": round(edge.probability, 4),
                "papers_for": edge.papers_for,
                "papers_against": edge.papers_against,
                "source": edge.source,
            }
            for edge in edges
        ],
    }
