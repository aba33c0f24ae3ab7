"""What became of a file: one outcome each, always with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What an ingest did with one file."""

    ADDED = "added"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why a file cannot become a paper."""

    EMPTY = "empty"
    NOT_A_PDF = "not-a-pdf"
    UNKNOWN_FORMAT = "unknown-format"
    ENCRYPTED = "encrypted"
    TRUNCATED = "truncated"
    NO_TEXT_LAYER = "no-text-layer"
    UNMAPPED_FONTS = "unmapped-fonts"
    GARBLED = "garbled"
    TOO_SHORT = "too-short"
    TOO_LARGE = "too-large"
    TOO_MANY_PAGES = "too-many-pages"
    TOO_SLOW = "too-slow"
    TOO_MUCH_MEMORY = "too-much-memory"
    CRASHED = "crashed"
    UNREADABLE = "unreadable"
    BAD_ENCODING = "bad-encoding"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of one file."""

    source: str
    status: Status
    paper_id: str = ""
    version: int = 0
    title: str = ""
    reason: str = ""
    """For a refusal, a `Refusal` value; else empty."""
    detail: str = ""
    remedy: str = ""
    pages: int = 0
    sentences: int = 0
    chunks: int = 0
    seconds: float = 0.0
