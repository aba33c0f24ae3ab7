"""How far apart are two means? Intervals that hold at every look.

::

    scores of both arms --count, mean, spread; covariate--> difference +- radius, for all times at once

`Moments` holds sums, so arms can be added up over windows, workers and simulated releases (any leading shape).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PLANNED = 5_000
"""Scores an arm at which the interval is narrowest, relative to what any other plan would give."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over scores y and, where there is one, a covariate x that the release cannot move."""

    n: Floats
    y: Floats
    yy: Floats
    x: Floats
    xx: Floats
    xy: Floats

    @classmethod
    def none(cls, shape: Sequence[int] = ()) -> Self:
        """Of nothing."""
        return cls(*(np.zeros(shape) for _ in fields(cls)))

    @classmethod
    def of(cls, scores: Sequence[float] | Floats, covariate: Sequence[float] | Floats | None = None) -> Self:
        """Of some scores (n,)."""
        y = np.asarray(scores, np.float64)
        x = np.zeros_like(y) if covariate is None else np.asarray(covariate, np.float64)
        return cls(*(np.asarray(v.sum()) for v in (np.ones_like(y), y, y * y, x, x * x, x * y)))

    def __add__(self, other: Moments) -> Self:
        """Of both together."""
        return replace(self, **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    @property
    def mean(self) -> Floats:
        """(...) of the scores; 0 of none."""
        found: Floats = self.y / np.maximum(self.n, 1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """A difference of means, new less control, with bounds (...)."""

    value: Floats
    low: Floats
    high: Floats


def difference(new: Moments, control: Moments, alpha: float, planned: int = PLANNED) -> Interval:
    """An asymptotic confidence sequence of the difference of two means.

    The covariate takes away what both arms owe to their questions (CUPED: A. Deng et al., 2013): scores are adjusted by
    theta times the covariate's distance from its common mean. The sequence is that of I. Waudby-Smith, D. Arbour,
    R. Sinha, E. Kennedy, A. Ramdas, Time-uniform central limit theory (2021), equation 9: it covers the true difference
    at all times at once with probability 1 - alpha.
    """
    both = new + control
    spread_x = _central(both.xx, both.x, both.x, both.n)
    # Pooled inside arms, so that a difference between the arms does not pass for a slope.
    inside_xy = sum(_central(m.xy, m.x, m.y, m.n) for m in (new, control))
    theta = np.where(spread_x > 0, inside_xy / np.where(spread_x > 0, spread_x, 1), 0.0)
    centre = both.x / np.maximum(both.n, 1)
    means, errors = [], []
    for arm in (new, control):
        n = np.maximum(arm.n, 1)
        means.append(arm.y / n - theta * (arm.x / n - centre))
        left = _central(arm.yy, arm.y, arm.y, arm.n) - 2 * theta * _central(arm.xy, arm.x, arm.y, arm.n)
        left = left + theta**2 * _central(arm.xx, arm.x, arm.x, arm.n)
        errors.append(np.maximum(left, 0) / np.maximum(n - 1, 1) / n)
    value = means[0] - means[1]
    wide = np.where((new.n > 1) & (control.n > 1), radius(errors[0] + errors[1], both.n, alpha, planned), np.inf)
    return Interval(value, value - wide, value + wide)


def paired(differences: Moments, alpha: float, planned: int = PLANNED) -> Interval:
    """The same for differences that were seen one by one, such as of two answers to one question."""
    n = np.maximum(differences.n, 1)
    spread = _central(differences.yy, differences.y, differences.y, differences.n) / np.maximum(n - 1, 1)
    value = differences.mean
    wide = np.where(differences.n > 1, radius(np.maximum(spread, 0) / n, differences.n, alpha, planned), np.inf)
    return Interval(value, value - wide, value + wide)


def _central(xy: Floats, x: Floats, y: Floats, n: Floats) -> Floats:
    """Sum of products of deviations."""
    found: Floats = xy - x * y / np.maximum(n, 1)
    return found


def radius(squared_error: Floats, n: Floats, alpha: float, planned: int) -> Floats:
    """Half the width for a difference with this squared standard error after n scores."""
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / planned
    n = np.maximum(n, 1)
    wide: Floats = np.sqrt(
        squared_error * n * 2 * (n * rho2 + 1) / (n * n * rho2) * np.log(np.sqrt(n * rho2 + 1) / alpha)
    )
    return wide


@dataclass(frozen=True, slots=True)
class Bet:
    """Evidence that the mean of scores in [0, 1] lies below a bound: exact, no matter how the scores are spread.

    Capital that bets each score below the bound: fair at best while the mean is at the bound or above, so it ever
    reaches 1/alpha with probability alpha at most. Source: I. Waudby-Smith, A. Ramdas, Estimating means of bounded
    random variables by betting (2021); the bets are their predictable plug-in ones.
    """

    bound: float
    log: float = 0.0
    n: int = 0
    total: float = 0.5
    squares: float = 0.25
    alpha: float = 0.01

    def see(self, score: float) -> Bet:
        """After one more score.

        Raises:
            ValueError: it lies outside [0, 1].
        """
        if not 0 <= score <= 1:
            message = f"{score} is no score in [0, 1]"
            raise ValueError(message)
        t = self.n + 1
        spread = max(self.squares / t, 1e-4)
        stake = math.sqrt(2 * math.log(1 / self.alpha) / (t * math.log(1 + t) * spread))
        stake = min(stake, 0.5 / max(1 - self.bound, 1e-9))
        mean = (self.total + score) / (t + 1)
        return Bet(
            self.bound,
            self.log + math.log1p(stake * (self.bound - score)),
            t,
            self.total + score,
            self.squares + (score - mean) ** 2,
            self.alpha,
        )

    @property
    def rejects(self) -> bool:
        """Whether the mean is below the bound, at level alpha."""
        return self.log >= -math.log(self.alpha)
