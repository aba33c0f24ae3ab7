"""What a paper is once it has been read.

A paper's *text* is one string in reading order: words hyphenated across lines are joined, running headers
and footers are gone, captions and tables stand after the paragraph that they interrupted. Every span is a
half-open range of characters of that text, so ``text[s.start:s.end]`` is a sentence verbatim, and its boxes
say where it is printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Section(StrEnum):
    """What part of an article a sentence stands in."""

    TITLE = "title"
    ABSTRACT = "abstract"
    INTRODUCTION = "introduction"
    METHODS = "methods"
    RESULTS = "results"
    DISCUSSION = "discussion"
    CONCLUSION = "conclusion"
    BACK = "back"
    """Acknowledgements, funding, conflicts, author contributions, abbreviations."""
    REFERENCES = "references"
    OTHER = "other"


class Role(StrEnum):
    """What a sentence is printed as. Only prose, captions and tables may be cited in an answer."""

    PROSE = "prose"
    HEADING = "heading"
    CAPTION = "caption"
    TABLE = "table"
    REFERENCE = "reference"
    FRONT = "front"
    """Author lists, affiliations, dates, copyright lines: kept as text, never cited."""


CITABLE = frozenset({Role.PROSE, Role.CAPTION, Role.TABLE})
"""Roles that a chunk may hold and an answer may quote."""


class Format(StrEnum):
    """The kinds of file that can become a paper, and pages of the web, which are cited alone."""

    PDF = "pdf"
    JATS = "jats"
    MARKDOWN = "markdown"
    TEXT = "text"
    WEB = "web"
    """A page of the web, cited and not kept."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in points (1/72 inch) from the top left corner of the page as it is shown."""

    page: int
    """1-based."""
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it is shown: its 1-based number and its size in points."""

    number: int
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence: a span of the paper's text, where it is printed, and what part of the article it is."""

    start: int
    end: int
    page: int
    """Page on which it begins, 1-based."""
    section: Section
    heading: str
    """The nearest heading above it, as printed; empty before the first."""
    role: Role
    boxes: tuple[Box, ...]
    """One a printed line, in reading order; they may lie on two pages."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Bibliographic facts, each empty or None where the file does not say."""

    title: str = ""
    authors: tuple[str, ...] = ()
    doi: str = ""
    """Lower case, without a resolver in front: ``10.1186/s12916-018-1152-z``."""
    pmid: str = ""
    year: int | None = None
    journal: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class ParsedPaper:
    """A file that has been read: pure content, not yet stored."""

    format: Format
    text: str
    pages: tuple[Page, ...]
    sentences: tuple[Sentence, ...]
    """In reading order, not overlapping."""
    metadata: Metadata = field(default_factory=Metadata)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole sentences of one section, at most a given number of tokens: the unit of search."""

    ordinal: int
    section: Section
    heading: str
    first: int
    """Index of its first sentence in the paper."""
    last: int
    """Index after its last sentence in the paper."""


@dataclass(frozen=True, slots=True)
class PaperRef:
    """A stored version of a paper, as much as a citation needs."""

    paper_id: str
    """Stable over versions: short hash of DOI, PMID or title."""
    version: int
    """1 for the first file of this paper, then counting up."""
    sha256: str
    """Of the file's bytes."""
    source: str
    """Name of the file it came from."""
    format: Format
    metadata: Metadata
