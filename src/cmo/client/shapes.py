"""What the service replies to questions, as typed dictionaries.

A test holds them against what the service describes.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class Box(TypedDict):
    """A rectangle on a page, in points from its top left corner."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


class Paper(TypedDict):
    """A version of a paper."""

    paper_id: str
    version: int
    title: str
    authors: list[str]
    year: int | None
    journal: str
    doi: str
    pmid: str
    licence: str
    source: str
    format: Literal["pdf", "jats", "markdown", "text", "web"]
    sha256: str


class Citation(Paper):
    """A numbered source of an answer."""

    number: int


class Verdict(TypedDict):
    """What the quoted sentences say to a question that can be answered by yes or no."""

    answer: Literal["yes", "no", "unsure"]
    probability: float | None
    sentence: int | None
    evidence: str


class Sentence(TypedDict):
    """One statement, whom it cites, and the ids of the evidence behind it."""

    text: str
    translation: str
    citations: list[int]
    evidence: list[str]


class Evidence(TypedDict):
    """A verbatim sentence and where it is printed."""

    id: str
    citation: int
    paper_id: str
    version: int
    page: int
    start: int
    end: int
    text: str
    section: str
    heading: str
    url: str
    boxes: list[Box]
    score: float
    image: str


class Refusal(TypedDict):
    """Why there is no answer, and what came nearest."""

    reason: str
    message: str
    searched: int
    nearest: list[Paper]


class Node(TypedDict):
    """A concept, and how many papers mention it."""

    id: str
    name: str
    kind: str
    papers: int


class Relation(TypedDict):
    """What the papers say of one relation between two concepts; evidence by its ids."""

    subject: Node
    relation: str
    object: Node
    probability: float
    papers_for: int
    papers_against: int
    specimens: list[str]
    organisms: list[str]
    organisms_against: list[str]
    evidence_for: list[str]
    evidence_against: list[str]
    source: str


class ReadAs(TypedDict):
    """A name of the question that is misspelled, and what it was taken for."""

    printed: str
    read_as: str


class Enrichment(TypedDict):
    """What the knowledge graph added to an answer."""

    concepts: list[Node]
    hops: int
    enrichment_score: float
    relationships_used: int
    paths: list[list[Relation]]


class Reason(TypedDict):
    """One thing that spoke for or against a route; its weight in log-odds."""

    name: str
    text: str
    weight: float


class Route(TypedDict):
    """Where a question's answer would best come from, and whom that leaves to ask now."""

    destination: str
    category: str
    research_category: str
    scope: str
    engines: list[str]
    probability: float
    interval: list[float]
    novelty: float
    probabilities: dict[str, float]
    possible: list[str]
    research_probability: float
    decided_by: str
    reasons: list[Reason]
    version: str
    facts: dict[str, float]


class Timings(TypedDict):
    """Where the time went, in milliseconds."""

    total_time_ms: float
    translation_time_ms: float
    routing_time_ms: float
    retrieval_time_ms: float
    generation_time_ms: float


class Judged(TypedDict):
    """What one sentence of an answer is worth."""

    supported: float
    verdict: str
    issues: list[str]


class Quality(TypedDict):
    """What an answer is worth, all 0 to 1."""

    composite: float
    acceptable: float
    relevance: float
    accuracy: float
    factual: float
    coverage: float
    citation_precision: float | None
    citation_recall: float | None
    agreement: float | None
    indicator: str
    sentences: list[Judged]
    limits: list[str]


class Reply(TypedDict):
    """An answer with everything that it takes to show and check it."""

    id: str
    question: str
    answer: str
    answered: bool
    confidence: float
    verdict: Verdict | None
    sentences: list[Sentence]
    citations: list[Citation]
    evidence: list[Evidence]
    sources: list[str]
    refusal: Refusal | None
    relations: list[Relation]
    enrichment: Enrichment | None
    read_as: list[ReadAs]
    unsupported: list[str]
    source: str
    quality: Quality | None
    mode: str
    route: Route | None
    notice: str
    searched: int
    snapshot: str
    cost_usd: float
    cached: bool
    age_seconds: float
    processing_time_ms: float
    timings: Timings


class Passage(TypedDict):
    """A passage, best first, and where it is printed."""

    paper: Paper
    section: str
    heading: str
    page: int
    score: float
    text: str
    nearest: Evidence


class Found(TypedDict):
    """What a search found."""

    question: str
    snapshot: str
    searched: int
    notice: str
    passages: list[Passage]


class Step(TypedDict):
    """One question of the plan, and what became of it."""

    question: str
    why: str
    mode: str
    answered: bool
    answer: str
    confidence: float
    id: str
    gap: str


class Deep(TypedDict):
    """One answer of what the steps found."""

    id: str
    thread_id: str
    question: str
    answer: str
    answered: bool
    confidence: float
    sentences: list[Sentence]
    citations: list[Citation]
    evidence: list[Evidence]
    sources: list[str]
    refusal: Refusal | None
    source: str
    mode: str
    disputes: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    steps: list[Step]
    agent_history: list[dict[str, Any]]
    planned_by: str
    notice: str
    snapshot: str
    cost_usd: float
    processing_time_ms: float


class Difference(TypedDict):
    """What the graph changed."""

    shared_evidence: int
    only_standard: list[str]
    only_enhanced: list[str]
    enrichment_score: float
    added_ms: float


class Comparison(TypedDict):
    """The same question answered without the graph and with it."""

    standard: Reply
    enhanced: Reply
    difference: Difference


class Reach(TypedDict):
    """How far the graph may carry a search now."""

    multi_hop_enabled: bool
    max_hops: int
    reasoning_enabled: bool
    rollout_percentage: float
    fault: str
