"""From token vectors to the vectors of a passage and of its sentences: pure arithmetic on arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmo.model.evidence import FloatArray

Span = tuple[int, int]
_TINY = 1e-12
"""Keeps a vector of zeros from dividing by zero."""


def unit(vector: FloatArray) -> FloatArray:
    """A vector, or each row, at length one in float32."""
    norm = np.sqrt((vector * vector).sum(axis=-1, keepdims=True))
    scaled: FloatArray = (vector / np.maximum(norm, _TINY)).astype(np.float32, copy=False)
    return scaled


def sentence_vectors(
    tokens: FloatArray, offsets: Sequence[Span], spans: Sequence[Span], passage: FloatArray
) -> FloatArray:
    """Unit means over the tokens that begin in each span.

    Args:
        tokens: (n, dim), special tokens among them.
        offsets: characters of each token; empty for special tokens.
        spans: characters of each sentence.
        passage: (dim,), stands in for a span without tokens: an empty one, or one beyond the truncation.

    Returns:
        (len(spans), dim), unit length.
    """
    if not spans:
        return np.empty((0, passage.shape[0]), np.float32)
    starts, ends = np.array(offsets, np.int64).T
    real = np.flatnonzero(ends > starts)
    edges = np.searchsorted(starts[real], np.array(spans, np.int64))
    sums = np.zeros((len(real) + 1, tokens.shape[1]), np.float64)
    np.cumsum(tokens[real], axis=0, out=sums[1:], dtype=np.float64)
    vectors = unit((sums[edges[:, 1]] - sums[edges[:, 0]]).astype(np.float32))
    vectors[edges[:, 1] <= edges[:, 0]] = passage
    return vectors


def packs(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Places of texts, shortest first, in runs of at most `budget` tokens with the padding counted.

    Texts of like length share a run, so that little of the work is spent on padding. A text longer than the budget
    runs alone.
    """
    runs: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if runs and (len(runs[-1]) + 1) * lengths[place] <= budget:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs
