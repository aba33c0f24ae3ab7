"""Weights of single words around a meeting, learned beside the cue groups: what people did not think of.

A bag of words is a sum, so a stretch of text costs one subtraction of cumulated weights, however long it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from cmo.relate.layout import Floats, Layout
from cmo.relate.meetings import Spans

BETWEEN, TWO, BEFORE, AFTER, WHOLE = "between", "two between", "before", "after", "all between"
POSITIONS: Final = (BETWEEN, TWO, BEFORE, AFTER, WHOLE)
SHORT = 6
"""At most so many terms between two names are also weighed as one phrase."""


@dataclass(frozen=True, slots=True)
class Words:
    """Weights by position and word: ``{"between": {"induced": .8}, "two between": {"due to": .5}}``."""

    weights: Mapping[str, Mapping[str, float]]

    def score(self, layout: Layout, at: Spans) -> Floats:
        """(meetings,): the sum of the weights around each."""
        terms = layout.terms
        between = self._cumulated(BETWEEN, terms)
        two = self._cumulated(TWO, couples(terms))
        before = self._cumulated(BEFORE, terms)
        after = self._cumulated(AFTER, terms)
        last_couple = np.maximum(at.right - 1, at.between)
        sums = (
            (between[at.right] - between[at.between])
            + (two[last_couple] - two[at.between])
            + (before[at.left] - before[at.before])
            + (after[at.stop] - after[at.after])
        )
        whole = self.weights[WHOLE]
        return sums + np.array([whole.get(phrase, 0.0) for phrase in phrases(terms, at)], np.float64)

    def _cumulated(self, position: str, terms: Sequence[str]) -> Floats:
        weight = self.weights[position].get
        values = np.array([0.0, *(weight(term, 0.0) for term in terms)], np.float64)
        return np.cumsum(values)


def couples(terms: Sequence[str]) -> list[str]:
    """Each term with the next, one for each term but the last."""
    return [f"{a} {b}" for a, b in pairwise(terms)]


def phrases(terms: Sequence[str], at: Spans) -> Iterator[str]:
    """All that stands between two names, where it is short; else nothing."""
    for start, end in zip(at.between.tolist(), at.right.tolist(), strict=True):
        yield " ".join(terms[start:end]) if start < end <= start + SHORT else ""
