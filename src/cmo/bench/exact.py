"""Exact intervals of shares (Clopper and Pearson, 1934): whatever the true share, they hold it as often as they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the exact interval; 0 to 1 where there are none to count."""

    value: float
    low: float
    high: float
    count: int
    of: int


def share(count: int, of: int, level: float = 0.95) -> Share:
    """A share with its two-sided interval."""
    beyond = (1 - level) / 2
    value = count / of if of else 0.0
    return Share(round(value, 4), round(lower(count, of, beyond), 4), round(upper(count, of, beyond), 4), count, of)


def upper(count: int, of: int, delta: float) -> float:
    """The share above which so few as `count` would have a chance of less than `delta`."""
    return 1.0 if count >= of else _crossing(lambda p: at_most(count, of, p) <= delta)


def lower(count: int, of: int, delta: float) -> float:
    """The share below which so many as `count` would have a chance of less than `delta`."""
    return 0.0 if count <= 0 else _crossing(lambda p: 1 - at_most(count - 1, of, p) >= delta)


def at_most(count: int, of: int, chance: float) -> float:
    """P(at most `count` of `of`), each with the same chance."""
    if chance <= 0 or count >= of:
        return 1.0
    if chance >= 1:
        return 0.0
    whole = math.lgamma(of + 1)
    yes, no = math.log(chance), math.log1p(-chance)
    terms = (
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * yes + (of - k) * no)
        for k in range(count + 1)
    )
    return min(1.0, math.fsum(terms))


def _crossing(true_above: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if true_above(middle) else (middle, high)
    return (low + high) / 2
