"""How many does it take? Sizes of arms before an experiment begins, and what arms of a size can show.

::

    what is now, the least effect worth finding, alpha, power --> an arm's size for one look at the end
                                                             `--> and for as many looks as one likes

An interval that holds at every look is wider than one for a single look, so an arm must be larger; but whoever may look
at any time stops early where the effect is there. How much larger is worked out from a drifting Brownian motion that
meets the interval's edge: the recursion of P. Armitage, C. McPherson, B. Rowe, Repeated significance tests on
accumulating data (1969).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from cmo.delivery.means import radius
from cmo.errors import SettingsError

ALPHA = 0.05
POWER = 0.8
_MOST = 10**9
_LOOKS = 20
"""That are counted on. More find an effect a little sooner."""
_CELLS = 301
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Size:
    """Units that each arm needs."""

    fixed: int
    """For one look at the end."""
    sequential: int
    """For as many looks as one likes."""

    @property
    def inflation(self) -> float:
        """How many times larger the second is."""
        return self.sequential / self.fixed


def proportions(now: float, then: float, *, alpha: float = ALPHA, power: float = POWER) -> Size:
    """To tell two shares apart, such as of errors: .005 from .01.

    By the arcsine transform (J. Cohen, Statistical Power Analysis, 1988, chapter 6), two-sided.

    Raises:
        SettingsError: a share lies outside 0 to 1, or they are the same.
    """
    if not (0 <= now <= 1 and 0 <= then <= 1) or now == then:
        raise SettingsError(f"{now:g} and {then:g} are no two shares. Give different ones from 0 to 1.")
    return _size(_arc(now) - _arc(then), alpha, power)


def means(
    difference: float, spread: float, *, correlation: float = 0.0, alpha: float = ALPHA, power: float = POWER
) -> Size:
    """To tell two means apart.

    Args:
        difference: the least that is worth finding.
        spread: standard deviation of a unit's score.
        correlation: of the score with a covariate that is adjusted for, such as the shadow's score.
        alpha: chance of a false finding, two-sided.
        power: chance to find what is there.

    Raises:
        SettingsError: nothing can be found like this.
    """
    if not difference or spread <= 0 or not -1 < correlation < 1:
        raise SettingsError(
            f"A difference of {difference:g} at a spread of {spread:g} and a correlation of {correlation:g} cannot be "
            "planned. Give a difference other than 0, a spread above 0, a correlation between -1 and 1."
        )
    return _size(difference / (spread * math.sqrt(1 - correlation**2)), alpha, power)


def least_proportion(now: float, units: int, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest rise of a share that arms of so many units show at any look; 1 at most."""
    arc = _arc(now) + drift(alpha, power) * math.sqrt(2 / max(1, units))
    return math.sin(min(arc, math.pi) / 2) ** 2


def least_mean(spread: float, units: int, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest difference of two means that arms of so many units show at any look."""
    return drift(alpha, power) * spread * math.sqrt(2 / max(1, units))


@cache
def drift(alpha: float = ALPHA, power: float = POWER) -> float:
    """How many standard errors at the end an effect must be to be found at some look with this power."""
    low, high = 0.0, 12.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if crossing(middle, alpha) > power else (middle, high)
    return high


def crossing(effect: float, alpha: float = ALPHA, looks: int = _LOOKS) -> float:
    """Chance that the interval leaves nought out at some of so many even looks, for an effect in standard errors."""
    times = np.arange(1, looks + 1) / looks
    # In standard errors at the time; 1,000 stands for any planned size, as the sequence is the same at each of its parts.
    edges = radius(np.ones(looks), times * 1_000.0, alpha, 1_000) * np.sqrt(times)
    cells = np.linspace(-edges.max(), edges.max(), _CELLS)
    wide, mean, spread = cells[1] - cells[0], effect / looks, math.sqrt(1 / looks)
    step = (
        np.exp(-0.5 * ((cells[:, None] - cells[None, :] - mean) / spread) ** 2) * wide / spread / math.sqrt(2 * math.pi)
    )
    inside = np.exp(-0.5 * ((cells - mean) / spread) ** 2) / spread / math.sqrt(2 * math.pi)
    inside *= np.abs(cells) < edges[0]
    for edge in edges[1:]:
        inside = (step @ inside) * (np.abs(cells) < edge)
    return float(1 - inside.sum() * wide)


def _size(effect: float, alpha: float, power: float) -> Size:
    """For an effect in standard deviations of one unit's score."""
    if not (0 < alpha < 1 and 0 < power < 1):
        raise SettingsError(f"alpha {alpha:g} and power {power:g} must lie between 0 and 1.")
    bounds = _NORMAL.inv_cdf(1 - alpha / 2) + _NORMAL.inv_cdf(power), drift(alpha, power)
    fixed, sequential = (math.ceil(2 * (bound / effect) ** 2) for bound in bounds)
    if sequential > _MOST:
        raise SettingsError("So small an effect takes more than a billion units. Plan for a larger one.")
    return Size(max(2, fixed), max(2, sequential))


def _arc(share: float) -> float:
    return 2 * math.asin(math.sqrt(share))
