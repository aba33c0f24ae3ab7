"""The shape of a reply to a question."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cmo.engines import Source
from cmo.model.answers import RefusalReason, Says
from cmo.model.assessments import Verdict
from cmo.model.concepts import Kind, RelationType
from cmo.model.papers import Section
from cmo.model.questions import Mode
from cmo.model.routes import Category, Decider, Destination, ResearchCategory, Scope
from cmo.web.schemas import BoxOut, PaperOut, Sent


class CitationOut(PaperOut):
    """A numbered source of an answer."""

    number: int


class SentenceOut(Sent):
    """One statement, whom it cites, and the ids of the evidence behind it."""

    text: str
    translation: str
    """In the language of the question, where that is not English and a language model could translate."""
    citations: list[int]
    evidence: list[str]


class EvidenceOut(Sent):
    """A verbatim sentence and where it is printed."""

    id: str
    citation: int
    paper_id: str
    version: int
    page: int
    start: int
    end: int
    text: str
    section: Section
    heading: str
    url: str
    """Of a page of the web; empty for a paper."""
    boxes: list[BoxOut]
    score: float
    image: str
    """Address of the page's image, with the sentence highlighted."""


class VerdictOut(Sent):
    """What the quoted sentences say to a question that can be answered by yes or no."""

    answer: Says
    """`unsure` where none of them concludes, or it is not plain what."""
    probability: Annotated[float, Field(ge=0, le=1)] | None
    """Calibrated, of yes; None where none concludes."""
    sentence: int | None
    """Index in `sentences` of the one that concludes."""
    evidence: str
    """Id of what is quoted there; empty where none concludes."""


class RefusalOut(Sent):
    """Why there is no answer, and what came nearest."""

    reason: RefusalReason
    message: str
    searched: int
    nearest: list[PaperOut]


class NodeOut(Sent):
    """A concept, and how many papers mention it."""

    id: str
    name: str
    kind: Kind
    papers: int


class RelationOut(Sent):
    """What the papers say of one relation between two concepts; evidence by its ids."""

    subject: NodeOut
    relation: RelationType
    object: NodeOut
    probability: float
    papers_for: int
    papers_against: int
    specimens: list[str]
    organisms: list[str]
    """Of whom the sentences for it speak, where they say so."""
    organisms_against: list[str]
    evidence_for: list[str]
    evidence_against: list[str]
    source: str


class ReadAsOut(Sent):
    """A name of the question that is misspelled, and what it was taken for."""

    printed: str
    read_as: str


class EnrichmentOut(Sent):
    """What the knowledge graph added to an answer."""

    concepts: list[NodeOut]
    hops: int
    enrichment_score: float
    relationships_used: int
    paths: list[list[RelationOut]]


class ReasonOut(Sent):
    """One thing that spoke for or against a route; its weight in log-odds."""

    name: str
    text: str
    weight: float


class RouteOut(Sent):
    """Where a question's answer would best come from, and whom that leaves to ask now."""

    destination: Destination
    category: Category
    research_category: ResearchCategory
    scope: Scope
    engines: list[Destination]
    probability: Annotated[float, Field(ge=0, le=1)]
    """Calibrated probability that the destination is right."""
    interval: list[float]
    """Venn-ABERS bounds of it."""
    novelty: Annotated[float, Field(ge=0, le=1)]
    """How unlike all questions that the router knows."""
    probabilities: dict[str, float]
    possible: list[Destination]
    """Holds the right destination in 95 of 100 cases."""
    research_probability: Annotated[float, Field(ge=0, le=1)]
    decided_by: Decider
    reasons: list[ReasonOut]
    version: str
    facts: dict[str, float]


class TimingsOut(Sent):
    """Where the time went, in milliseconds."""

    total_time_ms: float
    translation_time_ms: float
    """Of the question into English and of the sentences back, by a language model."""
    routing_time_ms: float
    retrieval_time_ms: float
    generation_time_ms: float


class JudgedOut(Sent):
    """What one sentence of an answer is worth."""

    supported: float
    verdict: Verdict
    issues: list[str]


class QualityOut(Sent):
    """What an answer is worth, all 0 to 1."""

    composite: float
    """.4 relevance, .3 accuracy, .3 factual."""
    acceptable: float
    """Calibrated probability that the answer may be shown."""
    relevance: float
    accuracy: float
    factual: float
    coverage: float
    citation_precision: float | None
    citation_recall: float | None
    agreement: float | None
    indicator: str
    sentences: list[JudgedOut]
    limits: list[str]
    """What the judge can and cannot see."""


class ReplyOut(Sent):
    """An answer with everything that it takes to show and check it."""

    id: str
    """By which it can be rated and replayed; a kept answer has that of its making."""
    question: str
    answer: str
    answered: bool
    confidence: Annotated[float, Field(ge=0, le=1)]
    """Calibrated probability that the first sentence bears on the question."""
    verdict: VerdictOut | None = None
    """None where the question cannot be answered by yes or no."""
    sentences: list[SentenceOut]
    citations: list[CitationOut]
    evidence: list[EvidenceOut]
    sources: list[str]
    refusal: RefusalOut | None
    relations: list[RelationOut]
    enrichment: EnrichmentOut | None
    read_as: list[ReadAsOut]
    """Names that were taken for others; ask again if they were not meant."""
    unsupported: list[str]
    """What a language model said as well and no passage bears out; empty with our own engine."""
    source: Source
    """Where the answer comes from: papers, web, both, or one in place of the other."""
    quality: QualityOut | None
    """None where nobody judges answers."""
    mode: Mode
    route: RouteOut | None
    """None where questions are not routed."""
    notice: str
    """What the asker should know of the route, such as that the web was not asked."""
    searched: int
    snapshot: str
    cost_usd: float
    """What language models and the web took for it; nothing for a kept answer."""
    cached: bool
    """Whether the answer was kept from an earlier question, which asked the same of the same papers."""
    age_seconds: float
    """How long ago it was made."""
    processing_time_ms: float
    timings: TimingsOut
    """Of its making."""
