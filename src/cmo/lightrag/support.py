"""Which sentence of which passage bears out what a language model said.

Its own citation marks are never looked at. A statement is supported by a sentence that is near to it, holds every
number that it states, and denies no more and no less than it does. What nothing supports is kept out of the answer and
shown apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cmo.model.evidence import FloatArray, Passage, PassageSentence
from cmo.model.papers import CITABLE
from cmo.model.ports import Embedder

SUPPORT = 0.70
"""Least cosine of a statement and a sentence that bears it out. Paraphrases in MiniLM lie above it and neighbours of
the same topic below; it is no calibrated probability."""
MOST_SENTENCES = 2
"""That are quoted for one statement."""
_REFERENCES = re.compile(r"^\W*references\W*$", re.IGNORECASE | re.MULTILINE)
_HEADING = re.compile(r"^\s*(?:#{1,6}\s.*|[*_]{2}[^*_]{1,80}[*_]{2}:?\s*|.{1,80}:\s*)$")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d{1,3}[.)])\s+")
_MARK = re.compile(r"\s*\[(?:\d{1,3}(?:\s*[,–-]\s*\d{1,3})*|KG|DC|Data[^\]]*)\]")
_EMPHASIS = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-ZΑ-Ω0-9])")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_DENIAL = re.compile(r"\b(?:not|no|nor|neither|without|never|cannot)\b|n't\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bearing:
    """A sentence that bears out a statement."""

    passage: Passage
    sentence: PassageSentence
    cosine: float


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of a model, and what bears it out: nothing, perhaps."""

    text: str
    bearings: tuple[Bearing, ...]


def supported(answer: str, passages: Sequence[Passage], embedder: Embedder) -> list[Statement]:
    """The sentences of a model's answer, each held against all sentences of the passages."""
    said = list(statements(answer))
    if not said:
        return []
    encoded = embedder.encode_passages(said, [[(0, len(text))] for text in said])
    pool = [(p, s, v) for p in passages for s, v in zip(p.sentences, p.sentence_vectors, strict=True)]
    pool = [(p, s, v) for p, s, v in pool if s.role in CITABLE]
    if not pool:
        return [Statement(text, ()) for text in said]
    matrix = np.stack([v for _, _, v in pool])
    sentences = [(p, s) for p, s, _ in pool]
    return [
        Statement(text, tuple(_bearings(text, matrix @ e.vector, sentences)))
        for text, e in zip(said, encoded, strict=True)
    ]


def statements(answer: str) -> Iterator[str]:
    """The sentences of a model's prose, without headings, marks of lists and emphasis, citations and references."""
    for line in _REFERENCES.split(answer)[0].splitlines():
        if not line.strip() or _HEADING.match(line):
            continue
        bare = _EMPHASIS.sub("", _MARK.sub("", _BULLET.sub("", line)))
        yield from (part.strip() for part in _END.split(bare) if any(c.isalpha() for c in part))


def _bearings(
    text: str, cosines: FloatArray, sentences: Sequence[tuple[Passage, PassageSentence]]
) -> Iterator[Bearing]:
    numbers, denies = _numbers(text), bool(_DENIAL.search(text))
    taken: set[tuple[str, int]] = set()
    for place in np.argsort(-cosines, kind="stable").tolist():
        passage, sentence = sentences[place]
        if cosines[place] < SUPPORT or len(taken) == MOST_SENTENCES:
            return
        key = (passage.paper.paper_id, sentence.start)
        fits = numbers <= _numbers(sentence.text) and denies == bool(_DENIAL.search(sentence.text))
        if fits and key not in taken:
            taken.add(key)
            yield Bearing(passage, sentence, float(cosines[place]))


def _numbers(text: str) -> set[str]:
    return {n.replace(",", "") for n in _NUMBER.findall(text)}
