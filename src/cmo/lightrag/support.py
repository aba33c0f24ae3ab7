"""Which sentence of which passage bears out what a language model said.

Its own citation marks are never looked at. A statement is supported by a sentence that is near to it, holds every
number that it states, denies no more and no less than it does, and does not go the other way. What nothing supports is
kept out of the answer and shown apart.

This tells what the papers do not speak of from what they do. It does not tell truth: of SciFact's training claims (Wadden
et al., EMNLP 2020) it bears out 51 % of those that an abstract supports and 8 % of those that it does not decide, but
with other words for the opposite also 46 % of those that it refutes. So the sentence stands beside the statement.
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
"""Least cosine of a statement and a sentence that bears it out, each encoded alone; no calibrated probability."""
LOOKED_AT = 12
"""Sentences nearest to a statement that are encoded alone: the passages' own vectors are those of sentences in context,
as retrieval wants them, and differ by as much as a paraphrase does."""
MOST_SENTENCES = 2
"""That are quoted for one statement."""
_REFERENCES = re.compile(r"^\W*references\W*$", re.IGNORECASE | re.MULTILINE)
_HEADING = re.compile(r"^\s*(?:#{1,6}\s.*|[*_]{2}[^*_]{1,80}[*_]{2}:?\s*|.{1,80}:\s*)$")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d{1,3}[.)])\s+")
_MARK = re.compile(r"\s*\[(?:\d{1,3}(?:\s*[,–-]\s*\d{1,3})*|KG|DC|Data[^\]]*)\]")
_EMPHASIS = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-ZΑ-Ω0-9])")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_UP = re.compile(
    r"\b(?:increas|elevat|rais|rise|rising|rose|higher|upregulat|promot|activat|enhanc|improv)", re.IGNORECASE
)
_DOWN = re.compile(
    r"\b(?:decreas|reduc|lower|declin|fall|fell|downregulat|inhibit|suppress|impair|deplet|prevent)", re.IGNORECASE
)
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
    pool = [(p, s, v) for p in passages for s, v in zip(p.sentences, p.sentence_vectors, strict=True)]
    pool = [(p, s, v) for p, s, v in pool if s.role in CITABLE]
    if not said or not pool:
        return [Statement(text, ()) for text in said]
    alone = _alone(said, embedder)
    near = np.argsort(-(alone @ np.stack([v for _, _, v in pool]).T), axis=1, kind="stable")[:, :LOOKED_AT]
    places = np.unique(near)
    vectors = dict(zip(places.tolist(), _alone([pool[n][1].text for n in places], embedder), strict=True))
    return [
        Statement(text, tuple(_bearings(text, [(*pool[n][:2], float(mine @ vectors[n])) for n in row.tolist()])))
        for text, mine, row in zip(said, alone, near, strict=True)
    ]


def statements(answer: str) -> Iterator[str]:
    """The sentences of a model's prose, without headings, marks of lists and emphasis, citations and references."""
    for line in _REFERENCES.split(answer)[0].splitlines():
        if not line.strip() or _HEADING.match(line):
            continue
        bare = _EMPHASIS.sub("", _MARK.sub("", _BULLET.sub("", line)))
        yield from (part.strip() for part in _END.split(bare) if any(c.isalpha() for c in part))


def fits(statement: str, sentence: str) -> bool:
    """Whether a sentence states the numbers of a statement, denies what it denies, and goes the same way."""
    return (
        _numbers(statement) <= _numbers(sentence)
        and bool(_DENIAL.search(statement)) == bool(_DENIAL.search(sentence))
        and _way(statement) * _way(sentence) >= 0
    )


def _alone(texts: Sequence[str], embedder: Embedder) -> FloatArray:
    """Vectors (n, dim) of sentences without what stands around them."""
    return np.stack([e.vector for e in embedder.encode_passages(texts, [[(0, len(text))] for text in texts])])


def _bearings(text: str, near: Sequence[tuple[Passage, PassageSentence, float]]) -> Iterator[Bearing]:
    taken: set[tuple[str, int]] = set()
    for passage, sentence, cosine in sorted(near, key=lambda found: -found[2]):
        if cosine < SUPPORT or len(taken) == MOST_SENTENCES:
            return
        key = (passage.paper.paper_id, sentence.start)
        if key not in taken and fits(text, sentence.text):
            taken.add(key)
            yield Bearing(passage, sentence, min(1.0, cosine))


def _way(text: str) -> int:
    """1 where a text speaks of more, -1 of less, 0 of both or neither."""
    return bool(_UP.search(text)) - bool(_DOWN.search(text))


def _numbers(text: str) -> set[str]:
    return {n.replace(",", "") for n in _NUMBER.findall(text)}
