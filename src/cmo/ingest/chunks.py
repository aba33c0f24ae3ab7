"""A paper cut into chunks, the unit of search.

::

    sentences --same section, prose or table--> runs --at most `size` tokens--> chunks

A chunk holds whole sentences of one section. Prose and the captions that stand in it go together; a table goes with
its own caption. Within a chunk's range only the citable sentences count: headings, references and front matter that
lie in between are no text of it. Vectors are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cmo.model.papers import CITABLE, Chunk, ParsedPaper, Role, Sentence
from cmo.model.ports import TokenCounter


@dataclass(frozen=True, slots=True)
class _Piece:
    """A citable sentence: its index in the paper, its length, and whether it belongs to a table."""

    index: int
    tokens: int
    sentence: Sentence
    tabular: bool


def chunk(paper: ParsedPaper, counter: TokenCounter, *, size: int = 512, overlap: int = 50) -> list[Chunk]:
    """Cut a paper into chunks of at most `size` tokens.

    Consecutive chunks under one heading share whole sentences of up to `overlap` tokens, so that a thought which
    straddles the cut is whole in one of them. A single sentence longer than `size` is a chunk of its own.
    Raises `ValueError` unless 0 <= overlap < size.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"The overlap ({overlap}) must be at least 0 and less than the size ({size}).")
    spans = [span for run in _runs(_pieces(paper, counter)) for span in _cut(run, size, overlap)]
    return [
        Chunk(
            ordinal=ordinal,
            section=span[0].sentence.section,
            heading=span[0].sentence.heading,
            first=span[0].index,
            last=span[-1].index + 1,
        )
        for ordinal, span in enumerate(spans)
    ]


def chunk_sentences(paper: ParsedPaper, chunk: Chunk) -> list[Sentence]:
    """The citable sentences of a chunk, in reading order."""
    return [s for s in paper.sentences[chunk.first : chunk.last] if s.role in CITABLE]


def chunk_text(paper: ParsedPaper, chunk: Chunk) -> tuple[str, list[tuple[int, int]]]:
    """A chunk's text, its sentences joined by a space, and the span of each sentence in that text."""
    return joined([paper.text[s.start : s.end] for s in chunk_sentences(paper, chunk)])


def joined(texts: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Sentences joined by a space, and the span of each."""
    spans, at = [], 0
    for text in texts:
        spans.append((at, at + len(text)))
        at += len(text) + 1
    return " ".join(texts), spans


def _pieces(paper: ParsedPaper, counter: TokenCounter) -> list[_Piece]:
    citable = [(i, s) for i, s in enumerate(paper.sentences) if s.role in CITABLE]
    counts = counter.count_tokens([paper.text[s.start : s.end] for _, s in citable])
    tabular = _tabular([s for _, s in citable])
    return [_Piece(i, n, s, t) for (i, s), n, t in zip(citable, counts, tabular, strict=True)]


def _tabular(sentences: Sequence[Sentence]) -> list[bool]:
    """Which sentences are rows of a table or the caption right above one."""
    below, flags = False, []
    for sentence in reversed(sentences):
        below = sentence.role is Role.TABLE or (sentence.role is Role.CAPTION and below)
        flags.append(below)
    return flags[::-1]


def _runs(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Neighbours that may share a chunk: one section, and either prose or table."""
    for _, run in groupby(pieces, key=lambda p: (p.sentence.section, p.tabular)):
        yield list(run)


def _cut(run: Sequence[_Piece], size: int, overlap: int) -> Iterator[list[_Piece]]:
    """Fill chunks greedily; once half full, end a chunk early where a new heading begins."""
    held: list[_Piece] = []
    for piece in run:
        tokens = sum(p.tokens for p in held)
        if held and tokens >= size // 2 and piece.sentence.heading != held[-1].sentence.heading:
            yield held
            held = []
        elif held and tokens + piece.tokens > size:
            yield held
            held = _tail(held, min(overlap, size - piece.tokens))
        held.append(piece)
    if held:
        yield held


def _tail(held: Sequence[_Piece], tokens: int) -> list[_Piece]:
    """The last whole sentences, under the last heading, that fit into so many tokens; never all of the chunk."""
    tail: list[_Piece] = []
    for piece in reversed(held[1:]):
        tokens -= piece.tokens
        if tokens < 0 or piece.sentence.heading != held[-1].sentence.heading:
            break
        tail.append(piece)
    return tail[::-1]
