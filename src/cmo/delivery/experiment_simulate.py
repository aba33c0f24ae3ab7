"""Thousands of experiments in seconds, through the real intervals: how often they err, and how soon they find.

::

    a world (scores, effect, covariate) --chance--> users of every run --moments, look by look--> found? covered?

Beside: what repeated z-tests would have said at the same looks, and one z-test at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.delivery.experiment_results import LEAST_UNITS
from cmo.delivery.means import Moments, difference
from cmo.delivery.power import ALPHA, POWER, Size, means, proportions
from cmo.errors import SettingsError

Floats = NDArray[np.float64]
_MOST_DRAWN = 4_000_000
"""Scores that are drawn at once."""


@dataclass(frozen=True, slots=True)
class World:
    """What users are like."""

    base: float = 0.8
    """Mean of the control."""
    effect: float = 0.0
    """What the new arm adds; 0 is an A/A experiment."""
    spread: float = 0.18
    """Standard deviation of a user's score; None of it counts where scores are shares."""
    shares: bool = False
    """Whether a score is 0 or 1."""
    correlation: float = 0.0
    """Of a score with its covariate."""

    def __post_init__(self) -> None:
        if self.shares and not (0 <= self.base <= 1 and 0 <= self.base + self.effect <= 1):
            raise SettingsError(
                f"Shares of {self.base:g} and {self.base + self.effect:g} are none. Keep within 0 to 1."
            )
        if self.spread <= 0 or not -1 < self.correlation < 1:
            raise SettingsError("The spread must be above 0, and the correlation between -1 and 1.")

    def draw(self, users: tuple[int, int], added: float, chance: np.random.Generator) -> tuple[Floats, Floats]:
        """(runs, users) scores of one arm with their covariates."""
        if self.shares:
            return (chance.random(users) < self.base + added).astype(np.float64), np.zeros(users)
        prior, rest = chance.standard_normal(users), chance.standard_normal(users)
        own = math.sqrt(1 - self.correlation**2)
        return self.base + added + self.spread * (self.correlation * prior + own * rest), prior

    def size(self, least: float, alpha: float = ALPHA, power: float = POWER) -> Size:
        """Users an arm to find a difference of at least so much."""
        if self.shares:
            return proportions(self.base, min(1.0, self.base + least), alpha=alpha, power=power)
        return means(least, self.spread, correlation=self.correlation, alpha=alpha, power=power)


@dataclass(frozen=True, slots=True)
class Share:
    """Of the runs, with a 95 % interval (Wilson)."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, runs: int) -> Share:
        """So many of so many."""
        z2, share = 1.96**2, count / runs
        centre, wide = share + z2 / (2 * runs), 1.96 * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs**2))
        return cls(share, max(0.0, (centre - wide) / (1 + z2 / runs)), min(1.0, (centre + wide) / (1 + z2 / runs)))


@dataclass(frozen=True, slots=True)
class Summary:
    """What many experiments came to."""

    runs: int
    looks: int
    users: int
    """An arm, at the end."""
    found: Share
    """Runs in which a difference is found at some look: of A/A experiments the false positives, else the power."""
    covered: Share
    """Runs in which the interval holds the true difference at every look."""
    repeated: Share
    """Runs in which a z-test at every look would have found one."""
    single: Share
    """Runs in which one z-test at the end finds one."""
    users_when_found: float | None
    """Median, an arm; None where nothing was found."""
    reduction: float
    """Share of the variance that the covariate takes away, mean."""


def simulate(
    world: World,
    users: int,
    *,
    runs: int = 1_000,
    seed: int = 1,
    looks: int = 100,
    alpha: float = ALPHA,
    progress: Callable[[float], None] = lambda _: None,
) -> Summary:
    """Play experiments.

    Args:
        world: what users are like.
        users: an arm, at the end; the intervals are planned for it.
        runs: how many experiments.
        seed: of chance.
        looks: how often each is looked at, evenly.
        alpha: chance of a false finding.
        progress: told the share that is done.
    """
    chance = np.random.default_rng(seed)
    looks = min(looks, users)
    ends = np.unique(np.linspace(0, users, looks + 1).astype(int)[1:])
    part = max(1, _MOST_DRAWN // max(1, int(np.diff(ends, prepend=0).max())))
    played = []
    for begin in range(0, runs, part):
        played.append(_play(world, ends, min(part, runs - begin), chance, alpha))
        progress(min(1.0, (begin + part) / runs))
    first, covered, repeated, single, reduction = (np.concatenate(column) for column in zip(*played, strict=True))
    found = first[np.isfinite(first)]
    return Summary(
        runs,
        len(ends),
        users,
        Share.of(len(found), runs),
        Share.of(int(covered.sum()), runs),
        Share.of(int(repeated.sum()), runs),
        Share.of(int(single.sum()), runs),
        float(np.median(found)) if len(found) else None,
        float(reduction.mean()),
    )


def _play(
    world: World, ends: NDArray[np.int64], runs: int, chance: np.random.Generator, alpha: float
) -> tuple[NDArray[Any], ...]:
    """Per run: users when found, covered, found by repeated tests, by a single one, variance taken away."""
    control, new = Moments.none((runs,)), Moments.none((runs,))
    first, covered, repeated = np.full(runs, np.inf), np.ones(runs, np.bool_), np.zeros(runs, np.bool_)
    z, plain = NormalDist().inv_cdf(1 - alpha / 2), np.zeros(runs)
    for before, end in zip([0, *ends], ends, strict=False):
        size = (runs, int(end - before))
        control += _sums(*world.draw(size, 0.0, chance))
        new += _sums(*world.draw(size, world.effect, chance))
        if end < LEAST_UNITS:
            continue
        now = difference(new, control, alpha, planned=int(2 * ends[-1]))
        found = (now.low > 0) | (now.high < 0)
        first = np.where(found, np.minimum(first, end), first)
        covered &= (now.low <= world.effect) & (world.effect <= now.high)
        plain = np.abs(new.mean - control.mean) / _error(new, control)
        repeated |= plain > z
    return first, covered, repeated, plain > z, _reduction(new, control)


def _reduction(new: Moments, control: Moments) -> Floats:
    """Of the variance of the difference, by the squared widths of the intervals with and without the covariate."""
    nothing = np.zeros_like(new.n)
    bare_new, bare_control = (Moments(m.n, m.y, m.yy, nothing, nothing, nothing) for m in (new, control))
    with_, without = difference(new, control, ALPHA), difference(bare_new, bare_control, ALPHA)
    found: Floats = 1 - ((with_.high - with_.low) / (without.high - without.low)) ** 2
    return found


def _sums(y: Floats, x: Floats) -> Moments:
    """Over the users of each run."""
    return Moments(np.full(len(y), float(y.shape[1])), *(v.sum(axis=1) for v in (y, y * y, x, x * x, x * y)))


def _error(new: Moments, control: Moments) -> Floats:
    parts = [(m.yy - m.y**2 / m.n) / np.maximum(m.n - 1, 1) / m.n for m in (new, control)]
    found: Floats = np.sqrt(np.maximum(sum(parts), 1e-18))
    return found
