"""From scores to honest numbers.

::

    scores --temperature--> probabilities --Venn-ABERS--> interval, and the probability that the choice is right
                                          --split conformal--> the set that holds what is right in 95 of 100 cases
    nearest known question --share of calibration questions that were nearer--> novelty

Everything is fitted on questions that the head has not seen, and kept as tables. Temperature scaling: Guo et al., ICML
2017. Venn-ABERS predictors: Vovk, Petej & Fedorova, NIPS 2015. Conformal sets: Sadinle, Lei & Wasserman, JASA 2019.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cmo.model.evidence import FloatArray
from cmo.route.head import softmax

Floats = NDArray[np.float64]
MISSED = 0.05
"""Share of questions whose conformal set may lack what is right."""
_ENOUGH = 100
"""Calibration questions of a class from which it gets a threshold of its own."""
_HOTTEST, _COLDEST = 20.0, 0.05
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 60
_NOVELTY_POINTS = 41


@dataclass(frozen=True, slots=True)
class VennAbers:
    """Two isotonic fits a score: one as if the question at hand were wrong, one as if it were right."""

    scores: tuple[float, ...]
    """Distinct calibration scores, ascending."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    """One more than scores times two: below the first, at it, between it and the next …, above the last."""

    @classmethod
    def fit(cls, scores: Sequence[float], right: Sequence[bool]) -> Self:
        """From calibration scores and whether each choice was right."""
        given = np.array([round(float(score), 6) for score in scores], np.float64)
        known = np.unique(given)
        places = [-math.inf]
        for a, b in zip(known, [*known[1:], math.inf], strict=True):
            places += [float(a), (float(a) + float(b)) / 2]
        labels = np.asarray(right, np.float64)
        bounds = [(_at(given, labels, s, 0.0), _at(given, labels, s, 1.0)) for s in places]
        low, high = zip(*bounds, strict=True)
        return cls(tuple(known.tolist()), tuple(low), tuple(high))

    def interval(self, score: float) -> tuple[float, float]:
        """Lower and upper probability that the choice is right."""
        if not self.scores:
            return 0.0, 1.0
        score = round(score, 6)
        place = bisect_left(self.scores, score)
        exactly = place < len(self.scores) and self.scores[place] == score
        slot = 2 * place + 1 if exactly else 2 * place
        return self.low[slot], self.high[slot]


def joined(interval: tuple[float, float]) -> float:
    """One probability for both bounds: the one that loses least, whichever is true (Vovk et al.)."""
    low, high = interval
    return high / (1 - low + high)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on questions that the head has not seen."""

    temperature: float = 1.0
    """Of needs."""
    work_temperature: float = 1.0
    right: VennAbers = field(default_factory=lambda: VennAbers((), (0.0,), (1.0,)))
    """From the probability of the chosen destination to that of its being right."""
    missed: float = MISSED
    quantile: float = 1.0
    """A destination is possible if 1 - its probability is at most this."""
    quantiles: Mapping[str, float] = field(default_factory=dict)
    """The same for destinations with enough calibration questions of their own."""
    likenesses: tuple[float, ...] = ()
    """Likeness of calibration questions to the nearest known one: evenly spaced quantiles, ascending."""
    uncertain: float = 0.0
    """A choice of less probability than this is worth a second opinion."""
    trust: float = 2.0
    """Log-odds by which a language model's opinion counts."""
    about: Mapping[str, Any] = field(default_factory=dict)

    def possible(self, name: str, probability: float) -> bool:
        """Whether a destination belongs to the conformal set."""
        return 1 - probability <= self.quantiles.get(name, self.quantile) + 1e-9

    def novelty(self, likeness: float) -> float:
        """Share of calibration questions that were nearer to a known one."""
        if not self.likenesses:
            return 0.0
        return round(1 - bisect_right(self.likenesses, likeness) / len(self.likenesses), 3)

    def as_json(self) -> dict[str, Any]:
        """As `of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From plain values.

        Raises:
            ValueError: they are none of a calibration.
        """
        try:
            right = VennAbers(*(tuple(map(float, facts["right"][name])) for name in ("scores", "low", "high")))
            if not len(right.low) == len(right.high) == 2 * len(right.scores) + 1:
                raise ValueError("its tables do not fit each other")
            numbers = ("temperature", "work_temperature", "missed", "quantile", "uncertain", "trust")
            return cls(
                **{name: float(facts[name]) for name in numbers},
                right=right,
                quantiles={str(k): float(v) for k, v in facts["quantiles"].items()},
                likenesses=tuple(map(float, facts["likenesses"])),
                about=dict(facts["about"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it lacks {error}") from error


def temperature(scores: FloatArray, gold: Sequence[int]) -> float:
    """The divisor of scores (questions, classes) under which the gold classes are likeliest, by golden section."""
    rows = np.arange(len(gold))

    def surprise(log_t: float) -> float:
        chances = softmax(scores, math.exp(log_t))[rows, np.asarray(gold)]
        return float(-np.log(np.maximum(chances, 1e-12)).mean())

    low, high = math.log(_COLDEST), math.log(_HOTTEST)
    for _ in range(_STEPS):
        third = _GOLDEN * (high - low)
        if surprise(high - third) < surprise(low + third):
            high = low + third
        else:
            low = high - third
    return round(math.exp((low + high) / 2), 5)


def conformal(probabilities: Floats, names: Sequence[str], gold: Sequence[int]) -> tuple[float, dict[str, float]]:
    """Thresholds of 1 - probability: one for all, and one for each class with enough questions."""
    missing = 1 - probabilities[np.arange(len(gold)), np.asarray(gold)]
    own = {
        name: _quantile(missing[np.asarray(gold) == n])
        for n, name in enumerate(names)
        if int((np.asarray(gold) == n).sum()) >= _ENOUGH
    }
    return _quantile(missing), own


def quantiles(likenesses: Sequence[float]) -> tuple[float, ...]:
    """What novelty is told by."""
    return (
        tuple(np.round(np.quantile(likenesses, np.linspace(0, 1, _NOVELTY_POINTS)), 4).tolist())
        if len(likenesses)
        else ()
    )


def isotonic(values: Floats, weights: Floats) -> Floats:
    """The nondecreasing sequence nearest to some values: pool adjacent violators."""
    means: list[float] = []
    sizes: list[float] = []
    counts: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        means.append(value)
        sizes.append(weight)
        counts.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            total = sizes[-2] + sizes[-1]
            means[-2:] = [(means[-2] * sizes[-2] + means[-1] * sizes[-1]) / total]
            sizes[-2:] = [total]
            counts[-2:] = [counts[-2] + counts[-1]]
    return np.repeat(means, counts)


def _at(scores: Floats, labels: Floats, score: float, label: float) -> float:
    """The isotonic fit at a score, where a question of that score and label joins the others."""
    every = np.append(scores, score)
    places, inverse = np.unique(every, return_inverse=True)
    weights = np.bincount(inverse).astype(np.float64)
    means = np.bincount(inverse, np.append(labels, label)) / weights
    return round(float(isotonic(means, weights)[np.searchsorted(places, score)]), 5)


def _quantile(missing: Floats) -> float:
    """That of split conformal prediction: the ceil((n + 1)(1 - missed))-th smallest; 1 where there are too few."""
    rank = math.ceil((len(missing) + 1) * (1 - MISSED))
    return 1.0 if rank > len(missing) else round(float(np.sort(missing)[rank - 1]), 6)
