"""Pages of the web as passages: so that they are judged, quoted and cited by the same rules as papers.

::

    pages --cut at sentences--> pieces --the question's rare words--> the likeliest few --encoder--> passages, best first

A page stands for a paper of one version, named by the hash of its address and of its text: what was cited can be told from
what stands there later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from cmo.kit.hashing import hex_hash
from cmo.model.evidence import FloatArray, Passage, PassageSentence, Term
from cmo.model.papers import Format, Metadata, PaperRef, Role, Section
from cmo.model.ports import Embedder
from cmo.model.web import WebPage

Split = Callable[[str], Sequence[tuple[int, int]]]
_WORDS: Final = 160
"""Words of a piece at most, as in papers."""
_ENCODED: Final = 12
"""Pieces that are encoded, a third of a second's work."""
_BY_MEANING: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Piece:
    paper: PaperRef
    offset: int
    """Where the page's text begins in the whole page."""
    text: str
    start: int
    spans: tuple[tuple[int, int], ...]
    """Of its sentences, in `text`."""


class PageReader:
    """Cuts pages and judges the pieces.

    Args:
        embedder: the one that questions are encoded with.
        split: text to spans of sentences.
        held: how much of the terms' rarity each text holds, 0 to 1.
    """

    def __init__(
        self, embedder: Embedder, split: Split, held: Callable[[Sequence[str], Sequence[Term]], FloatArray]
    ) -> None:
        self._embedder = embedder
        self._split = split
        self._held = held

    def passages(
        self, pages: Sequence[WebPage], vector: FloatArray, terms: Sequence[Term], limit: int
    ) -> list[Passage]:
        """The passages of pages that bear on a question, best first.

        Args:
            pages: in the order of the search.
            vector: of the question (dim,).
            terms: of the question.
            limit: how many at most.
        """
        pieces = [piece for page in pages for piece in _pieces(page, self._split)]
        if not pieces:
            return []
        held = self._held([piece.text for piece in pieces], terms)
        likely = np.argsort(-held, kind="stable")[:_ENCODED].tolist()
        encoded = self._embedder.encode_passages(
            [pieces[n].text for n in likely], [list(pieces[n].spans) for n in likely]
        )
        rarity = sum(term.idf * term.idf for term in terms) / max((term.idf for term in terms), default=1.0)
        passages = []
        for n, vectors in zip(likely, encoded, strict=True):
            dense, words = float(vectors.vector @ vector), float(held[n])
            signals = {
                "dense": dense,
                "words": words * rarity,
                "sentence": float((vectors.sentences @ vector).max(initial=0.0)),
            }
            score = _BY_MEANING * dense + (1 - _BY_MEANING) * words
            passages.append(_passage(pieces[n], score, signals, vectors.sentences))
        return sorted(passages, key=lambda passage: -passage.score)[:limit]


def page_of(page: WebPage) -> PaperRef:
    """A page as something that can be cited."""
    digest = hex_hash(page.text)
    about = Metadata(
        title=page.title or page.url,
        year=page.date.year if page.date else None,
        journal=urlsplit(page.url).hostname or "",
    )
    return PaperRef(f"web-{hex_hash(page.url)[:12]}-{digest[:8]}", 1, digest, page.url, Format.WEB, about)


def _pieces(page: WebPage, split: Split) -> Iterator[_Piece]:
    """Runs of whole sentences."""
    paper = page_of(page)
    run: list[tuple[int, int]] = []
    words = 0
    for start, end in split(page.text):
        count = page.text.count(" ", start, end) + 1
        if run and words + count > _WORDS:
            yield _piece(paper, page, run)
            run, words = [], 0
        run.append((start, end))
        words += count
    if run:
        yield _piece(paper, page, run)


def _piece(paper: PaperRef, page: WebPage, run: Sequence[tuple[int, int]]) -> _Piece:
    first, last = run[0][0], run[-1][1]
    spans = tuple((start - first, end - first) for start, end in run)
    return _Piece(paper, page.start, page.text[first:last], first, spans)


def _passage(piece: _Piece, score: float, signals: dict[str, float], vectors: FloatArray) -> Passage:
    at = piece.offset + piece.start
    sentences = tuple(
        PassageSentence(piece.text[start:end], at + start, at + end, 1, Role.PROSE, ()) for start, end in piece.spans
    )
    return Passage(-1, score, signals, piece.paper, Section.OTHER, "", sentences, vectors)
