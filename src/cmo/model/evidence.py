"""Passages that a search found, and the evidence that an answer cites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmo.model.concepts import RelationType
from cmo.model.graph import Node
from cmo.model.papers import Box, PaperRef, Role, Section

FloatArray = NDArray[np.float32]


class PassageSentence(NamedTuple):
    """One sentence of a passage, verbatim. A tuple, because a search makes a hundred of them."""

    text: str
    start: int
    end: int
    page: int
    role: Role
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that a search found, with what it takes to quote it."""

    row: int
    """Row in the snapshot."""
    score: float
    """Fused score; comparable within one search only."""
    signals: Mapping[str, float]
    """The parts of the score by name, for explanation: dense, words, sentence ..."""
    paper: PaperRef
    section: Section
    heading: str
    sentences: tuple[PassageSentence, ...]
    sentence_vectors: FloatArray
    """(len(sentences), dim), unit length."""
    duplicates: tuple[PaperRef, ...] = ()
    """Other papers whose passage says the same nearly word for word."""

    @property
    def text(self) -> str:
        """The passage as one string."""
        return " ".join(s.text for s in self.sentences)


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the question."""

    stem: str
    idf: float
    """Inverse document frequency in the snapshot; rare words weigh more."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence that states a relation, or denies it."""

    passage: Passage
    place: int
    """Index of the sentence in the passage."""
    probability: float
    """That the sentence says so."""
    against: bool
    """Whether it denies the relation, or states its opposite."""
    hedged: bool
    context: tuple[Node, ...]
    """What the sentence sets it in: specimens, organisms, methods."""
    apart: bool = False
    """It names only one of the two, and is no quote for their relation."""


LEAST_TOLD = 0.4
"""A relation that is less sure than this is no answer."""


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relation between two concepts, with what the papers say for and against it."""

    subject: Node
    object: Node
    type: RelationType
    probability: float
    papers_for: int
    papers_against: int
    source: str
    """``papers``, or the vocabulary of a curated edge."""
    statements: tuple[Statement, ...]
    """Surest first; none for a curated edge."""
    asked: bool = True
    """Whether it is what the question asks for, and not only something that the search went along."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How the graph took part in a search."""

    concepts: tuple[Node, ...]
    """Concepts that the question names and the papers mention."""
    hops: int
    """Relations that were followed at most."""
    relationships: tuple[Relationship, ...]
    """What the search went along, surest first."""
    paths: tuple[tuple[Relationship, ...], ...]
    """Ways between the question's concepts, each a chain of relations."""
    enrichment: float
    """How well the graph bears on the question, 0 to 1: over its concepts, the mean probability of the surest relation
    that a passage found states about it."""
    misread: tuple[tuple[str, str], ...] = ()
    """Misspelled names of the question, each with what it was taken for."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found, and how sure it can be."""

    question: str
    passages: tuple[Passage, ...]
    """Best first."""
    query_vector: FloatArray
    """(dim,), unit length."""
    terms: tuple[Term, ...]
    """The question's words that carry meaning."""
    snapshot: str
    searched: int
    """How many passages were eligible under the filters."""
    trace: Trace | None = None
    """None where the graph took no part."""
    notice: str = ""
    """What the asker should know of the search, such as that the web could not be asked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that an answer rests on, where it is printed, and how well it fits."""

    id: str
    """``PAPER.VERSION.START-END``: says where it is, so it never changes and needs no table."""
    paper: PaperRef
    page: int
    start: int
    end: int
    boxes: tuple[Box, ...]
    text: str
    """Verbatim: the paper's text from start to end."""
    section: Section
    heading: str
    score: float
