"""What the service replies about papers, the graph, answers given and itself, as typed dictionaries.

A test holds them against what the service describes.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from cmo.client.shapes import Box, Node, Paper, Route


class Summary(Paper):
    """A paper in a list."""

    added_at: str
    pages: int
    sentences: int
    chunks: int


class PaperList(TypedDict):
    """Papers, newest first, and the reasons of those that were retracted."""

    papers: list[Summary]
    total: int
    retracted: dict[str, str]


class Page(TypedDict):
    """A page and its size in points."""

    number: int
    width: float
    height: float


class PaperDetail(Paper):
    """A paper with its pages."""

    pages: list[Page]


class Outcome(TypedDict):
    """What became of one file."""

    source: str
    status: Literal["added", "unchanged", "replaced", "refused"]
    paper_id: str
    version: int
    title: str
    reason: str
    detail: str
    remedy: str
    pages: int
    sentences: int
    chunks: int
    seconds: float


class Outcomes(TypedDict):
    """What became of each file, in the order sent."""

    outcomes: list[Outcome]


class Place(TypedDict):
    """Where a piece of evidence is printed."""

    id: str
    paper: Paper
    page: int
    start: int
    end: int
    text: str
    boxes: list[Box]
    image: str


class Stated(TypedDict):
    """A sentence behind a relation, and where it is printed."""

    text: str
    against: bool
    evidence: str
    paper_id: str
    cited: str
    page: int
    probability: float


class Edge(TypedDict):
    """What the papers together say of one relation."""

    subject: Node
    relation: str
    object: Node
    probability: float
    papers_for: int
    papers_against: int
    source: str
    sentences: list[Stated]


class Neighbourhood(TypedDict):
    """A concept and what is said around it."""

    concept: Node
    nodes: list[Node]
    edges: list[Edge]


class GraphPath(TypedDict):
    """One way from concept to concept."""

    probability: float
    steps: list[Edge]


class GraphPaths(TypedDict):
    """The surest ways from one concept to another; none where nothing leads there."""

    start: Node
    end: Node
    paths: list[GraphPath]


class Tier(TypedDict):
    """One place where answers are kept."""

    name: Literal["memory", "disk", "shared"]
    hits: int
    misses: int
    hit_rate: float
    size: int | None
    bytes: int | None
    limit_bytes: int | None
    evictions: int
    errors: int
    skipped: int
    age_seconds: float


class Kept(TypedDict):
    """How often kept answers served, in the process that tells it."""

    tiers: list[Tier]
    asked: int
    found: int
    hit_rate: float
    made: int
    refreshed: int
    refused: int


class Statistics(TypedDict):
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
    answers: Kept | None
    recommendations: list[dict[str, Any]]


class Classified(TypedDict):
    """The class of a question, and what it took."""

    category: str
    confidence: float
    reasoning: str
    destination: str
    research_category: str
    decided_by: str
    response_time_ms: float
    target_met: bool
    cache_hit: bool
    cache_tier: Literal["", "memory", "disk", "shared", "near"]
    optimizations: list[str]
    fallback: str
    route: Route


class Component(TypedDict):
    """One part of the service."""

    status: Literal["healthy", "degraded", "unhealthy"]
    detail: str


class Health(TypedDict):
    """Whether the service works, as a whole and by parts."""

    status: Literal["healthy", "degraded", "unhealthy"]
    components: dict[str, Component]
    timestamp: str
    details: dict[str, str | int]


class Live(TypedDict):
    """That the service answers."""

    status: Literal["alive"]


class Ready(TypedDict):
    """Whether questions are taken."""

    ready: bool
    reason: str
    """Why not; empty where they are."""


class Status(TypedDict):
    """What the knowledge base holds."""

    papers: int
    retracted: int
    passages: int
    snapshot: str
    model: str
    up_to_date: bool
    nodes: int
    edges: int
    curated_edges: int
    facts: int
    reader: str
    stale_readings: int
    missing_readings: int


class ProblemKind(TypedDict):
    """A kind of problem."""

    code: str
    status: int
    title: str


class Feedback(TypedDict):
    """A rating as it was kept."""

    answer_id: str
    rating: int
    ratings: int
    average: float


class Rating(TypedDict):
    """One person's rating."""

    rating: int
    comment: str
    at: str


class Given(TypedDict):
    """An answer as it was given."""

    id: str
    at: str
    release: str
    version: str
    asked: dict[str, Any]
    reply: dict[str, Any]
    ratings: list[Rating]


class PaperChange(TypedDict):
    """A paper whose part in the answer is not what it was."""

    paper_id: str
    title: str
    fate: str


class Change(TypedDict):
    """Something that differs."""

    then: Any
    now: Any


class Replay(TypedDict):
    """An answer then and now."""

    id: str
    at: str
    question: str
    kept: list[str]
    gone: list[str]
    new: list[str]
    papers: list[PaperChange]
    changed: dict[str, Change]
    same: bool
    reply: dict[str, Any]
