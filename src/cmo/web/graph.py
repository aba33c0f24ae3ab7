"""The graph around a concept, as the page draws it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from cmo import wire
from cmo.model.access import Role
from cmo.web.desk import AtDesk, Desk
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas_replies import NodeOut

router = APIRouter(prefix="/api/graph", tags=["enrichment"], dependencies=[needs(Role.READER)])


class Wanted(BaseModel):
    """What of the graph to show."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    concept: Annotated[str, Field(min_length=1, max_length=300, examples=["phenylalanine"])]
    """A concept: its name, or an identifier such as `CHEBI:17295` or `HMDB0000159`."""
    hops: Annotated[int, Field(ge=1, le=2)] = 1
    """How many relations are followed."""
    limit: Annotated[int, Field(ge=1, le=50)] = 12
    """How many relations of a concept are shown."""
    sentences: Annotated[int, Field(ge=0, le=5)] = 1
    """How many sentences are quoted for each relation."""


class StatedOut(BaseModel):
    """A sentence behind a relation, and where it is printed."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    text: str
    against: bool
    """It denies the relation, or states its opposite."""
    evidence: str
    paper_id: str
    cited: str
    """The paper on one line."""
    page: int
    probability: float


class EdgeOut(BaseModel):
    """What the papers together say of one relation."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    subject: NodeOut
    relation: str
    object: NodeOut
    probability: float
    papers_for: int
    papers_against: int
    source: str
    sentences: list[StatedOut]


class NeighbourhoodOut(BaseModel):
    """A concept and what is said around it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    concept: NodeOut
    nodes: list[NodeOut]
    edges: list[EdgeOut]


class Between(BaseModel):
    """What is to be connected."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    start: Annotated[str, Field(min_length=1, max_length=300, examples=["phenylalanine"])]
    """A concept: its name or an identifier."""
    end: Annotated[str, Field(min_length=1, max_length=300, examples=["homocystinuria"])]
    """Another one."""
    hops: Annotated[int, Field(ge=1, le=3)] = 3
    """How long a path may be."""
    limit: Annotated[int, Field(ge=1, le=20)] = 5
    """How many paths are shown."""
    sentences: Annotated[int, Field(ge=0, le=5)] = 1
    """How many sentences are quoted for each relation."""


class PathOut(BaseModel):
    """One way from concept to concept."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    probability: float
    """That all of its steps hold."""
    steps: list[EdgeOut]


class PathsOut(BaseModel):
    """The surest ways from one concept to another; none where nothing leads there."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    start: NodeOut
    end: NodeOut
    paths: list[PathOut]


@router.get("", responses={200: {"model": NeighbourhoodOut}, **failing(404, 421, 503)})
async def neighbourhood(wanted: Annotated[Wanted, Query()], desk: AtDesk) -> Response:
    """A concept, its surest relations, and the concepts at their ends."""
    return json(await desk.read(_around, desk, wanted))


@router.get("/path", responses={200: {"model": PathsOut}, **failing(404, 421, 503)})
async def paths(wanted: Annotated[Between, Query()], desk: AtDesk) -> Response:
    """The surest ways from one concept to another, each step with what is said of it."""
    return json(await desk.read(_between, desk, wanted))


def _between(desk: Desk, wanted: Between) -> dict[str, Any]:
    atlas = desk.house.atlas()
    start, end = atlas.find(wanted.start), atlas.find(wanted.end)
    ways = [
        {"probability": round(probability, 4), "steps": [wire.edge(atlas.told(e, wanted.sentences)) for e in edges]}
        for probability, edges in atlas.ways(start, end, wanted.hops, wanted.limit)
    ]
    return {"start": wire.node(start), "end": wire.node(end), "paths": ways}


def _around(desk: Desk, wanted: Wanted) -> dict[str, Any]:
    atlas = desk.house.atlas()
    start = atlas.find(wanted.concept)
    edges = [edge for told in atlas.around(start, wanted.hops, wanted.limit).values() for edge in told]
    numbers = dict.fromkeys([start.number, *(end for edge in edges for end in (edge.subject, edge.object))])
    nodes = {number: atlas.graph.node(number) for number in numbers}
    return {
        "concept": wire.node(start),
        "nodes": [wire.node(node) for node in nodes.values()],
        "edges": [wire.edge(atlas.told(edge, wanted.sentences)) for edge in edges],
    }
