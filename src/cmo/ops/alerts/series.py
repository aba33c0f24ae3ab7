"""Counters and levels as they were at some moments, so that a share over five minutes can be told without Prometheus.

::

    samples --fold--> sums that never fall (a counter that begins anew counts on) --thinned with age--> looks

It keeps each look of the last ten minutes, one a minute of the last six hours, one a quarter of an hour of three days.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import isnan, nan
from typing import Final

from cmo.ops.catalogue import BY_NAME
from cmo.ops.counts import State

Labels = frozenset[tuple[str, str]]
Key = tuple[str, Labels]

_COUNTED: Final = ("_total", "_count", "_sum", "_bucket")
_AGES: Final = ((600.0, 0.0), (6 * 3600.0, 60.0), (3 * 86_400.0, 900.0))
"""Up to which age in seconds, how far apart looks are kept."""
_THINNED_EVERY: Final = 60
"""Looks."""
_MOST_SERIES: Final = 20_000
"""Of one look: what labels make beyond it is not counted, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of what is exposed."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Match:
    """A condition on a label: ``=``, ``!=``, ``=~`` or ``!~`` as PromQL has them."""

    label: str
    how: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; a missing label is an empty one."""
        found = labels.get(self.label, "")
        same = bool(re.fullmatch(self.value, found)) if "~" in self.how else found == self.value
        return same is not self.how.startswith("!")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.label}{self.how}"{value}"'


@dataclass(frozen=True, slots=True)
class Series:
    """Series of one metric whose labels match."""

    name: str
    where: tuple[Match, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}{{{','.join(map(str, self.where))}}}" if self.where else self.name

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels is one of them."""
        return all(match.holds(labels) for match in self.where)

    def over(self, seconds: float) -> str:
        """The same over a time, as PromQL."""
        return f"{self}[{spoken(seconds)}]"

    def such(self, *where: Match) -> Series:
        """Fewer of them."""
        return Series(self.name, self.where + where)

    def part(self, suffix: str) -> Series:
        """A part of a histogram: ``_bucket``, ``_count`` or ``_sum``."""
        return Series(self.name + suffix, self.where)


def samples(state: State) -> Iterator[Sample]:
    """Counts as Prometheus would read them."""
    for (name, told), value in state.numbers.items():
        yield Sample(name, frozenset(zip(BY_NAME[name].labels, told, strict=True)), value)
    for (name, told), spread in state.spreads.items():
        metric = BY_NAME[name]
        labels = frozenset(zip(metric.labels, told, strict=True))
        bounds = [*map(str, metric.buckets), "+Inf"]
        for bound, count in zip(bounds, accumulate(spread.counts), strict=True):
            yield Sample(f"{name}_bucket", labels | {("le", bound)}, count)
        yield Sample(f"{name}_count", labels, spread.count)
        yield Sample(f"{name}_sum", labels, spread.total)


def series(name: str, **where: str) -> Series:
    """Some series: ``series("x_total", status="~5..", kind="!probe")``."""
    return Series(name, tuple(_match(label, value) for label, value in where.items()))


def spoken(seconds: float) -> str:
    """A time as PromQL has it, in the largest unit that is whole: ``5m``."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


class Looks:
    """Looks, oldest first. One thread writes and reads it.

    Args:
        wanted: what is kept of each; all else is passed over.
    """

    def __init__(self, wanted: Iterable[Series]) -> None:
        self._wanted: dict[str, list[Series]] = {}
        for one in wanted:
            self._wanted.setdefault(one.name, []).append(one)
        self._places: dict[Key, int] = {}
        self._passed: set[Key] = set()
        self._raw: dict[Key, float] = {}
        self._looks: list[tuple[float, array[float]]] = []
        self._count = 0
        self._found: dict[Series, list[tuple[Labels, int]]] = {}

    def __len__(self) -> int:
        return len(self._looks)

    def add(self, at: float, samples: Iterable[Sample]) -> None:
        """One more look, at so many monotonic seconds."""
        # A counter that is gone for a moment keeps what it came to; a level that is gone is none.
        before = self._looks[-1][1] if self._looks else array("d")
        values = array("d", [now if counts(key[0]) else nan for key, now in zip(self._places, before, strict=False)])
        values.extend([nan] * (len(self._places) - len(values)))
        for sample in samples:
            key = sample.name, sample.labels
            place = self._place(key)
            if place is None:
                continue
            values.extend([nan] * (place + 1 - len(values)))
            values[place] = self._counted(key, sample.value, values[place]) if counts(key[0]) else sample.value
        self._looks.append((at, values))
        self._count += 1
        if self._count % _THINNED_EVERY == 0:
            self._thin(at)

    def now(self, wanted: Series) -> dict[Labels, float]:
        """What stands there now."""
        values = self._looks[-1][1] if self._looks else array("d")
        there = [(labels, place) for labels, place in self._chosen(wanted) if place < len(values)]
        return {labels: values[place] for labels, place in there if not isnan(values[place])}

    def increase(self, wanted: Series, seconds: float) -> dict[Labels, float]:
        """By how much counters rose over a time, or since the first look where that is later."""
        if not self._looks:
            return {}
        last, values = self._looks[-1]
        began = self._looks[bisect_left(self._looks, last - seconds, key=lambda look: look[0])][1]
        return {labels: _at(values, place) - _at(began, place) for labels, place in self._chosen(wanted)}

    def _place(self, key: Key) -> int | None:
        if key in self._places:
            return self._places[key]
        if key in self._passed or key[0] not in self._wanted:
            return None
        wanted = any(one.takes(dict(key[1])) for one in self._wanted[key[0]])
        if not wanted or len(self._places) >= _MOST_SERIES:
            if len(self._passed) < _MOST_SERIES:
                self._passed.add(key)
            return None
        self._places[key] = place = len(self._places)
        self._found.clear()
        return place

    def _counted(self, key: Key, value: float, before: float) -> float:
        raw = self._raw.get(key)
        self._raw[key] = value
        if not self._looks:
            return 0.0
        if raw is None:
            return value
        return before + (value - raw if value >= raw else value)

    def _chosen(self, wanted: Series) -> list[tuple[Labels, int]]:
        if wanted not in self._found:
            self._found[wanted] = [
                (labels, place)
                for (name, labels), place in self._places.items()
                if name == wanted.name and wanted.takes(dict(labels))
            ]
        return self._found[wanted]

    def _thin(self, now: float) -> None:
        kept: list[tuple[float, array[float]]] = []
        for look in self._looks:
            apart = next((apart for age, apart in _AGES if now - look[0] <= age), None)
            if apart is None:
                continue
            if not kept or not apart or look[0] // apart != kept[-1][0] // apart:
                kept.append(look)
        self._looks = kept


def counts(name: str) -> bool:
    """Whether a series only rises."""
    return name.endswith(_COUNTED)


def _at(values: array[float], place: int) -> float:
    """A counter that was not there yet had come to nothing."""
    value = values[place] if place < len(values) else nan
    return 0.0 if isnan(value) else value


def _match(label: str, value: str) -> Match:
    denied, value = value.startswith("!"), value.removeprefix("!")
    alike, value = value.startswith("~"), value.removeprefix("~")
    how = {(False, False): "=", (True, False): "!=", (False, True): "=~", (True, True): "!~"}[denied, alike]
    return Match(label, how, value)
