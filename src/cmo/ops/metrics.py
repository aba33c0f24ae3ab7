"""Numbers as Prometheus reads them: its text format, and OpenMetrics, where examples carry the ids of traces."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import Metric as Family
from prometheus_client import exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from cmo.ops.catalogue import METRICS
from cmo.ops.counts import Spread, State
from cmo.ops.metric import Kind, Metric

_ALWAYS: Final = frozenset(metric.name for metric in METRICS if metric.kind is not Kind.GAUGE and not metric.labels)
"""Told from the beginning, as 0: an alert cannot tell what was never counted from what is not there."""


def told(state: State, accept: str = "") -> tuple[bytes, str]:
    """Numbers as text, and of which media type, by what a reader accepts."""
    encode, media = exposition.choose_encoder(accept)
    return encode(_Told(state)), media


class _Told(Collector):
    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Family]:
        """One family for each metric that has something to tell."""
        numbers: dict[str, list[tuple[tuple[str, ...], float]]] = {}
        for (name, labels), value in self._state.numbers.items():
            numbers.setdefault(name, []).append((labels, value))
        spreads: dict[str, list[tuple[tuple[str, ...], Spread]]] = {}
        for (name, labels), spread in self._state.spreads.items():
            spreads.setdefault(name, []).append((labels, spread))
        for metric in METRICS:
            if metric.kind is Kind.HISTOGRAM:
                held = spreads.get(metric.name, [])
                if held or metric.name in _ALWAYS:
                    yield _histogram(metric, held or [((), Spread([0] * (len(metric.buckets) + 1)))])
            elif (found := numbers.get(metric.name)) or metric.name in _ALWAYS:
                yield _plain(metric, found or [((), 0.0)])


def _plain(metric: Metric, held: list[tuple[tuple[str, ...], float]]) -> Family:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.name.removesuffix("_total"), metric.help, labels=list(metric.labels), unit=metric.unit)
    for labels, value in sorted(held):
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, held: list[tuple[tuple[str, ...], Spread]]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=list(metric.labels), unit=metric.unit)
    bounds = [*map(str, metric.buckets), "+Inf"]
    for labels, spread in sorted(held, key=lambda pair: pair[0]):
        buckets = [
            (bound, float(count), _example(spread, place))
            for place, (bound, count) in enumerate(zip(bounds, accumulate(spread.counts), strict=True))
        ]
        family.add_metric(labels, buckets, spread.total)  # type: ignore[arg-type]
    return family


def _example(spread: Spread, place: int) -> Exemplar | None:
    found = spread.examples.get(place)
    return None if found is None else Exemplar({"trace_id": found[0]}, found[1], found[2])
