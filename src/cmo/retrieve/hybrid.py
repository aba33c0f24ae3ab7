"""The retriever: which passages bear on a question."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cmo.errors import ModelMismatch
from cmo.model.evidence import FloatArray, Found, Passage
from cmo.model.ports import Embedder, Library, Searchable
from cmo.model.questions import Question
from cmo.retrieve.fuse import Weights
from cmo.retrieve.lean import leaning
from cmo.retrieve.rank import Asked, Ranking, rank

_TWINS = 0.985
"""Cosine from which two passages of different papers say the same nearly word for word."""


class HybridRetriever:
    """Finds passages in the current snapshot.

    Args:
        library: where the current snapshot comes from.
        embedder: must be the one that made the snapshot's vectors.
        weights: of the signals in hybrid mode.
    """

    def __init__(self, library: Library, embedder: Embedder, weights: Weights) -> None:
        self._library = library
        self._embedder = embedder
        self._weights = weights

    def retrieve(self, question: Question, limit: int) -> Found:
        """The best passages, best first, duplicates folded.

        Raises:
            ModelMismatch: the snapshot was made with another model.
        """
        snapshot = self._library.current()
        if snapshot is None:
            return Found(question.text, (), np.empty(0, np.float32), (), "", 0)
        asked = self.see(snapshot, question)
        passages = _folded(snapshot, self.rank(snapshot, asked).first(2 * limit), limit)
        return Found(question.text, tuple(passages), asked.vector, asked.terms, snapshot.id, snapshot.count(asked.mask))

    def see(self, snapshot: Searchable, question: Question) -> Asked:
        """A question as a snapshot sees it: vector, terms and eligible rows."""
        if snapshot.model != self._embedder.identity:
            raise ModelMismatch(
                f"The index was made with {snapshot.model}, but the model in use is {self._embedder.identity}. "
                "Run `cmo kb rebuild --re-embed` to encode the papers with it, or set EMBED_MODEL back."
            )
        return Asked(
            question,
            self._embedder.encode_query(question.text),
            snapshot.terms(question.text),
            snapshot.eligible(question.filters),
        )

    def rank(self, snapshot: Searchable, asked: Asked) -> Ranking:
        """Rows without their passages: what evaluations look at."""
        return rank(snapshot, asked, leaning(asked.question.text, self._weights))


def _folded(snapshot: Searchable, ranking: Ranking, limit: int) -> list[Passage]:
    """The best passages; one that says the same as a better one of another paper is named there only."""
    first = _first_alike(snapshot.row_vectors(ranking.rows))
    shown = [place for place, other in enumerate(first) if place == other][:limit]
    places = [place for place, other in enumerate(first) if other in shown]
    passages = dict(
        zip(
            places,
            snapshot.passages(
                ranking.rows[places].tolist(), ranking.scores[places].tolist(), [ranking.signals_of(p) for p in places]
            ),
            strict=True,
        )
    )
    return [
        _with_twins(passages[place], [passages[other] for other in places if first[other] == place != other])
        for place in shown
    ]


def _first_alike(vectors: FloatArray) -> list[int]:
    """For each row the first one that says the same, which is itself for most."""
    if not len(vectors):
        return []
    first: list[int] = np.argmax(vectors @ vectors.T >= _TWINS, axis=1).tolist()
    return [other if first[other] == other else place for place, other in enumerate(first)]


def _with_twins(passage: Passage, twins: list[Passage]) -> Passage:
    others = tuple(dict.fromkeys(t.paper for t in twins if t.paper.paper_id != passage.paper.paper_id))
    return replace(passage, duplicates=others) if others else passage
