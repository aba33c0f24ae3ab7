"""The shapes of requests, which are checked, and of replies, which are described: `cmo.wire` makes those.

A test holds every described reply against what is really sent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cmo.model.answers import RefusalReason
from cmo.model.concepts import Kind, RelationType
from cmo.model.papers import Section
from cmo.model.questions import MAX_QUESTION_CHARS, Filters, Mode
from cmo.model.routes import Category, Decider, Destination, ResearchCategory, Scope

Name = Annotated[str, Field(min_length=1, max_length=300)]
Who = Annotated[str, Field(max_length=200)]
Year = Annotated[int, Field(ge=1, le=9999)]
_EXAMPLE = "Which amino acids are raised in maple syrup urine disease?"
_BOUNDS: dict[str, Any] = {"minLength": 1, "maxLength": MAX_QUESTION_CHARS}
Query = Annotated[str, Field(examples=[_EXAMPLE], json_schema_extra=_BOUNDS)]


class Asked(BaseModel):
    """What comes in: nothing that is not known."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class FilterBody(Asked):
    """What a passage must be to count; what is left out admits everything."""

    year_from: Year | None = None
    """Published in this year or later."""
    year_to: Year | None = None
    """Published in this year or earlier."""
    journals: Annotated[list[Name], Field(max_length=100)] = []
    """Names of journals; case does not matter."""
    sections: Annotated[list[Section], Field(max_length=len(Section))] = []
    """Parts of an article, such as `results`."""
    papers: Annotated[list[Name], Field(max_length=1000)] = []
    """Paper ids."""

    def filters(self) -> Filters:
        """As the oracle takes them."""
        return Filters(
            self.year_from,
            self.year_to,
            frozenset(name.casefold() for name in self.journals),
            frozenset(self.sections),
            frozenset(self.papers),
        )


class QueryBody(Asked):
    """A question."""

    query: Query
    """The question, in words."""
    mode: Mode = Mode.HYBRID
    """How passages are found."""
    filters: FilterBody = FilterBody()
    user: Who = ""
    """Who asks; it is written down with the answer and never shown to others."""
    tenant: Who = ""
    """Whose group that is."""


class QueryParams(FilterBody):
    """A question in an address, for clients that can only GET."""

    query: Query
    """The question, in words."""
    mode: Mode = Mode.HYBRID
    """How passages are found."""


class Listing(Asked):
    """Which papers to list."""

    match: Annotated[str, Field(max_length=300)] = ""
    """Words that title, authors, journal, DOI or file name must contain."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    """How many to show."""
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """How many to pass over."""


class Sent(BaseModel):
    """What goes out."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class BoxOut(Sent):
    """A rectangle on a page, in points from its top left corner."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


class PaperOut(Sent):
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
    format: Literal["pdf", "jats", "markdown", "text"]
    sha256: str


class CitationOut(PaperOut):
    """A numbered source of an answer."""

    number: int


class SentenceOut(Sent):
    """One statement, whom it cites, and the ids of the evidence behind it."""

    text: str
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
    boxes: list[BoxOut]
    score: float
    image: str
    """Address of the page's image, with the sentence highlighted."""


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
    routing_time_ms: float
    retrieval_time_ms: float
    generation_time_ms: float


class ReplyOut(Sent):
    """An answer with everything that it takes to show and check it."""

    id: str
    """By which it can be rated and replayed; a kept answer has that of its making."""
    question: str
    answer: str
    answered: bool
    confidence: Annotated[float, Field(ge=0, le=1)]
    """Calibrated probability that the first sentence bears on the question."""
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
    mode: Mode
    route: RouteOut | None
    """None where questions are not routed."""
    notice: str
    """What the asker should know of the route, such as that the web was not asked."""
    searched: int
    snapshot: str
    cached: bool
    """Whether the answer was kept from an earlier question, which asked the same of the same papers."""
    age_seconds: float
    """How long ago it was made."""
    processing_time_ms: float
    timings: TimingsOut
    """Of its making."""


class OutcomeOut(Sent):
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


class FaultOut(BaseModel):
    """One place in a request that cannot be used."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    """Stable; for programs."""
    request_id: str
    errors: list[FaultOut] = []
    outcomes: list[OutcomeOut] = []
    """Of an upload that broke off: what was ingested, and is kept."""
