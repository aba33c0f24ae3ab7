"""What a router got right, and how well it knew: figures over labelled questions, with intervals over clusters.

Questions of one topic or template are not independent, so whole clusters are drawn in the bootstrap. A destination is
right where the label accepts it (EITHER accepts both engines); `strict` counts the label itself alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cmo.bench.metrics import Estimate
from cmo.model.routes import Destination, ResearchCategory, Route
from cmo.route.decide import category
from cmo.route.labels import Labelled

RESAMPLES = 10_000
BINS = 15
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Guesses:
    """What one system said to labelled questions."""

    labels: tuple[Labelled, ...]
    destinations: tuple[Destination, ...]
    research: tuple[ResearchCategory, ...]
    probabilities: Floats
    """(questions,) that the destination is right."""

    @classmethod
    def of(cls, labels: Sequence[Labelled], routes: Sequence[Route]) -> Guesses:
        """From routes."""
        return cls(
            tuple(labels),
            tuple(route.destination for route in routes),
            tuple(route.research for route in routes),
            np.array([route.probability for route in routes]),
        )

    @property
    def right(self) -> Bools:
        """Whether each destination is accepted."""
        return np.array([label.accepts(d) for label, d in zip(self.labels, self.destinations, strict=True)])

    @property
    def strictly(self) -> Bools:
        """Whether each is the label itself."""
        return np.array([label.destination is d for label, d in zip(self.labels, self.destinations, strict=True)])

    @property
    def categories(self) -> Bools:
        """Whether each category is that of the label, or that of a destination that it accepts besides."""
        return np.array(
            [
                category(d) is (label.category or category(label.destination)) or d in label.also
                for label, d in zip(self.labels, self.destinations, strict=True)
            ]
        )

    @property
    def works(self) -> tuple[Bools, Bools]:
        """Whether each research category is accepted, and which questions tell one."""
        told = np.array([label.research is not None for label in self.labels])
        pairs = zip(self.labels, self.research, strict=True)
        return np.array([label.accepts_research(work) for label, work in pairs]), told


class Bootstrap:
    """Draws clusters with replacement: the same draws for every system, so that gains are paired.

    Args:
        clusters: of each question.
        seed: of the draws.
    """

    def __init__(self, clusters: Sequence[str], seed: int = 0) -> None:
        names = {name: n for n, name in enumerate(dict.fromkeys(clusters))}
        self._of = np.array([names[name] for name in clusters], np.int64)
        self.clusters = len(names)
        dice = np.random.default_rng(seed)
        even = np.full(len(names), 1 / len(names))
        self._draws = dice.multinomial(len(names), even, size=RESAMPLES).astype(np.float64)

    def share(self, right: Bools, among: Bools | None = None) -> Estimate:
        """A share with its interval."""
        drawn = self._shares(right, among)
        whole = np.ones_like(right) if among is None else among
        return _estimate(_mean(right[whole]), drawn)

    def gain(self, ours: Bools, theirs: Bools, among: Bools | None = None) -> Estimate:
        """How many points more, question by question."""
        whole = np.ones_like(ours) if among is None else among
        value = _mean(ours[whole]) - _mean(theirs[whole])
        return _estimate(value, self._shares(ours, among) - self._shares(theirs, among))

    def ratio(self, ours: Bools, theirs: Bools) -> Estimate:
        """How much more in proportion: .1 is a tenth more right answers."""
        drawn = self._shares(ours, None) / np.maximum(self._shares(theirs, None), 1e-9) - 1
        return _estimate(_mean(ours) / max(_mean(theirs), 1e-9) - 1, drawn)

    def f1(self, gold: Sequence[StrEnum], said: Sequence[StrEnum]) -> Estimate:
        """Macro-F1 over the classes that occur."""
        total = np.zeros(RESAMPLES)
        values = []
        classes = list(dict.fromkeys(gold))
        for name in classes:
            is_gold = np.array([g is name for g in gold])
            is_said = np.array([s is name for s in said])
            hits = self._draws @ self._sums((is_gold & is_said).astype(np.float64))
            both = self._draws @ self._sums(is_gold.astype(np.float64) + is_said)
            total += np.where(both > 0, 2 * hits / np.maximum(both, 1), 0.0)
            values.append(2 * float((is_gold & is_said).sum()) / max(1, int(is_gold.sum() + is_said.sum())))
        return _estimate(float(np.mean(values)), total / len(classes))

    def _shares(self, right: Bools, among: Bools | None) -> Floats:
        counted = np.ones(len(right)) if among is None else among.astype(np.float64)
        hits = self._draws @ self._sums(right * counted)
        found: Floats = hits / np.maximum(self._draws @ self._sums(counted), 1.0)
        return found

    def _sums(self, values: Floats) -> Floats:
        return np.bincount(self._of, values, minlength=self.clusters).astype(np.float64)


def calibration_error(probabilities: Floats, right: Bools, bins: int = BINS) -> float:
    """How far stated and true shares lie apart on average, over bins of equally many questions."""
    if not len(probabilities):
        return math.nan
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(probabilities[part].mean() - right[part].mean()) for part in parts]
    return float(sum(gaps) / len(probabilities))


def calibration_floor(probabilities: Floats, seed: int = 0, times: int = 400) -> float:
    """The calibration error that probabilities have on so few questions even where each of them is true."""
    dice = np.random.default_rng(seed)
    drawn = (dice.random((times, len(probabilities))) < probabilities).astype(np.bool_)
    return float(np.mean([calibration_error(probabilities, row) for row in drawn]))


def brier(probabilities: Floats, right: Bools) -> float:
    """Mean squared distance of stated probability and truth."""
    return float(((probabilities - right) ** 2).mean())


def selective(probabilities: Floats, right: Bools, coverage: float) -> float:
    """Share right among the surest questions, so many of them."""
    kept = max(1, round(coverage * len(right)))
    return _mean(right[_surest(probabilities)[:kept]])


def coverage_at(probabilities: Floats, right: Bools, accuracy: float) -> float:
    """The largest share of questions, surest first, of which so many are right."""
    shares = np.cumsum(right[_surest(probabilities)]) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(shares >= accuracy)
    return float((enough[-1] + 1) / len(right)) if len(enough) else 0.0


def per_class(guesses: Guesses) -> dict[str, Mapping[str, float]]:
    """Precision, recall and F1 of each destination, strictly."""
    found: dict[str, Mapping[str, float]] = {}
    for name in Destination:
        gold = np.array([label.destination is name for label in guesses.labels])
        said = np.array([d is name for d in guesses.destinations])
        hits = int((gold & said).sum())
        found[name.value] = {
            "questions": int(gold.sum()),
            "precision": round(hits / max(1, int(said.sum())), 4),
            "recall": round(hits / max(1, int(gold.sum())), 4),
            "f1": round(2 * hits / max(1, int(gold.sum() + said.sum())), 4),
        }
    return found


def per_slice(guesses: Guesses, key: Callable[[Labelled], str]) -> dict[str, Mapping[str, float]]:
    """Accuracy in parts of the questions."""
    right, strictly, (works, told) = guesses.right, guesses.strictly, guesses.works
    found: dict[str, Mapping[str, float]] = {}
    for name in sorted({key(label) for label in guesses.labels}):
        among = np.array([key(label) == name for label in guesses.labels])
        found[name] = {
            "questions": int(among.sum()),
            "accuracy": round(_mean(right[among]), 4),
            "strict": round(_mean(strictly[among]), 4),
            "research": round(_mean(works[among & told]), 4),
        }
    return found


def _surest(probabilities: Floats) -> NDArray[np.int64]:
    return np.argsort(-probabilities, kind="stable").astype(np.int64)


def _mean(right: Bools) -> float:
    return float(right.mean()) if len(right) else math.nan


def _estimate(value: float, drawn: Floats) -> Estimate:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(round(value, 4), round(float(low), 4), round(float(high), 4))
