"""Ridge logistic regression by Newton's method: small, and the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STEPS, _STILL = 40, 1e-8
_STEEPEST = 30.0


def fit(x: Floats, y: NDArray[Any], sample: Floats, *, ridge: float) -> tuple[float, Floats]:
    """Bias and weights of standardised columns, given back for columns as they are.

    Args:
        x: (rows, columns).
        y: (rows,), true or false.
        sample: (rows,), what each row counts.
        ridge: penalty on the squared standardised weights; the bias has none.
    """
    centre = np.average(x, axis=0, weights=sample)
    spread = np.sqrt(np.average((x - centre) ** 2, axis=0, weights=sample))
    spread[spread < 1e-9] = 1.0  # noqa: PLR2004 - a column that never changes
    ones = np.hstack([np.ones((len(x), 1)), (x - centre) / spread])
    weights = np.zeros(ones.shape[1])
    penalty = np.diag([0.0, *[ridge] * x.shape[1]])
    for _ in range(_STEPS):
        p = probability(ones @ weights)
        slope = ones.T @ (sample * (p - y)) + penalty @ weights
        curve = (ones * (sample * p * (1 - p))[:, None]).T @ ones + penalty + 1e-9 * np.eye(len(penalty))
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if float(np.abs(step).max()) < _STILL:
            break
    own = weights[1:] / spread
    return float(weights[0] - own @ centre), own


def probability(log_odds: Floats) -> Floats:
    """Log-odds to probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -_STEEPEST, _STEEPEST))))


def folds(groups: Sequence[str], count: int = 5, seed: int = 0) -> NDArray[np.int64]:
    """A fold for each row; rows of one group share it."""
    known = sorted(set(groups))
    np.random.default_rng(seed).shuffle(known)
    place = {group: n % count for n, group in enumerate(known)}
    return np.array([place[group] for group in groups])
