"""Is the new one worse? Evidence from failures alone, valid however often one looks.

::

    failures of both arms, share of the traffic --> e-values against "at most so many times worse" --> alarm at 1/alpha

Given that a request failed, the chance that the new arm served it depends on the ratio of the two failure rates and on
the arms' shares, and on nothing else: load, time of day and a failing neighbour cancel out. Under the hypothesis the
product of likelihood ratios is a martingale, so by Ville's inequality it ever reaches 1/alpha with probability alpha
at most. A change of the shares is no problem: later failures count with the new shares.

Source of the construction: A. Ramdas et al., Game-theoretic statistics and safe anytime-valid inference (2023).

Arrays are (..., k) for k alternatives, so one release and a thousand simulated ones go through the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WORSE = {2.0: 0.45, 4.0: 0.2, 10.0: 0.35}
"""Alternatives against "no worse", so many times the control's rate, with their weights: a doubling is the slowest to
show and a tenfold rise the most urgent; what lies between is found soon with either."""
AS_GOOD = dict.fromkeys((0.25, 0.5, 0.7, 0.85, 1.0), 0.2)
"""Alternatives against "too much worse"."""


@dataclass(frozen=True, slots=True, eq=False)
class RateRatio:
    """An e-process on the ratio of two failure rates.

    Args:
        tolerated: the ratio of the hypothesis that evidence is gathered against.
        alternatives: ratios that it is weighed against; all above `tolerated` for "worse", all below for "as good".
        weights: of the alternatives, of 1 together.
        logs: (..., k) log likelihood ratios so far.
    """

    tolerated: float
    alternatives: tuple[float, ...]
    weights: tuple[float, ...]
    logs: Floats

    @classmethod
    def worse(cls, tolerated: float = 1.0, shape: Sequence[int] = ()) -> Self:
        """Evidence that the new arm fails more than `tolerated` times as often."""
        ratios = tuple(tolerated * ratio for ratio in WORSE)
        return cls(tolerated, ratios, tuple(WORSE.values()), np.zeros((*shape, len(ratios))))

    @classmethod
    def as_good(cls, margin: float, shape: Sequence[int] = ()) -> Self:
        """Evidence that the new arm fails less than `margin` times as often, where `margin` is above 1."""
        return cls(margin, tuple(AS_GOOD), tuple(AS_GOOD.values()), np.zeros((*shape, len(AS_GOOD))))

    def see(self, new: Floats | int, control: Floats | int, share: Floats | float) -> Self:
        """After more failures.

        Args:
            new: failures of the new arm, (...).
            control: failures of the control, (...).
            share: the new arm's share of the requests among which these failures occurred, 0 to 1 exclusive, (...).
        """
        part = np.asarray(share, np.float64)[..., None]
        null = _chance(part, self.tolerated)
        other = _chance(part, np.array(self.alternatives))
        new_, control_ = (np.asarray(n, np.float64)[..., None] for n in (new, control))
        gained = new_ * np.log(other / null) + control_ * np.log((1 - other) / (1 - null))
        return replace(self, logs=self.logs + gained)

    @property
    def log_e(self) -> Floats:
        """(...) logarithm of the e-value: the weighed mean over the alternatives."""
        top = self.logs.max(axis=-1)
        found: Floats = top + np.log(np.exp(self.logs - top[..., None]) @ np.array(self.weights))
        return found

    def rejects(self, alpha: float) -> NDArray[np.bool_]:
        """(...) whether the hypothesis is rejected now."""
        rejected: NDArray[np.bool_] = self.log_e >= -np.log(alpha)
        return rejected


def _chance(share: Floats, ratio: Floats | float) -> Floats:
    """That a failure is the new arm's, (..., k)."""
    weighed: Floats = share * ratio / (share * ratio + 1 - share)
    return weighed


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """Finds that a failure rate rose, where no control runs beside: the Shiryaev-Roberts e-detector.

    On a healthy stream an alarm at `threshold` comes after `threshold` looks on average at the earliest. Source: J. Shin,
    A. Ramdas, A. Rinaldo, E-detectors (2022).

    Args:
        rate: the rate that is promised.
        logs: (..., k) logarithms, one for each of `TIMES` times that rate.
    """

    rate: float
    logs: Floats

    TIMES = (2.0, 4.0, 10.0)

    @classmethod
    def of(cls, rate: float, shape: Sequence[int] = ()) -> Self:
        """A detector that has seen nothing."""
        return cls(rate, np.full((*shape, len(cls.TIMES)), -np.inf))

    def see(self, requests: Floats | int, failures: Floats | int) -> Self:
        """After more requests, (...) each; they count as one look."""
        raised = np.minimum(self.rate * np.array(self.TIMES), 0.99)
        failed = np.asarray(failures, np.float64)[..., None]
        passed = np.asarray(requests, np.float64)[..., None] - failed
        gained = failed * np.log(raised / self.rate) + passed * np.log((1 - raised) / (1 - self.rate))
        return replace(self, logs=np.logaddexp(self.logs, 0.0) + gained)

    @property
    def log_e(self) -> Floats:
        """(...) logarithm of the detector's value."""
        top = self.logs.max(axis=-1)
        safe = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            found: Floats = safe + np.log(np.exp(self.logs - safe[..., None]).mean(axis=-1))
        return found

    def alarms(self, threshold: float) -> NDArray[np.bool_]:
        """(...) whether it says that the rate rose."""
        found: NDArray[np.bool_] = self.log_e >= np.log(threshold)
        return found
