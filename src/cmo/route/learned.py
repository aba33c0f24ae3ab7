"""Learned keywords: a TF-IDF regression on the same labels, without rules and without meaning.

What a head must beat to be worth its embedding. It is fitted beside each head and kept with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmo.model.routes import Destination, ResearchCategory
from cmo.route import decide
from cmo.route.features import WORD_BUCKETS, Grams, grams
from cmo.route.head import NEEDS, WORKS, Head, softmax
from cmo.route.phrases import words

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
