"""What a metric is: a name with its unit, what it counts, and the values that its labels may take.

Every label has an end: either the values are known, or there is a most of them. What is beyond is counted as ``other``,
so that nobody can fill the memory, or Prometheus, by asking for names that do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

OTHER: Final = "other"
"""The value of a label whose own value is none of those that it may take."""
Allowed = tuple[str, ...] | int
"""The values that a label may take; or, where they are not known beforehand, how many of them."""

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 30.0)
"""Bounds of durations: each threshold of the alerts is one of them, so that none is guessed between two."""
SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    """Only grows."""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Merge(StrEnum):
    """What several workers' gauges come to."""

    SUM = "sum"
    """Each has its own."""
    MAX = "max"
    """All look at the same thing, or the worst one counts."""
    MIN = "min"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str
    kind: Kind
    help: str
    """One line; ends with a full stop."""
    labels: Mapping[str, Allowed] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    """Upper bounds, of a histogram; one without an end is added."""
    merge: Merge = Merge.SUM
    """Of a gauge, over workers."""

    @property
    def unit(self) -> str:
        """Base unit, as the name tells it; empty for plain numbers."""
        stem = self.name.removesuffix("_total").removesuffix("_info")
        return next((unit for unit in ("seconds", "bytes", "ratio", "dollars") if stem.endswith(f"_{unit}")), "")


def counter(name: str, help: str, **labels: Allowed) -> Metric:  # noqa: A002 - what Prometheus calls it
    """A number that only grows."""
    return Metric(name, Kind.COUNTER, help, labels)


def gauge(name: str, help: str, merge: Merge = Merge.SUM, **labels: Allowed) -> Metric:  # noqa: A002
    """A number that goes up and down."""
    return Metric(name, Kind.GAUGE, help, labels, merge=merge)


def histogram(name: str, help: str, buckets: tuple[float, ...] = SECONDS, **labels: Allowed) -> Metric:  # noqa: A002
    """How often a number was how large."""
    return Metric(name, Kind.HISTOGRAM, help, labels, buckets)
