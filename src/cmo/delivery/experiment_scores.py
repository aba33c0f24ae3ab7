"""What was seen of the users of an experiment, in columns, and its sums by user.

::

    rows as they were kept --Scores.of--> columns --one unit a score--> Moments of an arm

A user who asks ten questions is one user: answers to one person resemble each other, and counting them as ten makes
every interval too narrow. So an arm's mean is a ratio of two sums over its users, and each user weighs in with its
linear part (the delta method: A. Deng, U. Knoblich, J. Lu, Applying the delta method in metric analytics, 2018).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cmo.delivery.arms import COUNTS, Metric
from cmo.delivery.means import Moments

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one answer, or said of it later."""

    at: float
    arm: str
    unit: str
    answer: str
    """Which answer it is about: what comes later is put to what was there."""
    values: Mapping[Metric, float] = field(default_factory=dict)
    prior: float | None = None
    """What the control is worth on the same question, where it was asked: the arms cannot move it."""
    part: str = ""
    """Of the traffic, such as a kind of question."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Answers in columns, by time; what is not known is nan."""

    arms: tuple[str, ...]
    parts: tuple[str, ...]
    at: Floats
    arm: Ints
    unit: Ints
    part: Ints
    values: Mapping[Metric, Floats]
    prior: Floats

    @classmethod
    def of(cls, seen: Iterable[Seen], arms: Sequence[str]) -> Self:
        """Put what was seen together by answer, in any order; of arms that the experiment has."""
        rows, known = _Rows(), {name: number for number, name in enumerate(arms)}
        for one in seen:
            if one.arm in known:
                rows.add(one, known[one.arm])
        order = np.argsort(np.array(rows.at), kind="stable")
        names = sorted(rows.parts)
        rank = np.array([names.index(name) for name in rows.parts], np.int64)
        return cls(
            tuple(arms),
            tuple(names),
            np.array(rows.at)[order],
            np.array(rows.arm, np.int64)[order],
            np.array(rows.unit, np.int64)[order],
            rank[np.array(rows.part, np.int64)][order] if names else np.zeros(0, np.int64),
            {metric: np.array(column)[order] for metric, column in rows.values.items()},
            np.array(rows.prior)[order],
        )

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """Some of them."""
        values = {metric: column[mask] for metric, column in self.values.items()}
        return type(self)(
            self.arms, self.parts, self.at[mask], self.arm[mask], self.unit[mask], self.part[mask], values,
            self.prior[mask],
        )  # fmt: skip

    def until(self, at: float) -> Self:
        """Those that were there at a time."""
        return self.where(self.at <= at)

    def units(self) -> tuple[int, ...]:
        """Users of each arm who were answered."""
        return tuple(len(np.unique(self.unit[self.arm == number])) for number in range(len(self.arms)))

    def moments(self, metric: Metric, *, adjusted: bool = True) -> tuple[Moments, ...]:
        """Of each arm, a user a score; with the covariate, where there is one."""
        values = self.values[metric]
        known = ~np.isnan(values)
        prior = np.where(np.isnan(self.prior), _mean(self.prior), self.prior) if adjusted else np.zeros_like(values)
        return tuple(
            _by_unit(self.unit[mask], values[mask], prior[mask])
            for mask in (known & (self.arm == number) for number in range(len(self.arms)))
        )

    def struck(self, metric: Metric) -> tuple[int, ...]:
        """Users of each arm to whom something bad happened at least once."""
        assert metric in COUNTS
        bad = np.nan_to_num(self.values[metric]) > 0
        return tuple(len(np.unique(self.unit[bad & (self.arm == number)])) for number in range(len(self.arms)))


def _by_unit(unit: Ints, values: Floats, prior: Floats) -> Moments:
    """One score a unit: the arm's ratio, and the unit's linear part in it."""
    if not len(unit):
        return Moments.none()
    _, place = np.unique(unit, return_inverse=True)
    asked = np.bincount(place).astype(np.float64)
    return Moments.of(*(_linear(np.bincount(place, column).astype(np.float64), asked) for column in (values, prior)))


def _linear(total: Floats, asked: Floats) -> Floats:
    ratio = total.sum() / asked.sum()
    found: Floats = ratio + (total - ratio * asked) / asked.mean()
    return found


def _mean(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(known.mean()) if len(known) else 0.0


class _Rows:
    """Columns that grow; eight bytes a cell, as there may be a million answers."""

    def __init__(self) -> None:
        self.at, self.prior = array("d"), array("d")
        self.arm, self.unit, self.part = array("q"), array("q"), array("q")
        self.values = {metric: array("d") for metric in Metric}
        self.parts: dict[str, int] = {}
        self._answers: dict[str, int] = {}
        self._units: dict[str, int] = {}

    def add(self, one: Seen, arm: int) -> None:
        """Put to what is known of an answer."""
        place = self._answers.setdefault(one.answer, len(self.at))
        if place == len(self.at):
            self._begin(one, arm)
        self.at[place] = min(self.at[place], one.at)
        for metric, value in one.values.items():
            self.values[metric][place] = value
        if one.prior is not None:
            self.prior[place] = one.prior
        if one.part:
            self.part[place] = self.parts.setdefault(one.part, len(self.parts))

    def _begin(self, one: Seen, arm: int) -> None:
        self.at.append(one.at)
        self.arm.append(arm)
        self.unit.append(self._units.setdefault(one.unit, len(self._units)))
        self.part.append(self.parts.setdefault(one.part, len(self.parts)))
        self.prior.append(math.nan)
        for column in self.values.values():
            column.append(math.nan)
