"""What people think of answers, into what the probability that an answer may be shown means here.

The shipped head was fitted on experts' answers; whether *these* people accept answers as readily shows in their ratings. So its log-odds are
stretched and shifted (Platt 1999), by the most probable slope and shift under a prior that believes in the head: few ratings move it little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cmo.assess.heads import Head

LEAST: Final = 20
"""Ratings below which nothing is learnt."""
_SHIFT_SPREAD, _SLOPE_SPREAD = 1.5, 0.5
"""Standard deviations of the prior, about a shift of 0 and a slope of 1."""
_STEPS: Final = 50
_STILL: Final = 1e-9
_EDGE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Learnt:
    """A head that goes by ratings, and what that changed."""

    head: Head
    ratings: int
    accepted: float
    """Share of the ratings that accept."""
    before: float
    """Brier score of the shipped head on these ratings: mean squared error of its probabilities."""
    after: float
    """The same of the new one; on the ratings that it was fitted to."""


def learnt(head: Head, stated: Sequence[float], accepted: Sequence[bool]) -> Learnt:
    """A head stretched and shifted to what people accept.

    Args:
        head: the shipped one.
        stated: its probability for each rated answer.
        accepted: whether that was accepted.

    Raises:
        ValueError: there are fewer than `LEAST`, or as many of one as of the other are missing.
    """
    if len(stated) != len(accepted) or len(stated) < LEAST:
        raise ValueError(f"{len(stated)} rated answers are too few to learn from; {LEAST} are needed.")
    z = np.array([math.log(p / (1 - p)) for p in (min(1 - _EDGE, max(_EDGE, s)) for s in stated)])
    y = np.array(accepted, np.float64)
    shift, slope = _fitted(z, y)
    new = Head(slope * head.bias + shift, {name: slope * weight for name, weight in head.weights.items()})
    said = 1 / (1 + np.exp(-(slope * z + shift)))
    before = 1 / (1 + np.exp(-z))
    brier = [round(float(np.mean((p - y) ** 2)), 4) for p in (before, said)]
    return Learnt(new, len(y), round(float(y.mean()), 4), *brier)


def _fitted(z: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The most probable shift and slope, by Newton's method; a slope below nought would say that the head is upside down."""
    weights = np.array([0.0, 1.0])
    centre, precision = weights.copy(), np.diag([_SHIFT_SPREAD**-2, _SLOPE_SPREAD**-2])
    ones = np.stack([np.ones_like(z), z], axis=1)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(ones @ weights, -30, 30)))
        slope = ones.T @ (p - y) + precision @ (weights - centre)
        step = np.linalg.solve((ones * (p * (1 - p))[:, None]).T @ ones + precision, slope)
        weights = weights - step
        if float(np.abs(step).max()) < _STILL:
            break
    return float(weights[0]), max(0.05, float(weights[1]))
