"""The shapes of requests, which are checked, and of replies, which are described: `cmo.wire` makes those.

A test holds every described reply against what is really sent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cmo.model.concepts import Kind, RelationType
from cmo.model.papers import Section
from cmo.model.questions import MAX_QUESTION_CHARS, Filters, Mode

Name = Annotated[str, Field(min_length=1, max_length=300)]
Year = Annotated[int, Field(ge=1, le=9999)]
_EXAMPLE = "Which amino acids are raised in maple syrup urine disease?"
_BOUNDS: dict[str, Any] = {"minLength": 1, "maxLength": MAX_QUESTION_CHARS}
Query = Annotated[str, Field(examples=[_EXAMPLE], json_schema_extra=_BOUNDS)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class FilterBody(_Asked):
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


class QueryBody(_Asked):
    """A question."""

    query: Query
    """The question, in words."""
    mode: Mode = Mode.HYBRID
    """How passages are found."""
    filters: FilterBody = FilterBody()


class QueryParams(FilterBody):
    """A question in an address, for clients that can only GET."""

    query: Query
    """The question, in words."""
    mode: Mode = Mode.HYBRID
    """How passages are found."""


class Listing(_Asked):
    """Which papers to list."""

    match: Annotated[str, Field(max_length=300)] = ""
    """Words that title, authors, journal, DOI or file name must contain."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    """How many to show."""
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """How many to pass over."""


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class BoxOut(_Sent):
    """A rectangle on a page, in points from its top left corner."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


class PaperOut(_Sent):
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


class SentenceOut(_Sent):
    """One statement, whom it cites, and the ids of the evidence behind it."""

    text: str
    citations: list[int]
    evidence: list[str]


class EvidenceOut(_Sent):
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


class RefusalOut(_Sent):
    """Why there is no answer, and what came nearest."""

    reason: Literal["empty-base", "nothing-eligible", "thin-evidence"]
    message: str
    searched: int
    nearest: list[PaperOut]


class NodeOut(_Sent):
    """A concept, and how many papers mention it."""

    id: str
    name: str
    kind: Kind
    papers: int


class RelationOut(_Sent):
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


class ReadAsOut(_Sent):
    """A name of the question that is misspelled, and what it was taken for."""

    printed: str
    read_as: str


class EnrichmentOut(_Sent):
    """What the knowledge graph added to an answer."""

    concepts: list[NodeOut]
    hops: int
    enrichment_score: float
    relationships_used: int
    paths: list[list[RelationOut]]


class TimingsOut(_Sent):
    """Where the time went, in milliseconds."""

    total_time_ms: float
    retrieval_time_ms: float
    generation_time_ms: float


class ReplyOut(_Sent):
    """An answer with everything that it takes to show and check it."""

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
    searched: int
    snapshot: str
    cached: bool
    """Whether the answer was kept from an earlier question, which asked the same of the same papers."""
    age_seconds: float
    """How long ago it was made."""
    processing_time_ms: float
    timings: TimingsOut
    """Of its making."""


class SummaryOut(PaperOut):
    """A paper in a list."""

    added_at: str
    pages: int
    sentences: int
    chunks: int


class PapersOut(_Sent):
    """Papers, newest first, and the reasons of those that were retracted."""

    papers: list[SummaryOut]
    total: int
    retracted: dict[str, str]


class PageOut(_Sent):
    """A page and its size in points."""

    number: int
    width: float
    height: float


class PaperDetailOut(PaperOut):
    """A paper with its pages."""

    pages: list[PageOut]


class PlaceOut(_Sent):
    """Where a piece of evidence is printed."""

    id: str
    paper: PaperOut
    page: int
    start: int
    end: int
    text: str
    boxes: list[BoxOut]
    image: str


class OutcomeOut(_Sent):
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


class OutcomesOut(_Sent):
    """What became of each file, in the order sent."""

    outcomes: list[OutcomeOut]


class ComponentOut(_Sent):
    """One part of the service."""

    status: Literal["healthy", "degraded", "unhealthy"]
    detail: str


class HealthOut(_Sent):
    """Whether the service works, as a whole and by parts."""

    status: Literal["healthy", "degraded", "unhealthy"]
    components: dict[Literal["record", "index", "model", "reach"], ComponentOut]
    timestamp: str
    details: dict[str, str | int]


class StatusOut(_Sent):
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


class KindOut(_Sent):
    """A kind of problem."""

    code: str
    status: int
    title: str


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
