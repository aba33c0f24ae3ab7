"""What is counted of the two arms of a release, in sums that can be added up.

One `Tally` holds what one arm did while the shares stood still; a gate gets the tallies of all stages in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from cmo.delivery.means import Moments


class Metric(StrEnum):
    """What gates look at."""

    ERRORS = "errors"
    """Requests that ended in an error."""
    SLOW = "slow"
    """Answers slower than the limit that was set when the release began."""
    REFUSALS = "refusals"
    """Questions that were refused for thin evidence."""
    SUPPORT = "support"
    """How well an answer's sentences are supported, 0 to 1."""
    CITATIONS = "citations"
    """Share of an answer's sentences with a valid citation, 0 to 1."""
    RATING = "rating"
    """What users say, 0 to 1."""
    COST = "cost"
    """Money an answer takes."""
    LATENCY = "latency"
    """Milliseconds an answer takes."""


COUNTS = frozenset({Metric.ERRORS, Metric.SLOW, Metric.REFUSALS})
"""Metrics that are counts of bad events; the others are means."""


def _nothing() -> dict[Metric, Moments]:
    return {}


@dataclass(frozen=True, slots=True)
class Tally:
    """What one arm did. Arrays of one shape in all fields: () for a release, (runs,) for simulated ones."""

    requests: np.ndarray = field(default_factory=lambda: np.zeros(()))
    events: dict[Metric, np.ndarray] = field(default_factory=dict)
    """Bad events by metric."""
    scores: dict[Metric, Moments] = field(default_factory=_nothing)

    def count(self, metric: Metric) -> np.ndarray:
        """Bad events of a kind."""
        return self.events.get(metric, np.zeros_like(self.requests))

    def moments(self, metric: Metric) -> Moments:
        """Scores of a kind."""
        return self.scores.get(metric, Moments.none(self.requests.shape))


@dataclass(frozen=True, slots=True)
class Window:
    """Both arms over a stretch in which the shares stood still."""

    share: float | np.ndarray
    """Of the new arm, 0 to 1; where it is 0 or 1 nobody runs beside."""
    new: Tally
    control: Tally
