"""What is watched, each written once and told twice: as PromQL for Prometheus, as a figure for the watcher in the service.

::

    Share 5xx of all over 5 m, of 20 at least --promql--> sum(increase(…[5m])) / sum(increase(…[5m])) and … >= 20
                                              `-figures-> {"": 0.031}

Figures come by the value of one label where a signal is told apart by it, such as the release; else there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from cmo.ops.alerts.series import Labels, Looks, Match, Series

Figures = Mapping[str, float]
_LEAST: Final = 20
"""Requests below which nothing is said of them: three that fail are no rate."""


class Signal(Protocol):
    """Something that is watched."""

    @property
    def by(self) -> str:
        """The label by which it is told apart; empty where it is not."""
        ...

    def series(self) -> tuple[Series, ...]:
        """What is looked at."""
        ...

    def promql(self) -> str:
        """The figure, for Prometheus."""
        ...

    def guard(self) -> str:
        """What must hold besides, for Prometheus; empty where nothing must."""
        ...

    def figures(self, looks: Looks) -> Figures:
        """The same from what the service itself saw; nothing where too little happened."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some events are of a kind, 0 to 1."""

    part: Series
    whole: Series
    seconds: float = 300
    least: float = _LEAST
    by: str = ""
    lacking: bool = False
    """Whether the kind may be lacking altogether, and that matters: else a share is told once it is above 0."""

    def series(self) -> tuple[Series, ...]:
        """What is looked at."""
        return self.part, self.whole

    def promql(self) -> str:
        """The figure, for Prometheus."""
        part, whole = self._risen(self.part), self._risen(self.whole)
        return f"({part} or 0 * {whole}) / {whole}" if self.lacking else f"{part} / {whole}"

    def guard(self) -> str:
        """There must be events enough."""
        return f"{self._risen(self.whole)} >= {self.least:g}"

    def figures(self, looks: Looks) -> Figures:
        """The same from what the service itself saw."""
        part = _summed(looks.increase(self.part, self.seconds), self.by)
        whole = _summed(looks.increase(self.whole, self.seconds), self.by)
        told = whole if self.lacking else part
        return {key: part.get(key, 0.0) / count for key, count in whole.items() if count >= self.least and key in told}

    def _risen(self, of: Series) -> str:
        return f"{_sum(self.by)}(increase({of.over(self.seconds)}))"


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of what a histogram counted."""

    of: Series
    seconds: float = 300
    least: float = _LEAST
    by: str = ""

    def series(self) -> tuple[Series, ...]:
        """What is looked at."""
        return self._share().series()

    def promql(self) -> str:
        """The figure, for Prometheus."""
        return self._share().promql()

    def guard(self) -> str:
        """There must be events enough."""
        return self._share().guard()

    def figures(self, looks: Looks) -> Figures:
        """The same from what the service itself saw."""
        return self._share().figures(looks)

    def _share(self) -> Share:
        return Share(self.of.part("_sum"), self.of.part("_count"), self.seconds, self.least, self.by)


@dataclass(frozen=True, slots=True)
class Quantile:
    """The value that a share of what a histogram counted does not exceed."""

    share: float
    of: Series
    seconds: float = 300
    least: float = _LEAST
    by: str = ""

    def series(self) -> tuple[Series, ...]:
        """What is looked at."""
        return self.of.part("_bucket"), self.of.part("_count")

    def promql(self) -> str:
        """The figure, for Prometheus."""
        labels = f"le, {self.by}" if self.by else "le"
        buckets = self.of.part("_bucket").over(self.seconds)
        return f"histogram_quantile({self.share:g}, sum by ({labels}) (rate({buckets})))"

    def guard(self) -> str:
        """There must be events enough."""
        return f"{_sum(self.by)}(increase({self.of.part('_count').over(self.seconds)})) >= {self.least:g}"

    def figures(self, looks: Looks) -> Figures:
        """The same from what the service itself saw, between two bounds as Prometheus does it."""
        buckets: dict[str, dict[float, float]] = {}
        for labels, rise in looks.increase(self.of.part("_bucket"), self.seconds).items():
            told = dict(labels)
            row = buckets.setdefault(told.get(self.by, ""), {})
            bound = float(told["le"])
            row[bound] = row.get(bound, 0.0) + rise
        found = {key: quantile(self.share, row) for key, row in buckets.items() if max(row.values()) >= self.least}
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Level:
    """What something is now."""

    of: Series
    how: Literal["max", "min", "sum"] = "max"
    by: str = ""

    def series(self) -> tuple[Series, ...]:
        """What is looked at."""
        return (self.of,)

    def promql(self) -> str:
        """The figure, for Prometheus."""
        return f"{self.how}{f' by ({self.by}) ' if self.by else ''}({self.of})"

    def guard(self) -> str:
        """Nothing must hold besides."""
        return ""

    def figures(self, looks: Looks) -> Figures:
        """The same from what the service itself saw."""
        rows = _grouped(looks.now(self.of), self.by)
        if self.how == "sum":
            return {key: sum(values) for key, values in rows.items()}
        return {key: max(values) if self.how == "max" else min(values) for key, values in rows.items()}


@dataclass(frozen=True, slots=True)
class Rise:
    """By how much a counter rose."""

    of: Series
    seconds: float = 300
    by: str = ""

    def series(self) -> tuple[Series, ...]:
        """What is looked at."""
        return (self.of,)

    def promql(self) -> str:
        """The figure, for Prometheus."""
        return f"{_sum(self.by)}(increase({self.of.over(self.seconds)}))"

    def guard(self) -> str:
        """Nothing must hold besides."""
        return ""

    def figures(self, looks: Looks) -> Figures:
        """The same from what the service itself saw."""
        return _summed(looks.increase(self.of, self.seconds), self.by)


@dataclass(frozen=True, slots=True)
class Fall:
    """By what share the mean of a time is below that of a longer one."""

    now: Mean
    before: Mean

    @property
    def by(self) -> str:
        """The label by which it is told apart."""
        return self.now.by

    def series(self) -> tuple[Series, ...]:
        """What is looked at."""
        return self.now.series() + self.before.series()

    def promql(self) -> str:
        """The figure, for Prometheus."""
        return f"1 - ({self.now.promql()}) / ({self.before.promql()})"

    def guard(self) -> str:
        """There must be events enough, lately and before."""
        return f"{self.now.guard()} and {self.before.guard()}"

    def figures(self, looks: Looks) -> Figures:
        """The same from what the service itself saw."""
        now, before = self.now.figures(looks), self.before.figures(looks)
        return {key: 1 - now[key] / value for key, value in before.items() if value > 0 and key in now}


@dataclass(frozen=True, slots=True)
class Scraped:
    """What Prometheus alone can see: whether the service is there at all."""

    text: str
    by: str = ""

    def series(self) -> tuple[Series, ...]:
        """What is looked at."""
        return ()

    def promql(self) -> str:
        """The figure, for Prometheus."""
        return self.text

    def guard(self) -> str:
        """Nothing must hold besides."""
        return ""

    def figures(self, looks: Looks) -> Figures:  # noqa: ARG002 - the port's own signature
        """Nothing: who is gone does not see that they are."""
        return {}


@dataclass(frozen=True, slots=True)
class Condition:
    """A signal on the wrong side of a limit."""

    signal: Signal
    limit: float
    below: bool = False

    def promql(self) -> str:
        """The condition, for Prometheus."""
        test = f"{self.signal.promql()} {'<' if self.below else '>'} {self.limit:.12g}"
        guard = self.signal.guard()
        return f"{test} and {guard}" if guard else test

    def held(self, looks: Looks) -> Figures:
        """The figures that are on the wrong side."""
        found = self.signal.figures(looks)
        return {
            key: value for key, value in found.items() if (value < self.limit if self.below else value > self.limit)
        }


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """A quantile of cumulated buckets by their upper bounds, as Prometheus works it out; None where nothing was counted."""
    bounds = sorted(buckets)
    count = buckets[bounds[-1]] if bounds else 0.0
    if not count:
        return None
    rank = share * count
    lower = under = 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank - under) / (buckets[bound] - under)
        lower, under = bound, buckets[bound]
    return lower


def within(of: Series, bound: float) -> Series:
    """Events of a histogram that took no longer: its bucket, whichever way its bound is written."""
    text = f"{bound:g}"
    return of.part("_bucket").such(Match("le", "=~", text if "." in text else rf"{text}(\.0)?"))


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"


def _summed(values: Mapping[Labels, float], by: str) -> dict[str, float]:
    return {key: sum(found) for key, found in _grouped(values, by).items()}


def _grouped(values: Mapping[Labels, float], by: str) -> dict[str, list[float]]:
    rows: dict[str, list[float]] = {}
    for key, value in _keyed(values, by):
        rows.setdefault(key, []).append(value)
    return rows


def _keyed(values: Mapping[Labels, float], by: str) -> Iterator[tuple[str, float]]:
    for labels, value in values.items():
        yield dict(labels).get(by, "") if by else "", value
