"""Values that pass between reading, recording and publishing papers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cmo.model.concepts import Reading
from cmo.model.papers import Chunk, PaperRef, ParsedPaper


@dataclass(frozen=True, slots=True)
class PackedVectors:
    """Vectors of one chunk as they are stored (see `cmo.model.packing`)."""

    vector: bytes
    """float16 (dim,), unit length."""
    sentences: bytes
    """int8 (n, dim), one row a sentence."""
    scales: bytes
    """float16 (n,): the row times its scale has unit length."""


@dataclass(frozen=True, slots=True)
class PreparedPaper:
    """A paper read, cut and encoded: ready to be recorded in one transaction."""

    sha256: str
    source: str
    parsed: ParsedPaper
    chunks: tuple[Chunk, ...]
    keys: tuple[str, ...]
    """One a chunk: hash of its text and sentence spans; the name of its vectors."""
    vectors: tuple[PackedVectors, ...]
    reading: Reading | None = None
    """What our own reader found in it; None where papers are not read for concepts."""


class Recorded(StrEnum):
    """What the record did with a prepared paper."""

    ADDED = "added"
    REPLACED = "replaced"
    KEPT = "kept"
    """The same paper is there in a format that shows more (a PDF shows the printed page)."""
    RETRACTED = "retracted"
    """The paper was retracted before and stays out."""


class ChangeKind(StrEnum):
    """A line of the record's log."""

    ADDED = "added"
    REPLACED = "replaced"
    RETRACTED = "retracted"
    READ = "read"
    """A reading of a version was added or replaced; the paper is as it was."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the record's log; a snapshot says up to which one it goes."""

    seq: int
    kind: ChangeKind
    paper_id: str
    version_id: int | None


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as the index takes it in: who it belongs to, what it says, its vectors."""

    chunk_id: int
    version_id: int
    paper: PaperRef
    chunk: Chunk
    key: str
    sentences: tuple[tuple[str, int, int, int, str, bytes], ...]
    """(text, start, end, page, role, packed boxes)."""
    vectors: PackedVectors | None
    """None where the model in use has not encoded it yet."""


@dataclass(frozen=True, slots=True)
class ReadingMark:
    """Which reading: enough to see whether the index has it."""

    version_id: int
    reader: str
    key: int
    """64 bits over version, reader and content."""


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A reading as the index takes it in."""

    mark: ReadingMark
    reading: Reading


@dataclass(frozen=True, slots=True)
class PaperSummary:
    """A paper as lists show it."""

    ref: PaperRef
    added_at: datetime
    pages: int
    sentences: int
    chunks: int
    retracted_at: datetime | None = None
    retract_reason: str = ""
