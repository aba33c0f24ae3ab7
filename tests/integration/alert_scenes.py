"""For each alert three scenes, as series: it holds, it does not, and it would but hardly anything happened."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cmo.ops.alerts.rule import Rule
from cmo.ops.alerts.series import Match, Sample, Series
from cmo.ops.alerts.signals import Condition, Fall, Level, Mean, Quantile, Rise, Scraped, Share

Scene = Literal["bad", "good", "thin"]
MINUTES = 120
_PER_MINUTE = {"bad": 12.0, "good": 12.0, "thin": 0.1}
_INSTEAD = {"!~/metrics|/api/metrics|/health.*|/live|/ready": "/query", "=~5(0[0-35-9]|[1-9].)": "503", "!=answered": "failed",
            "!=record": "disk", "!=draining": "full", "!=Unattended": "ServiceDown"}  # fmt: skip
"""A value that meets a condition on a label."""


@dataclass(frozen=True)
class Line:
    """One series: it begins at `start` and rises by each step for so many minutes."""

    name: str
    labels: tuple[tuple[str, str], ...]
    start: float
    steps: tuple[tuple[float, int], ...]

    def values(self) -> list[float]:
        told = [self.start]
        for step, minutes in self.steps:
            told += [told[-1] + step * (n + 1) for n in range(minutes)]
        return told

    def written(self) -> dict[str, str]:
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels)
        parts, at = [], self.start
        for n, (step, minutes) in enumerate(self.steps):
            parts.append(f"{at if n == 0 else at + step:.9g}+{step:.9g}x{minutes if n == 0 else minutes - 1}")
            at += step * minutes
        return {"series": f"{self.name}{{{labels}}}", "values": " ".join(parts)}


def scene(rule: Rule, kind: Scene) -> list[Line]:
    """Series in which a rule holds, or does not."""
    lines: dict[tuple[str, tuple[tuple[str, str], ...]], Line] = {}
    for n, condition in enumerate(rule.when):
        last = n == len(rule.when) - 1
        for line in _lines(condition, "bad" if kind == "good" and not last else kind):
            lines[line.name, line.labels] = line
    return list(lines.values())


def guarded(rule: Rule) -> bool:
    """Whether it says nothing where hardly anything happened."""
    return any(condition.signal.guard() for condition in rule.when)


def looks(lines: Sequence[Line]) -> Iterator[list[Sample]]:
    """What is seen each minute."""
    columns = [(line.name, frozenset(line.labels), line.values()) for line in lines]
    for minute in range(MINUTES + 1):
        yield [Sample(name, labels, values[minute]) for name, labels, values in columns]


def _lines(condition: Condition, kind: Scene) -> list[Line]:
    beyond = (kind == "good") == condition.below
    value = (
        condition.limit * (1.05 if beyond else 0.95) if condition.limit > 0 else condition.limit + (1 if beyond else 0)
    )
    value = min(value, 0.5 * (1 + condition.limit)) if condition.limit < 1 else value
    each = _PER_MINUTE[kind]
    signal = condition.signal
    if isinstance(signal, Share):
        return _share(signal, value, each)
    if isinstance(signal, Mean | Rise):
        return _counted(signal, value, each)
    if isinstance(signal, Quantile):
        return _quantile(signal, condition.limit, each, slow=beyond)
    if isinstance(signal, Level):
        labels = _labels(signal.of) + (
            ((signal.by, "this"),) if signal.by and signal.by not in _names(signal.of) else ()
        )
        return [Line(signal.of.name, labels, value, ((0.0, MINUTES),))]
    if isinstance(signal, Fall):
        return _fall(signal, 1 - value, each)
    assert isinstance(signal, Scraped)
    return _scraped(signal, bad=kind != "good")


def _counted(signal: Mean | Rise, value: float, each: float) -> list[Line]:
    labels = _labels(signal.of)
    if isinstance(signal, Rise):
        return [_steady(signal.of.name, labels, 60 * value / signal.seconds)]
    whole, total = signal.of.part("_count").name, signal.of.part("_sum").name
    return [_steady(whole, labels, each), _steady(total, labels, each * value)]


def _share(signal: Share, value: float, each: float) -> list[Line]:
    part, whole = _labels(signal.part), _labels(signal.whole)
    by = ((signal.by, "this"),) if signal.by else ()
    lines = [_steady(signal.part.name, part + by, each * value)]
    if signal.part.name != signal.whole.name:
        return [*lines, _steady(signal.whole.name, whole + by, each)]
    if signal.part.where[0].label == "cache":  # a look begins in memory, and may end there
        return [_steady(signal.part.name, (*part, ("tier", "memory")), each * value),
                _steady(signal.whole.name, (*whole, ("result", "miss")), each * (1 - value))]  # fmt: skip
    other = {match.label: "other" for match in signal.part.where if match not in signal.whole.where}
    rest = dict(part) | other | ({"status": "200"} if "status" in other else {}) | (
        {"outcome": "answered"} if "outcome" in other else {})  # fmt: skip
    return [*lines, _steady(signal.whole.name, tuple(rest.items()) + by, each * (1 - value))]


def _quantile(signal: Quantile, limit: float, each: float, *, slow: bool) -> list[Line]:
    labels = _labels(signal.of)
    fast = signal.share - 0.05 if slow else signal.share + 0.5 * (1 - signal.share)
    name = signal.of.part("_bucket").name
    bounds = ((f"{limit:g}", fast), (f"{2 * limit:g}", 1.0), ("+Inf", 1.0))
    buckets = [_steady(name, (*labels, ("le", bound)), each * share) for bound, share in bounds]
    return [*buckets, _steady(signal.of.part("_count").name, labels, each)]


def _fall(signal: Fall, left: float, each: float) -> list[Line]:
    count, total = signal.now.of.part("_count").name, signal.now.of.part("_sum").name
    # The last half hour weighs in the mean of the whole time as well.
    weight, kept = 30 / MINUTES, left - 0.05 if left < 0.9 else left + 0.05
    before, now = 0.9, 0.9 * kept * (1 - weight) / (1 - kept * weight)
    steps = ((each * before, MINUTES - 30), (each * now, 30))
    return [_steady(count, (), each), Line(total, (), 0.0, steps)]


def _scraped(signal: Scraped, *, bad: bool) -> list[Line]:
    if "ALERTS" in signal.text:
        labels = (("alertname", "ServiceDown"), ("alertstate", "firing"), ("priority", "P0" if bad else "P1"))
        return [Line("ALERTS", labels, 1.0, ((0.0, MINUTES),))]
    if "absent" in signal.text:
        return [Line("up", (("job", "other" if bad else "cmo"),), 1.0, ((0.0, MINUTES),))]
    return [Line("up", (("instance", "here"), ("job", "cmo")), 0.0 if bad else 1.0, ((0.0, MINUTES),))]


def _steady(name: str, labels: tuple[tuple[str, str], ...], step: float) -> Line:
    return Line(name, labels, 0.0, ((step, MINUTES),))


def _labels(of: Series) -> tuple[tuple[str, str], ...]:
    return tuple((match.label, _value(match)) for match in of.where)


def _names(of: Series) -> set[str]:
    return {match.label for match in of.where}


def _value(match: Match) -> str:
    if match.how == "=":
        return match.value
    if match.how + match.value in _INSTEAD:
        return _INSTEAD[match.how + match.value]
    first = match.value.split("|")[0]
    value = re.sub(r"\(\\\.0\)\?$", ".0", first)
    assert match.holds({match.label: value}), match
    return value
