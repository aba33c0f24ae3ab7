"""The Protocols through which parts meet. One to three methods each; a fake of each ships in `cmo.testing`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cmo.errors import PaperRefused
from cmo.model.answers import Answer
from cmo.model.assessments import Claim, Support
from cmo.model.concepts import Concept, Guess, Mention, Reading
from cmo.model.evidence import FloatArray, Found, Passage, Term
from cmo.model.graph import Edge, Fact, Node
from cmo.model.graph import Path as GraphPath
from cmo.model.hits import Hits
from cmo.model.notices import Notifier as Notifier  # noqa: PLC0414 - stands with its noun
from cmo.model.papers import Format, PaperRef, ParsedPaper
from cmo.model.questions import Filters, Question
from cmo.model.record import PackedVectors, PreparedPaper, Recorded
from cmo.model.routes import Conditions, Route, Standing


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which encoder made a vector: vectors of different identities are never compared."""

    name: str
    digest: str
    """Short hash over weights, tokenizer and pooling; for a remote endpoint, over address-free name and dimension."""
    dimension: int

    def __str__(self) -> str:
        """``all-MiniLM-L6-v2@1a2b3c4d (384)``."""
        return f"{self.name}@{self.digest} ({self.dimension})"


@dataclass(frozen=True, slots=True)
class EncodedPassage:
    """Vectors of one passage."""

    vector: FloatArray
    """(dim,), unit length."""
    sentences: FloatArray
    """(n_sentences, dim), unit length, one a span."""


class Embedder(Protocol):
    """Text to unit vectors."""

    @property
    def identity(self) -> ModelIdentity:
        """Name, digest and dimension."""
        ...

    def encode_query(self, text: str) -> FloatArray:
        """A question to a unit vector (dim,)."""
        ...

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]) -> list[EncodedPassage]:
        """Passages, each with the character spans of its sentences, to vectors, in the order given."""
        ...


class TokenCounter(Protocol):
    """How long a text is for the encoder."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""
        ...


class Encoder(Embedder, TokenCounter, Protocol):
    """What ingest needs of a model: vectors, and how long a text is for it."""


class Parsers(Protocol):
    """Files to papers, each on its own, as they complete."""

    def parse_many(self, paths: Iterable[Path]) -> Iterator[tuple[Path, ParsedPaper | PaperRefused]]:
        """Read files; a refusal is a value here, because one bad file must not stop the others."""
        ...


class Linker(Protocol):
    """Names to concepts, the same for papers and questions."""

    def link(self, text: str) -> tuple[Mention, ...]:
        """The concepts that a text names, in its order, not overlapping; abbreviations as the text defines them."""
        ...

    def link_question(self, text: str) -> tuple[Mention, ...]:
        """The same for a question, where a misspelled name is found as well."""
        ...

    def guesses(self, text: str) -> tuple[Guess, ...]:
        """Ids that spans of a question have if only papers know them, the longest first; most of them nobody has."""
        ...

    def concept(self, concept_id: str) -> Concept | None:
        """A concept by its id, or by an identifier that it has elsewhere; None where nobody knows it."""
        ...


class PaperReader(Protocol):
    """A paper to what it says of concepts."""

    @property
    def identity(self) -> str:
        """Changes whenever the same paper would be read differently."""
        ...

    def read(self, paper: ParsedPaper) -> Reading:
        """Mentions and relations of one paper; pure, and the same every time."""
        ...


class Papers(Protocol):
    """What ingest needs of the record."""

    def file_owner(self, sha256: str) -> PaperRef | None:
        """The current version of the paper that a file led to, if it was read before."""
        ...

    def vectors(self, keys: Iterable[str], model: ModelIdentity) -> dict[str, PackedVectors]:
        """Vectors that are known already, by chunk key."""
        ...

    def save(self, paper: PreparedPaper, paper_id: str, model: ModelIdentity) -> tuple[Recorded, PaperRef]:
        """Add a paper, or replace its current version; everything or nothing."""
        ...

    def save_all(
        self, papers: Sequence[tuple[PreparedPaper, str]], model: ModelIdentity
    ) -> list[tuple[Recorded, PaperRef]]:
        """Save papers, each with the id it gets if it is new: all of them or none."""
        ...


class Keeper(Protocol):
    """Where the files themselves are kept."""

    def keep(self, source: Path, sha256: str, kind: Format) -> None:
        """Copy a file in; nothing happens if it is there already."""
        ...

    def remove(self, ref: PaperRef) -> None:
        """Forget the file of a version."""
        ...


class Searchable(Protocol):
    """One immutable state of the index."""

    @property
    def id(self) -> str:
        """Its id, part of every answer."""
        ...

    @property
    def model(self) -> ModelIdentity:
        """Who made its vectors."""
        ...

    def eligible(self, filters: Filters) -> NDArray[np.bool_] | None:
        """Which rows may be found; None where all of them may."""
        ...

    def count(self, mask: NDArray[np.bool_] | None) -> int:
        """How many rows a mask admits."""
        ...

    def nearest(self, query: FloatArray, limit: int, mask: NDArray[np.bool_] | None) -> Hits:
        """Rows by cosine with a unit vector."""
        ...

    def matching(self, terms: Sequence[Term], limit: int, mask: NDArray[np.bool_] | None) -> Hits:
        """Rows by BM25."""
        ...

    def terms(self, text: str) -> tuple[Term, ...]:
        """Stems of a question with their rarity."""
        ...

    def stem_scores(self, terms: Sequence[Term], rows: NDArray[np.int64]) -> FloatArray:
        """How well rows hold the question's stems, rare ones above all."""
        ...

    def gram_scores(self, text: str, rows: NDArray[np.int64]) -> FloatArray:
        """How well rows hold the question's grams of four characters."""
        ...

    def cosines(self, query: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        """Cosines of rows with a unit vector."""
        ...

    def row_vectors(self, rows: NDArray[np.int64]) -> FloatArray:
        """Unit vectors of rows (n, dim)."""
        ...

    def sentence_maxima(self, query: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        """The best cosine that any sentence of a row has with a unit vector."""
        ...

    @property
    def graph(self) -> Graph | None:
        """What its papers say of concepts; None where nothing was read for concepts."""
        ...

    def passages(
        self, rows: Sequence[int], scores: Sequence[float], signals: Sequence[Mapping[str, float]]
    ) -> list[Passage]:
        """Rows with what it takes to quote them."""
        ...


class Graph(Protocol):
    """The knowledge graph of one snapshot, of its live papers only."""

    def find(self, concept_ids: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of the nodes of some concepts, -1 where the base has none."""
        ...

    def node(self, number: int) -> Node:
        """What a node is."""
        ...

    def spread(self, seeds: NDArray[np.int64], weights: FloatArray, rounds: int | None = None) -> FloatArray:
        """Personalised PageRank from weighted seeds (restart .5), by walks of at most so many steps: a score a node."""
        ...

    def within(self, seeds: NDArray[np.int64], hops: int) -> NDArray[np.int64]:
        """Nodes at most so many hops away, seeds included; hubs are not walked through."""
        ...

    def mentioning(self, nodes: NDArray[np.int64], scores: FloatArray, limit: int) -> Hits:
        """Rows that mention nodes, by the sum of the scores of those that they mention, best first."""
        ...

    def edges(self, nodes: NDArray[np.int64], among: NDArray[np.int64] | None, limit: int) -> list[Edge]:
        """The surest edges of some nodes, only those to a node `among` others where these are given."""
        ...

    def facts(self, edge: Edge, limit: int) -> list[Fact]:
        """The statements behind an edge, for and against, surest first."""
        ...

    def paths(self, start: int, end: int, hops: int, limit: int) -> list[GraphPath]:
        """The surest ways between two nodes, at most so many hops long."""
        ...


class Library(Protocol):
    """Where the state of the index to read now comes from."""

    def current(self) -> Searchable | None:
        """The newest snapshot; None before the first."""
        ...


class Retriever(Protocol):
    """A question to passages."""

    def retrieve(self, question: Question, limit: int) -> Found:
        """The best passages, best first."""
        ...


class Answerer(Protocol):
    """Passages to a cited answer or a refusal."""

    def answer(self, question: Question, found: Found) -> Answer:
        """Compose the answer."""
        ...


class Router(Protocol):
    """A question to where it goes."""

    @property
    def version(self) -> str:
        """Changes whenever the same question might go elsewhere."""
        ...

    def route(self, text: str, conditions: Conditions, standing: Standing | None = None) -> Route:
        """Where a question goes under the present conditions; never an error where it can still be decided."""
        ...

    def routes(self, texts: Sequence[str], conditions: Conditions) -> list[Route]:
        """The same for many at once, which takes less time."""
        ...


class Scorer(Protocol):
    """Whoever says how far evidence bears out what is claimed."""

    def score(self, claims: Sequence[Claim]) -> list[Support]:
        """Judge claims, each by its own evidence; `Support.best` counts that evidence as it was given."""
        ...


class Entailment(Protocol):
    """A model of natural-language inference."""

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        """Premise and hypothesis to the probabilities that the one entails, and contradicts, the other."""
        ...
