"""Sums of answers, as they are stored, and the windows that gates look at.

::

    sums of a stretch, by process --added--> sums by arm --window--> what one gate sees of both
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cmo.delivery.arms import Metric, Tally, Window
from cmo.delivery.means import Moments
from cmo.delivery.observed import edge_of, nothing
from cmo.model.delivery import Facts


def added(all_sums: Sequence[Facts]) -> dict[str, Any]:
    """Sums of sums."""
    total = nothing()
    for sums in all_sums:
        for name in ("requests", "made", "errors", "refusals"):
            total[name] += int(sums.get(name, 0))
        total["latency"] = summed([total["latency"], sums.get("latency", {})])
        for metric, row in sums.get("scores", {}).items():
            before = total["scores"].get(metric, (0, 0.0, 0.0))
            total["scores"][metric] = tuple(a + b for a, b in zip(before, row, strict=True))
    return total


def window(metric: Metric, new: Facts, control: Facts, slow: float, price: float) -> Window:
    """What a gate on a metric looks at: sums of both arms, told in what slow (seconds) and dear (dollars) mean by now."""
    mine, theirs = (_tally(metric, sums, slow, price) for sums in (new, control))
    both = float(mine.requests + theirs.requests)
    return Window(float(mine.requests) / both if both else 0.0, mine, theirs)


def _tally(metric: Metric, sums: Facts, slow: float, price: float) -> Tally:
    if metric is Metric.SLOW:
        late = sum(n for bucket, n in sums["latency"].items() if slow and edge_of(int(bucket)) > slow)
        return Tally(np.asarray(float(sums["made"] if slow else 0)), {metric: np.asarray(float(late))})
    if metric in {Metric.ERRORS, Metric.REFUSALS}:
        return Tally(np.asarray(float(sums["requests"])), {metric: np.asarray(float(sums[metric.value]))})
    n, y, yy = sums["scores"].get(metric.value, (0, 0.0, 0.0))
    if metric is Metric.COST:
        n, y, yy = (n, y / price, yy / price**2) if price else (0, 0.0, 0.0)
    moments = Moments(*(np.asarray(float(v)) for v in (n, y, yy, 0, 0, 0)))
    return Tally(np.asarray(float(sums["made"])), {}, {metric: moments})


def summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Counts by key, added up."""
    found: dict[str, int] = {}
    for count in counts:
        for key, n in count.items():
            found[key] = found.get(key, 0) + int(n)
    return found


def p95(latencies: Mapping[str, int]) -> float:
    """Seconds within which 95 of 100 answers came, from their steps of latency."""
    left = 0.95 * sum(latencies.values())
    for bucket in sorted(map(int, latencies)):
        left -= latencies[str(bucket)]
        if left <= 0:
            return edge_of(bucket)
    return edge_of(max(map(int, latencies)))
