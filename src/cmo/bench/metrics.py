"""Ranking metrics and their bootstrap intervals.

nDCG is that of trec_eval: gain = relevance, discount = log2(rank + 1), ideal over all judged documents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries with its 95 % percentile bootstrap interval."""

    value: float
    low: float
    high: float


def ndcg(ranked: Sequence[str], relevance: Mapping[str, int], depth: int) -> float:
    """Normalised discounted cumulative gain at a depth."""
    gains = [relevance.get(document, 0) for document in ranked[:depth]]
    ideal = sorted((r for r in relevance.values() if r > 0), reverse=True)[:depth]
    best = _dcg(ideal)
    return _dcg(gains) / best if best else 0.0


def recall(ranked: Sequence[str], relevance: Mapping[str, int], depth: int) -> float:
    """Share of the relevant documents that stand above a depth."""
    wanted = {document for document, r in relevance.items() if r > 0}
    return len(wanted.intersection(ranked[:depth])) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranked: Sequence[str], relevance: Mapping[str, int]) -> float:
    """One over the rank of the first relevant document; 0 if there is none."""
    return next((1 / n for n, document in enumerate(ranked, 1) if relevance.get(document, 0) > 0), 0.0)


def estimate(values: Sequence[float] | NDArray[np.float64], *, seed: int = 0) -> Estimate:
    """Mean with a 95 % percentile bootstrap interval over `RESAMPLES` resamples."""
    sample = np.asarray(values, dtype=np.float64)
    if not len(sample):
        return Estimate(math.nan, math.nan, math.nan)
    picks = np.random.default_rng(seed).integers(0, len(sample), (RESAMPLES, len(sample)))
    low, high = np.quantile(sample[picks].mean(axis=1), [0.025, 0.975])
    return Estimate(round(float(sample.mean()), 4), round(float(low), 4), round(float(high), 4))


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
