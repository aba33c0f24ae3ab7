"""Learned keywords: a TF-IDF regression on the same labels, without rules and without meaning.

What a head must beat to be worth its embedding. It is fitted beside each head, by logistic regression, and kept with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.model.evidence import FloatArray
from cmo.model.routes import Destination, ResearchCategory
from cmo.route import decide
from cmo.route.features import POOLS, WORD_BUCKETS, Grams, grams
from cmo.route.head import NEEDS, WORKS, Head, softmax
from cmo.route.labels import Labelled
from cmo.route.phrases import words
from cmo.route.train import Recipe, Rows, need_of, rarity_of, word_rows

_NEVER = -30.0
_RIDGE = 10.0
Guessed = tuple[tuple[Destination, ...], tuple[ResearchCategory, ...], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class LearnedKeywords:
    """A head that sees words alone, and its temperature."""

    head: Head
    temperature: float

    def guesses(self, questions: Sequence[str]) -> Guessed:
        """Destination, research category and probability of each."""
        found = [self._guess(question) for question in questions]
        return tuple(f[0] for f in found), tuple(f[1] for f in found), np.array([f[2] for f in found])

    def _guess(self, question: str) -> tuple[Destination, ResearchCategory, float]:
        counted = words_only(grams(words(question)))
        scores = self.head.scores(np.empty(0, np.float32), {}, counted)
        chances = softmax(scores.needs, self.temperature)
        needs = dict(zip(NEEDS, chances.tolist(), strict=True))
        destinations = decide.destinations(needs)
        best = max(destinations, key=lambda d: destinations[d])
        return best, WORKS[int(scores.works.argmax())], destinations[best]


def words_only(found: Grams) -> Grams:
    """Grams without runs of letters."""
    kept = found.buckets < WORD_BUCKETS
    return Grams(found.buckets[kept], found.counts[kept])


def fit(labels: Sequence[Labelled]) -> Head:
    """A head that sees words alone. Needs scikit-learn."""
    found = [words_only(grams(words(label.query))) for label in labels]
    rarity = rarity_of(found)
    plain = Recipe(words=1.0)
    rows = Rows(
        tuple(labels),
        np.ones(len(labels)),
        np.empty((len(labels), POOLS, 0), np.float32),
        ({},) * len(labels),
        tuple(found),
    )
    matrix = word_rows(rows, rarity, plain)
    told = [n for n, label in enumerate(labels) if label.research is not None]
    needs = _regression(matrix, [need_of(label) for label in labels], NEEDS)
    works = _regression(matrix[told], [labels[n].research for n in told], WORKS)
    columns = len(NEEDS) + len(WORKS)
    return Head(
        model="words",
        flags=(),
        bias=np.concatenate([needs[1], works[1]]),
        centre=np.empty((POOLS - 1, 0), np.float32),
        of_meaning=np.empty((0, columns), np.float32),
        origin=np.empty(0, np.float32),
        directions=np.empty((0, 0), np.float32),
        known=np.empty((0, 0), np.int8),
        of_known=np.empty((0, columns), np.float32),
        of_flags=np.empty((0, columns), np.float32),
        of_grams=np.concatenate([needs[0], works[0]], axis=1).astype(np.float16),
        rarity=rarity,
        about={"questions": len(labels)},
    )


def _regression(matrix: Any, gold: Sequence[Any], classes: Sequence[Any]) -> tuple[FloatArray, FloatArray]:
    """Weights (buckets, classes) and biases (classes,); what never occurs is unlikely."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra

    weights = np.zeros((matrix.shape[1], len(classes)), np.float32)
    biases = np.full(len(classes), _NEVER, np.float32)
    places = [classes.index(name) for name in gold]
    if len(set(places)) == 1 or not places:
        biases[places[:1]] = 0.0
        return weights, biases
    model = LogisticRegression(C=_RIDGE, max_iter=1000, tol=1e-3, class_weight="balanced").fit(matrix, places)
    rows, offsets = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # noqa: PLR2004 - then scikit-learn keeps one row
        rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
    weights[:, model.classes_], biases[model.classes_] = rows.T, offsets
    return weights, biases
