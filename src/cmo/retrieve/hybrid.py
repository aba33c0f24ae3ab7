"""The retriever: which passages bear on a question."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cmo.errors import ModelMismatch
from cmo.kit.spans import span
from cmo.model.evidence import FloatArray, Found, Passage
from cmo.model.hits import Hits
from cmo.model.ports import Embedder, Library, Linker, Searchable
from cmo.model.questions import Filters, Mode, Question, Reach
from cmo.retrieve.fuse import Weights
from cmo.retrieve.lean import leaning
from cmo.retrieve.rank import POOL, Asked, Ranking, rank
from cmo.retrieve.trace import trace
from cmo.retrieve.walk import Walk, walk

_TWINS = 0.985
"""Cosine from which two passages of different papers say the same nearly word for word."""


class HybridRetriever:
    """Finds passages in the current snapshot.

    Args:
        library: where the current snapshot comes from.
        embedder: must be the one that made the snapshot's vectors.
        linker: names to concepts; None where nothing is read for concepts.
        reach: how far the graph may carry a search now; asked for each question, so that it can be changed.
        weights: of the signals.
    """

    def __init__(
        self,
        library: Library,
        embedder: Embedder,
        linker: Callable[[], Linker | None],
        reach: Callable[[], Reach],
        weights: Weights,
    ) -> None:
        self._library = library
        self._embedder = embedder
        self._linker = linker
        self._reach = reach
        self._weights = weights

    def retrieve(self, question: Question, limit: int) -> Found:
        """The best passages, best first, duplicates folded.

        Raises:
            ModelMismatch: the snapshot was made with another model.
        """
        snapshot = self._library.current()
        if snapshot is None:
            return Found(question.text, (), np.empty(0, np.float32), (), "", 0)
        reach = question.reach or self._reach()
        with span("walk"):
            way = self._walk(snapshot, question, reach)
        with span("encode"):
            asked = self._see(snapshot, _as_read(question, way))
        with span("search"):
            passages = _folded(snapshot, self._rank(snapshot, asked, way).first(2 * limit), limit)
        return Found(
            question=question.text,
            passages=tuple(passages),
            query_vector=asked.vector,
            terms=asked.terms,
            snapshot=snapshot.id,
            searched=snapshot.count(asked.mask),
            trace=trace(snapshot, way, passages, asked.mask, reach) if way else None,
        )

    def ranking(self, snapshot: Searchable, question: Question) -> Ranking:
        """All rows found in a snapshot, without their passages: what evaluations look at."""
        way = self._walk(snapshot, question, question.reach or self._reach())
        return self._rank(snapshot, self._see(snapshot, _as_read(question, way)), way)

    def _see(self, snapshot: Searchable, question: Question) -> Asked:
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

    def _walk(self, snapshot: Searchable, question: Question, reach: Reach) -> Walk | None:
        """Where the question's concepts lead; None where the graph takes no part."""
        unasked = question.mode is Mode.NAIVE or (question.mode is Mode.HYBRID and not reach.multi_hop)
        if unasked or snapshot.graph is None:
            return None
        return walk(snapshot.graph, self._linker(), question, reach.steps, lambda name: _prints(snapshot, name))

    def _rank(self, snapshot: Searchable, asked: Asked, way: Walk | None) -> Ranking:
        walked = _walked(way, asked) if way else None
        return rank(snapshot, asked, leaning(asked.question.text, self._weights), walked)


def _prints(snapshot: Searchable, name: str) -> bool:
    """Whether papers have each word of a name, and each part of one: what they print is no slip of whoever asks."""
    shown = snapshot.eligible(Filters())
    return all(len(snapshot.matching((term,), 1, shown).rows) for term in snapshot.terms(name))


def _as_read(question: Question, way: Walk | None) -> Question:
    """A question with what its misspelled names were taken for: no paper has them as they are printed."""
    meant = dict(way.misread) if way else {}
    if not meant:
        return question
    names = "|".join(map(re.escape, meant))
    text = re.sub(rf"(?<!\w)(?:{names})(?!\w)", lambda found: meant[found.group()], question.text)
    return replace(question, text=text)


def _walked(way: Walk, asked: Asked) -> Hits:
    """What the graph leads to among the rows that the question admits."""
    hits = way.stating(POOL) if asked.question.mode is Mode.GLOBAL else way.rows(POOL)
    return hits if asked.mask is None else hits.within(asked.mask, POOL)


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
