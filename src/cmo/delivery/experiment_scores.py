"""What was seen of the users of an experiment, in columns, and its sums by user.

::

    rows as they were kept --Scores.of--> columns --one unit a score--> Moments of an arm

A user who asks ten questions is one user: answers to one person resemble each other, and counting them as ten makes
every interval too narrow. So an arm's mean is a ratio of two sums over its users, and each user weighs in with its
linear part (the delta method: A. Deng, U. Knoblich, J. Lu, Applying the delta method in metric analytics, 2018).
"""

from __future__ import annotations

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
        """Put what was seen together by answer; of arms that the experiment has."""
        answers: dict[str, dict[str, object]] = {}
        known = {name: number for number, name in enumerate(arms)}
        for one in sorted(seen, key=lambda s: s.at):
            if one.arm not in known:
                continue
            row = answers.setdefault(one.answer, {"at": one.at, "arm": known[one.arm], "unit": one.unit, "part": ""})
            row.update({name.value: value for name, value in one.values.items()})
            if one.prior is not None:
                row["prior"] = one.prior
            row["part"] = one.part or row["part"]
        rows = list(answers.values())
        parts = tuple(sorted({str(row["part"]) for row in rows}))
        units = {unit: number for number, unit in enumerate(dict.fromkeys(str(row["unit"]) for row in rows))}
        return cls(
            tuple(arms),
            parts,
            _column(rows, "at"),
            np.array([row["arm"] for row in rows], np.int64),
            np.array([units[str(row["unit"])] for row in rows], np.int64),
            np.array([parts.index(str(row["part"])) for row in rows], np.int64),
            {metric: _column(rows, metric.value) for metric in Metric},
            _column(rows, "prior"),
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


def _column(rows: Sequence[Mapping[str, object]], name: str) -> Floats:
    return np.array([row.get(name, np.nan) for row in rows], np.float64)
