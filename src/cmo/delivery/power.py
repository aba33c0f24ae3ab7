"""How many does it take? Sizes of arms before an experiment begins, and what arms of a size can show.

::

    what is now, the least effect worth finding, alpha, power --> an arm's size for one look at the end
                                                             `--> and for as many looks as one likes

An interval that holds at every look is wider than one for a single look. At the size that it is planned for it is
wider by `factor`, so an arm must be larger; but who may look at any time stops early where the effect is there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from cmo.delivery.means import radius
from cmo.errors import SettingsError

ALPHA = 0.05
POWER = 0.8
_MOST = 10**9
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
    arc = _arc(now) + (factor(alpha) + _NORMAL.inv_cdf(power)) * math.sqrt(2 / max(1, units))
    return math.sin(min(arc, math.pi) / 2) ** 2


def least_mean(spread: float, units: int, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest difference of two means that arms of so many units show at any look."""
    return (factor(alpha) + _NORMAL.inv_cdf(power)) * spread * math.sqrt(2 / max(1, units))


def factor(alpha: float = ALPHA) -> float:
    """Standard errors on each side of an interval for every look, at the size that it is planned for."""
    return float(radius(np.asarray(1.0), np.asarray(1_000.0), alpha, 1_000))


def _size(effect: float, alpha: float, power: float) -> Size:
    """For an effect in standard deviations of one unit's score."""
    if not (0 < alpha < 1 and 0 < power < 1):
        raise SettingsError(f"alpha {alpha:g} and power {power:g} must lie between 0 and 1.")
    bounds = _NORMAL.inv_cdf(1 - alpha / 2), factor(alpha)
    fixed, sequential = (math.ceil(2 * ((b + _NORMAL.inv_cdf(power)) / effect) ** 2) for b in bounds)
    if sequential > _MOST:
        raise SettingsError("So small an effect takes more than a billion units. Plan for a larger one.")
    return Size(max(2, fixed), max(2, sequential))


def _arc(share: float) -> float:
    return 2 * math.asin(math.sqrt(share))
