"""Classes of questions: `POST /classify` and `GET /stats`. There is always an answer within the limit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from cmo import wire
from cmo.errors import BadQuestion
from cmo.kit.admission import Rank
from cmo.model.access import Role
from cmo.model.routes import Category, Decider, Destination, ResearchCategory
from cmo.sorting.cast import OpenSorter
from cmo.sorting.figures import advise, stats, told
from cmo.web.desk import AtDesk
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas import Asked, Sent
from cmo.web.schemas import Query as QuestionText
from cmo.web.schemas_replies import RouteOut

router = APIRouter(tags=["classes"], dependencies=[needs(Role.READER)])

Priority = Literal["high", "normal", "low"]
RANKS = {"high": Rank.HEALTH, "normal": Rank.INTERACTIVE, "low": Rank.PREFETCH}


class ClassifyBody(Asked):
    """A question to classify."""

    query: QuestionText
    """The question, in words."""
    priority: Priority = "normal"
    """Who goes first when more is asked than can be decided at once."""


class ClassifyOut(Sent):
    """The class of a question, and what it took."""

    category: Category
    confidence: Annotated[float, Field(ge=0, le=1)]
    """Probability of the category."""
    reasoning: str
    destination: Destination
    research_category: ResearchCategory
    decided_by: Decider
    response_time_ms: float
    target_met: bool
    cache_hit: bool
    cache_tier: Literal["", "memory", "disk", "shared", "near"]
    """Where the decision was kept; `near` for a question that is almost the same."""
    optimizations: list[str]
    """What made it cheaper, or was left out."""
    fallback: str
    """Why cue words had to decide; empty where they had not."""
    route: RouteOut


class TierOut(Sent):
    """One place where answers are kept."""

    name: Literal["memory", "disk", "shared"]
    hits: int
    misses: int
    hit_rate: float
    size: int | None
    """Entries now; null where that is not known."""
    bytes: int | None
    limit_bytes: int | None
    evictions: int
    errors: int
    """Times that it failed or took too long; each cost a miss at most."""
    skipped: int
    """Times that it was not asked, because it rested after errors or had too much to do."""
    age_seconds: float


class KeptOut(Sent):
    """How often kept answers served, in the process that tells it."""

    tiers: list[TierOut]
    asked: int
    found: int
    hit_rate: float
    made: int
    refreshed: int
    refused: int


class StatsOut(Sent):
    """How classifying goes, since the service began."""

    router: dict[str, str]
    requests: dict[str, Any]
    response_times: dict[str, float]
    compliance: dict[str, float]
    throughput: dict[str, float]
    cache: dict[str, Any]
    optimizations: dict[str, int]
    batching: dict[str, float] | None
    tuning: dict[str, Any] | None
    llm: dict[str, Any]
    resources: dict[str, Any]
    answers: KeptOut | None
    """Kept answers to questions; null where none are kept, or nobody asked yet."""
    recommendations: list[dict[str, Any]]
    """What to do, each with the measurement that it follows from."""


async def _sorting(desk: AtDesk) -> OpenSorter:
    return await desk.sorting.opened()


AtSorter = Annotated[OpenSorter, Depends(_sorting)]


@router.post("/classify", responses={200: {"model": ClassifyOut}, **failing(400, 403, 413, 415, 421, 503)})
async def classify(
    opened: AtSorter,
    body: ClassifyBody | None = None,
    query: Annotated[str | None, Query(description="The question, where there is no body.")] = None,
) -> Response:
    """Classify a question: as JSON `{"query": …}`, or as `?query=` in the address."""
    asked = body.query if body is not None else query
    if asked is None:
        raise BadQuestion('Nothing was asked. Send {"query": "…"} as JSON, or ?query= in the address.')
    found = await opened.sorter.sort(asked, RANKS[body.priority if body is not None else "normal"])
    facts = told(found, opened.sorter.plan.target_seconds)
    return json({**facts, "route": wire.route(found.route)})


@router.get("/stats", responses={200: {"model": StatsOut}, **failing(421)})
async def statistics(opened: AtSorter, desk: AtDesk) -> Response:
    """How classifying goes: times, caches, batching, resources, and what to do about it; and how often kept answers served."""
    facts, kept = stats(opened), desk.kept()
    answers = None if kept is None else asdict(kept)
    return json({**facts, "answers": answers, "recommendations": [advice.as_json() for advice in advise(facts)]})
