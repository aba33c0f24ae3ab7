"""Fusing signals: a convex combination of scaled scores over the pool of candidates.

Bruch, Gai and Ingber (arXiv 2210.11934) find it better than reciprocal rank fusion in and out of domain, and so do
we. The weights were fitted on SciFact's training claims and BioASQ's development questions together (ADR 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmo.model.evidence import FloatArray

_FLOOR_RANK = 200
"""The score at this rank counts as nothing: the pool's tail is there by chance."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts; those of the text together one."""

    dense: float = 0.15
    sentence: float = 0.18
    words: float = 0.38
    grams: float = 0.29
    graph: float = 0.1
    """On top, where the graph takes part: more of it costs SciFact claims, which name two concepts often (ADR 7)."""


def above_floor(scores: FloatArray) -> FloatArray:
    """Scaled so that the best is 1 and the score at the floor rank, and all below it, 0."""
    rank = min(_FLOOR_RANK, len(scores))
    low = np.partition(scores, len(scores) - rank)[len(scores) - rank]
    scaled: FloatArray = np.maximum((scores - low) / (scores.max() - low + 1e-9), 0.0)
    return scaled


def of_best(scores: FloatArray) -> FloatArray:
    """Scaled so that the best is 1; for scores that are 0 where nothing matches."""
    scaled: FloatArray = scores / max(float(scores.max()), 1e-6)
    return scaled
