"""The shapes of requests, which are checked, and of replies, which are described: `cmo.wire` makes those.

A test holds every described reply against what is really sent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cmo.kit.text import clean_line
from cmo.model.papers import Section
from cmo.model.questions import MAX_QUESTION_CHARS, Filters, Mode

Name = Annotated[str, Field(min_length=1, max_length=300)]
Line = Annotated[str, AfterValidator(clean_line)]
"""What is shown in a terminal and kept in a database is no place for control characters."""
Who = Annotated[Line, Field(max_length=200)]
Year = Annotated[int, Field(ge=1, le=9999)]
_EXAMPLE = "Which amino acids are raised in maple syrup urine disease?"
_BOUNDS: dict[str, Any] = {"minLength": 1, "maxLength": MAX_QUESTION_CHARS}
Query = Annotated[str, Field(examples=[_EXAMPLE], json_schema_extra=_BOUNDS)]


class Asked(BaseModel):
    """What comes in: nothing that is not known."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself: a default is copied for each request, and nobody changes one."""
        return self


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
    deadline_ms: Annotated[int | None, Field(ge=1, le=600_000)] = None
    """After how many milliseconds nobody waits any longer; engines that take too long are left out."""
    stream: bool = False
    """Whether to send events while the answer is made, as with `Accept: text/event-stream`."""
    max_cost: Annotated[float | None, Field(ge=0, le=1_000, allow_inf_nan=False)] = None
    """Dollars that language models and the web may take for it; with 0 none that cost are asked."""


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
    format: Literal["pdf", "jats", "markdown", "text", "web"]
    sha256: str


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
