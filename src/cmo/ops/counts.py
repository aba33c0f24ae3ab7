"""The numbers of one process, and those of several together.

::

    add, observe --> Counts --state()--> State --merged with those of other workers--> State --> /metrics

Plain dictionaries behind one lock: a count costs half a microsecond. The multi-process mode of prometheus-client keeps
each number in a shared file instead; that costs three times as much, knows no exemplars, and no gauges that are read
when somebody asks (docs/explanation/observing.md has the figures). What several workers tell is exchanged as whole states.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import add
from typing import Any, Final

import orjson

from cmo.ops.catalogue import BY_NAME
from cmo.ops.metric import OTHER, Kind, Merge, Metric

Key = tuple[str, tuple[str, ...]]
"""A metric by name, and the values of its labels in their order."""
Row = dict[str, Any]
"""Plain values by name."""
_MERGES: Final[dict[Merge, Callable[[float, float], float]]] = {Merge.SUM: add, Merge.MAX: max, Merge.MIN: min}


@dataclass(slots=True)
class Spread:
    """A histogram's numbers."""

    counts: list[int]
    """By bucket, each without those before it; the last one has no end."""
    total: float = 0.0
    examples: dict[int, tuple[str, float, float]] = field(default_factory=dict)
    """By bucket: a trace, the value that it had, and when (since 1970)."""

    @property
    def count(self) -> int:
        """Of all buckets."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class State:
    """Numbers at one moment."""

    numbers: dict[Key, float] = field(default_factory=dict)
    spreads: dict[Key, Spread] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    """What is no number, by name: the slowest requests, the last refusals."""

    def total(self, metric: Metric, **labels: str) -> float:
        """The sum over all that has these labels; of a histogram how many were observed."""
        wanted = [(place, labels[name]) for place, name in enumerate(metric.labels) if name in labels]
        held: Iterable[tuple[Key, float]] = (
            ((key, float(spread.count)) for key, spread in self.spreads.items())
            if metric.kind is Kind.HISTOGRAM
            else self.numbers.items()
        )
        return sum(
            value
            for (name, told), value in held
            if name == metric.name and all(told[place] == said for place, said in wanted)
        )

    def by(self, metric: Metric, label: str) -> dict[str, float]:
        """Sums by the values of one label."""
        place = list(metric.labels).index(label)
        found: dict[str, float] = {}
        for (name, told), value in self.numbers.items():
            if name == metric.name:
                found[told[place]] = found.get(told[place], 0.0) + value
        return found

    def spread(self, metric: Metric, **labels: str) -> Spread:
        """A histogram over all that has these labels."""
        wanted = [(place, labels[name]) for place, name in enumerate(metric.labels) if name in labels]
        whole = Spread([0] * (len(metric.buckets) + 1))
        for (name, told), one in self.spreads.items():
            if name == metric.name and all(told[place] == said for place, said in wanted):
                _join(whole, one)
        return whole

    def lasting(self) -> State:
        """What stays true when the process is gone: all but gauges."""
        kept = {key: value for key, value in self.numbers.items() if BY_NAME[key[0]].kind is Kind.COUNTER}
        return State(kept, self.spreads)

    def encoded(self) -> bytes:
        """As bytes for another process."""
        return orjson.dumps(
            {
                "numbers": [[name, told, value] for (name, told), value in self.numbers.items()],
                "spreads": [
                    [name, told, one.counts, one.total, [[place, *example] for place, example in one.examples.items()]]
                    for (name, told), one in self.spreads.items()
                ],
                "rows": self.rows,
            }
        )


def decoded(data: bytes) -> State:
    """The reverse; metrics that this version does not know are left out.

    Raises:
        ValueError: it is no state.
    """
    try:
        facts: dict[str, Any] = orjson.loads(data)
        numbers = {(name, tuple(told)): float(value) for name, told, value in facts["numbers"] if name in BY_NAME}
        spreads = {
            (name, tuple(told)): Spread(counts, total, {place: (trace, value, at) for place, trace, value, at in shown})
            for name, told, counts, total, shown in facts["spreads"]
            if name in BY_NAME and len(counts) == len(BY_NAME[name].buckets) + 1
        }
        return State(numbers, spreads, dict(facts["rows"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("no numbers of a worker") from error


def merged(states: Iterable[State]) -> State:
    """Several processes' together."""
    whole = State()
    for state in states:
        for key, value in state.numbers.items():
            how = _MERGES[BY_NAME[key[0]].merge]
            whole.numbers[key] = how(whole.numbers[key], value) if key in whole.numbers else value
        for key, one in state.spreads.items():
            _join(whole.spreads.setdefault(key, Spread([0] * len(one.counts))), one)
        for name, rows in state.rows.items():
            whole.rows.setdefault(name, []).extend(rows)
    return whole


class Counts:
    """The numbers of this process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[Key, float] = {}
        self._spreads: dict[Key, Spread] = {}
        self._seen: dict[tuple[str, str], set[str]] = {}
        self._rows: dict[str, list[Row]] = {}

    def add(self, metric: Metric, *labels: str, amount: float = 1.0) -> None:
        """Count."""
        key = (metric.name, labels)
        with self._lock:
            if key not in self._numbers:
                key = self._bounded(metric, labels)
            self._numbers[key] = self._numbers.get(key, 0.0) + amount

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Let a number be what it was found to be: a gauge, or a counter that somebody else keeps."""
        with self._lock:
            self._numbers[self._bounded(metric, labels)] = value

    def forget(self, metric: Metric) -> None:
        """Let a gauge tell nothing any more."""
        with self._lock:
            for key in [key for key in self._numbers if key[0] == metric.name]:
                del self._numbers[key]

    def show(self, name: str, rows: list[Row]) -> None:
        """Let these rows be shown under a name."""
        with self._lock:
            self._rows[name] = rows

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Count how large something was."""
        self.observe_all(metric, [(value, "")], *labels)

    def observe_all(self, metric: Metric, seen: Sequence[tuple[float, str]], *labels: str, at: float = 0.0) -> None:
        """The same of several, each with the trace that is an example of it, seen `at` so many seconds since 1970."""
        key, bounds = (metric.name, labels), metric.buckets
        with self._lock:
            spread = self._spreads.get(key)
            if spread is None:
                key = self._bounded(metric, labels)
                spread = self._spreads.setdefault(key, Spread([0] * (len(bounds) + 1)))
            counts = spread.counts
            places = [bisect_left(bounds, value) for value, _ in seen]
            for place in places:
                counts[place] += 1
            spread.total += sum([value for value, _ in seen])
            for place, (value, trace) in dict(zip(places, seen, strict=True)).items():  # the last one of each bucket
                if trace:
                    spread.examples[place] = trace, value, at

    def state(self) -> State:
        """All of them now."""
        with self._lock:
            spreads = {
                key: Spread(list(one.counts), one.total, dict(one.examples)) for key, one in self._spreads.items()
            }
            return State(dict(self._numbers), spreads, dict(self._rows))

    def _bounded(self, metric: Metric, labels: tuple[str, ...]) -> Key:
        """A key with `other` for each value of a label that it may not take."""
        if len(labels) != len(metric.labels):
            raise TypeError(f"{metric.name} has the labels {', '.join(metric.labels) or 'none'}")
        return metric.name, tuple(
            value if self._may(metric.name, label, allowed, value) else OTHER
            for (label, allowed), value in zip(metric.labels.items(), labels, strict=True)
        )

    def _may(self, name: str, label: str, allowed: tuple[str, ...] | int, value: str) -> bool:
        if isinstance(allowed, tuple):
            return value in allowed
        seen = self._seen.setdefault((name, label), set())
        if value not in seen and len(seen) < allowed:
            seen.add(value)
        return value in seen


def _join(whole: Spread, one: Spread) -> None:
    for place, count in enumerate(one.counts):
        whole.counts[place] += count
    whole.total += one.total
    for place, example in one.examples.items():
        if place not in whole.examples or whole.examples[place][2] < example[2]:
            whole.examples[place] = example
