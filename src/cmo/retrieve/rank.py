"""Ranking the rows of a snapshot for a question, in two steps.

::

    nearest 150 + matching 150 + walked 150 --> pool --cosine, stems--> order --sentences, grams on the head--> final

Cheap signals see the whole pool; what costs sees its head only, and the tail keeps its order below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cmo.model.evidence import FloatArray, Term
from cmo.model.hits import Hits
from cmo.model.ports import Searchable
from cmo.model.questions import Mode, Question
from cmo.retrieve.fuse import Weights, above_floor, of_best

POOL = 150
"""Candidates from each side."""
HEAD = 30
"""Candidates that are looked at closely."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the index sees it."""

    question: Question
    vector: FloatArray
    terms: tuple[Term, ...]
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows, best first, with their fused scores and raw signals."""

    rows: NDArray[np.int64]
    scores: FloatArray
    signals: Mapping[str, FloatArray]

    def first(self, count: int) -> Self:
        """The best `count` rows."""
        signals = {name: values[:count] for name, values in self.signals.items()}
        return type(self)(self.rows[:count], self.scores[:count], signals)

    def signals_of(self, place: int) -> dict[str, float]:
        """The raw signals of one row, for explanation."""
        return {name: float(values[place]) for name, values in self.signals.items()}


def rank(
    snapshot: Searchable,
    asked: Asked,
    weights: Weights,
    walked: Hits | None = None,
    *,
    pool: int = POOL,
    head: int = HEAD,
) -> Ranking:
    """Rank the rows that a question admits, in its mode.

    Args:
        snapshot: what is searched.
        asked: the question as the index sees it.
        weights: of the signals.
        walked: what the graph leads to; None where it takes no part.
        pool: candidates from each side.
        head: candidates that are looked at closely.
    """
    if asked.question.mode is Mode.NAIVE:
        return _by_meaning(snapshot, asked, snapshot.nearest(asked.vector, pool, asked.mask))
    if walked is not None and asked.question.mode in _BY_GRAPH:
        near, rows = Hits.none(), np.sort(walked.rows)
    else:
        near = snapshot.nearest(asked.vector, pool, asked.mask)
        rows = np.union1d(near.rows, snapshot.matching(asked.terms, pool, asked.mask).rows)
        rows = rows if walked is None else np.union1d(rows, walked.rows)
    if not len(rows):
        return Ranking(rows, np.empty(0, np.float32), _blank(0, "dense", "words", "sentence", "grams"))
    return _in_two_steps(snapshot, asked, weights, _Pool(_with_cosines(snapshot, asked, rows, near), walked), head)


_BY_GRAPH = frozenset({Mode.LOCAL, Mode.GLOBAL})
"""Modes in which only what the graph leads to is ranked."""


@dataclass(frozen=True, slots=True)
class _Pool:
    """Candidates with their cosines, and what the graph leads to."""

    near: Hits
    walked: Hits | None

    def reached(self) -> FloatArray | None:
        """How well the graph leads to each candidate, the best 1."""
        if self.walked is None:
            return None
        scores = np.zeros(len(self.near.rows), np.float32)
        scores[np.searchsorted(self.near.rows, self.walked.rows)] = self.walked.scores
        return of_best(scores)


def _by_meaning(snapshot: Searchable, asked: Asked, near: Hits) -> Ranking:
    """Vectors alone rank; the words are told all the same, because confidence looks at them."""
    words = snapshot.stem_scores(asked.terms, near.rows)
    signals = {"dense": near.scores, "words": words, "sentence": near.scores, **_blank(len(near.rows), "grams")}
    return Ranking(near.rows, near.scores, signals)


def _blank(rows: int, *names: str) -> dict[str, FloatArray]:
    return dict.fromkeys(names, np.zeros(rows, np.float32))


def _with_cosines(snapshot: Searchable, asked: Asked, rows: NDArray[np.int64], near: Hits) -> Hits:
    """The pool with all its cosines: the search has told most of them."""
    cosines = np.empty(len(rows), np.float32)
    told = np.zeros(len(rows), np.bool_)
    places = np.searchsorted(rows, near.rows)
    cosines[places], told[places] = near.scores, True
    cosines[~told] = snapshot.cosines(asked.vector, rows[~told])
    return Hits(rows, cosines)


def _in_two_steps(snapshot: Searchable, asked: Asked, weights: Weights, pool: _Pool, head: int) -> Ranking:
    """Order the pool by what is cheap, its head by everything."""
    rows, dense = pool.near.rows, pool.near.scores
    words = snapshot.stem_scores(asked.terms, rows)
    near, worded, reached = above_floor(dense), of_best(words), pool.reached()
    # While the costly signals are unknown, the cheap ones stand in for those of their kind.
    rough = (weights.dense + weights.sentence) * near + (weights.words + weights.grams) * worded
    rough = rough if reached is None else rough + weights.graph * reached
    order = np.argsort(-rough, kind="stable")
    top = order[:head]
    sentence = snapshot.sentence_maxima(asked.vector, rows[top])
    grams = snapshot.gram_scores(asked.question.text, rows[top])
    fused = weights.dense * near[top] + weights.words * worded[top]
    fused += weights.sentence * above_floor(sentence) + weights.grams * of_best(grams)
    fused = fused if reached is None else fused + weights.graph * reached[top]
    best = np.argsort(-fused, kind="stable")
    order[: len(top)] = top[best]
    unseen = np.zeros(len(order) - len(top), np.float32)
    signals = {
        "dense": dense[order],
        "words": words[order],
        "sentence": np.concatenate([sentence[best], unseen]),
        "grams": np.concatenate([grams[best], unseen]),
    }
    if reached is not None:
        signals["graph"] = reached[order]
    return Ranking(rows[order], np.concatenate([fused[best], unseen]), signals)
