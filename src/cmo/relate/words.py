"""Weights of single words around a meeting, learned beside the cue groups: what people did not think of.

A bag of words is a sum, so a stretch of text costs one subtraction of cumulated weights, however long it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, Generic, Self, TypeVar

import numpy as np

from cmo.relate.layout import Floats, Layout
from cmo.relate.meetings import Spans

BETWEEN, TWO, BEFORE, AFTER, WHOLE = "between", "two between", "before", "after", "all between"
POSITIONS: Final = (BETWEEN, TWO, BEFORE, AFTER, WHOLE)
SHORT = 6
"""At most so many terms between two names are also weighed as one phrase."""
K = TypeVar("K")


@dataclass(frozen=True)
class Words:
    """Weights by position and word: ``{"between": {"induced": .8}, "two between": {"due to": .5}}``."""

    weights: Mapping[str, Mapping[str, float]]

    def score(self, layout: Layout, at: Spans) -> Floats:
        """(meetings,): the sum of the weights around each."""
        words, couple = self._words, self._couples
        between, before, after = _cumulated(words.weights[[words.row(term, 0) for term in layout.terms]]).T
        two = _cumulated(couple.weights[[couple.row(pair, 0) for pair in pairwise(layout.terms)]])[:, 0]
        last_couple = np.maximum(at.right - 1, at.between)
        sums = (
            (between[at.right] - between[at.between])
            + (two[last_couple] - two[at.between])
            + (before[at.left] - before[at.before])
            + (after[at.stop] - after[at.after])
        )
        whole = self.weights[WHOLE]
        return np.asarray(sums + [whole.get(phrase, 0.0) for phrase in phrases(layout.terms, at)], np.float64)

    @cached_property
    def _words(self) -> _Table[str]:
        parts = [self.weights[position] for position in (BETWEEN, BEFORE, AFTER)]
        return _Table.of(parts, sorted(set().union(*parts)))

    @cached_property
    def _couples(self) -> _Table[tuple[str, str]]:
        weights = {(a, b): weight for (a, b), weight in ((k.split(" "), w) for k, w in self.weights[TWO].items())}
        return _Table.of([weights], sorted(weights))


@dataclass(frozen=True, slots=True)
class _Table(Generic[K]):
    """Weights of words in rows, so that a text takes one look at each word."""

    row: Callable[[K, int], int]
    weights: Floats
    """(words + 1, positions): row 0 is that of unknown words."""

    @classmethod
    def of(cls, parts: Sequence[Mapping[K, float]], keys: Sequence[K]) -> Self:
        rows = [[part.get(key, 0.0) for part in parts] for key in keys]
        table = np.vstack([np.zeros((1, len(parts))), np.array(rows, np.float64).reshape(-1, len(parts))])
        return cls({key: n for n, key in enumerate(keys, 1)}.get, table)


def _cumulated(weights: Floats) -> Floats:
    """(n, positions) to (n + 1, positions)."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums


def couples(terms: Sequence[str]) -> list[str]:
    """Each term with the next, one for each term but the last."""
    return [f"{a} {b}" for a, b in pairwise(terms)]


def phrases(terms: Sequence[str], at: Spans) -> Iterator[str]:
    """All that stands between two names, where it is short; else nothing."""
    for start, end in zip(at.between.tolist(), at.right.tolist(), strict=True):
        yield " ".join(terms[start:end]) if start < end <= start + SHORT else ""
